/**
 * A program that owns a TPM with checkpoints and extends PCR 10 for ever, printing the number of each command once it is
 * answered: `node tpm-counting-owner.js DIRECTORY new|existing FIRST`.
 */
import { CheckpointedDevice } from '../../live/tpm/checkpointed-device.js';
import { extend } from '../support/model-commands.js';

const [directory = '', state = '', first = ''] = process.argv.slice(2);
const device = await CheckpointedDevice.start({
  directory,
  state: state === 'new' ? 'new' : 'existing',
  startup: true,
});
for (let sequence = Number(first); ; sequence++) {
  await device.execute(extend(10), { locality: 0, sequence });
  process.stdout.write(`${sequence}\n`);
}
