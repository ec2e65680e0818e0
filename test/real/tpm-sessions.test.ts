/** Every recorded session of tpm2-tools, said again to a real swtpm, through each of the ways that lead to it. */
import { join } from 'node:path';
import t from 'tap';
import { TctiServer } from '../../live/tcti/tcti-server.js';
import { answerDifferences, replaySession } from '../support/replay/replayer.js';
import { recordedSession, SESSION_FILES } from '../support/sessions.js';
import { DirectSwtpm, realDevice, tctiExecutor, testFolder } from './tpm-toolbox.js';
import { pcrValues } from './tpm-values.js';

for (const file of SESSION_FILES) {
  const session = recordedSession(file.replace('.jsonl', ''));
  t.test(
    `${session.name}: answers of the recorded codes and sizes, and the PCRs of a run straight into swtpm`,
    async (t) => {
      const straight = await (await DirectSwtpm.start(t)).executor(t);
      t.strictSame(answerDifferences(await replaySession(session, straight)), [], 'straight');
      const expected = await pcrValues(straight);

      const device = await realDevice(t);
      const replayed = await replaySession(session, device);
      t.equal(replayed.length, session.entries.length);
      t.strictSame(answerDifferences(replayed), [], 'device');
      t.strictSame(await pcrValues(device), expected, 'device');

      for (const framing of ['swtpm', 'mssim'] as const) {
        const served = await realDevice(t);
        const path = join(testFolder(t), 'tpm');
        const server = await TctiServer.listen(served, { framing, address: { kind: 'unix', path } });
        t.teardown(() => server.close());
        const client = await tctiExecutor(t, path, framing);
        t.strictSame(answerDifferences(await replaySession(session, client)), [], framing);
        t.strictSame(await pcrValues(client), expected, framing);
      }
    },
  );
}
