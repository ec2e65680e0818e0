/** The client of the control channel against a real swtpm, request by request, in each state of the TPM. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Channel } from '../../live/tpm/channel.js';
import { ControlChannel } from '../../live/tpm/control-channel.js';
import { SwtpmProcess } from '../../live/tpm/swtpm-process.js';
import { readResponseHeader } from '../../protocol/tpm/header.js';
import { PTM_INIT_FLAG_DELETE_VOLATILE, PTM_RESULT } from '../../protocol/tpm/ptm.js';
import { TPM_RC } from '../../protocol/tpm/response-codes.js';
import { sendCommand, sentCommandAnswerSize, sentCommandResponse } from '../../protocol/tpm/send-command.js';
import { startup } from '../support/model-commands.js';
import { testFolder } from './tpm-toolbox.js';

const REFUSED = { code: 'TPM_CONTROL_REFUSED' };

t.test('swtpm takes every request and answers as it should, before INIT, while it runs, and stopped', async (t) => {
  const directory = join(testFolder(t), 'state');
  mkdirSync(directory);
  const process = await SwtpmProcess.start({ directory });
  t.teardown(() => process.kill());
  const data = new Channel('data', process.data, () => undefined);
  const control = new ControlChannel(process.control, 5000, () => undefined);
  const code = async (): Promise<number> =>
    readResponseHeader(sentCommandResponse(await data.ask(sendCommand(startup, 0), sentCommandAnswerSize))).code;

  t.equal((await control.capability()) & 0x7fff, 0x7fff);
  t.equal(await code(), TPM_RC.FAILURE, 'it is off');
  await t.rejects(control.established(), REFUSED);
  await t.rejects(control.stateBlob('permanent'), REFUSED);
  t.strictSame(await control.bufferSize(3000), { now: 3000, minimum: 2808, maximum: 4096 });
  t.strictSame(await control.bufferSize(4096), { now: 4096, minimum: 2808, maximum: 4096 });
  t.equal(await control.setStateBlob('volatile', Uint8Array.of(1, 2, 3)), PTM_RESULT.BAD_PARAMETER);

  await control.init(PTM_INIT_FLAG_DELETE_VOLATILE);
  t.equal(await code(), 0);
  // Asked all at once, they go out one after the other: swtpm would lose those in between.
  const [established, info, permanent, volatile, savestate] = await Promise.all([
    control.established(),
    control.info(7),
    control.stateBlob('permanent'),
    control.stateBlob('volatile'),
    control.stateBlob('savestate'),
    control.cancelCommand(),
    control.setLocality(4),
  ]);
  t.equal(established, false);
  t.match(JSON.parse(info), { TPMSpecification: { family: '2.0' } });
  t.ok(permanent !== null && volatile !== null);
  t.equal(savestate, null);
  await t.rejects(control.setLocality(5), { ...REFUSED, message: /0x3d/ });
  await t.rejects(control.bufferSize(3000), REFUSED);
  t.equal(await control.setStateBlob('permanent', permanent ?? startup), PTM_RESULT.BAD_ORDINAL, 'not while it runs');

  await control.stop();
  t.equal(await code(), TPM_RC.FAILURE);
  t.equal(await control.setStateBlob('permanent', permanent ?? startup), 0);
  t.equal(await control.setStateBlob('volatile', volatile ?? startup), 0);
  await control.init(PTM_INIT_FLAG_DELETE_VOLATILE);
  t.equal(await code(), TPM_RC.INITIALIZE, 'resumed');
  await control.shutdown();
  t.match(await process.ended, /status 0/);
  await t.rejects(control.capability(), { code: 'TPM_LOST' });
});
