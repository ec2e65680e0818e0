/** A program that owns an swtpm, prints its process id, and waits to be killed: `node tpm-owner.js DIRECTORY idle|busy`. */
import { SwtpmDevice } from '../../live/tpm/swtpm-device.js';
import { createRsa3072 } from './tpm-slow-command.js';

const [directory = '', activity] = process.argv.slice(2);
const device = await SwtpmDevice.start({ directory, state: 'new', startup: true });
if (activity === 'busy') void device.execute(await createRsa3072(device), { locality: 0 });
process.stdout.write(`${device.processId}\n`);
setInterval(() => undefined, 1000);
