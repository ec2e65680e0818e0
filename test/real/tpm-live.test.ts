/**
 * Every recorded session of tpm2-tools through the live pair: TCTI, frontend, ring, backend and swtpm, each a process.
 */
import t from 'tap';
import { LiveRun } from '../support/live/live-run.js';
import { answerDifferences, replaySession } from '../support/replay/replayer.js';
import { recordedSession, SESSION_FILES } from '../support/sessions.js';
import { LiveExecutor } from './live-executor.js';
import { DirectSwtpm, runTpmTool, testFolder } from './tpm-toolbox.js';
import { pcrValues } from './tpm-values.js';

const SESSION_MILLISECONDS = 240_000;

for (const file of SESSION_FILES) {
  const session = recordedSession(file.replace('.jsonl', ''));
  t.test(
    `${session.name}: recorded codes and sizes, and the PCRs of a run straight into swtpm`,
    { timeout: SESSION_MILLISECONDS },
    async (t) => {
      const straight = await (await DirectSwtpm.start(t)).executor(t);
      await replaySession(session, straight);
      const expected = await pcrValues(straight);

      const live = await LiveRun.begin({ tpm: 'swtpm', startup: false, tcti: { protocol: 'mssim', port: 0 } });
      try {
        const client = await LiveExecutor.connect(live.port);
        const replayed = await replaySession(session, client);
        t.equal(replayed.length, session.entries.length);
        t.strictSame(answerDifferences(replayed), []);
        t.strictSame(await pcrValues(client), expected);
        client.close();
        const { exactlyOnce, issued, executed } = await live.status();
        t.equal(exactlyOnce, true);
        t.equal(executed, issued);
      } finally {
        t.strictSame(await live.end(), { files: false, processes: [] });
      }
    },
  );
}

t.test('unmodified tools, and a migration in the middle of them', { timeout: SESSION_MILLISECONDS }, async (t) => {
  const live = await LiveRun.begin({ tpm: 'swtpm' });
  const folder = testFolder(t);
  const tool = async (...words: readonly string[]): Promise<string> => {
    const { status, stdout } = await runTpmTool(`swtpm:host=127.0.0.1,port=${live.port}`, folder, words);
    t.equal(status, 0, words.join(' '));
    return stdout;
  };
  try {
    await tool('tpm2_createprimary', '-Q', '-G', 'ecc', '-c', 'primary.ctx');
    await tool('tpm2_nvdefine', '-Q', '0x1500001', '-a', 'nt=counter|ownerread|ownerwrite|authread|authwrite');
    await tool('tpm2_nvincrement', '0x1500001');
    await tool('tpm2_pcrextend', `16:sha256=${'01'.repeat(32)}`);
    const before = await tool('tpm2_pcrread', 'sha256:16');
    const counter = await tool('tpm2_nvread', '0x1500001');
    await live.control('migrate');
    t.equal(await tool('tpm2_pcrread', 'sha256:16'), before);
    t.equal(await tool('tpm2_nvread', '0x1500001'), counter);
    await tool('tpm2_nvincrement', '0x1500001');
    const after = Buffer.from(await tool('tpm2_nvread', '0x1500001'), 'latin1');
    t.equal(after.readBigUInt64BE(), Buffer.from(counter, 'latin1').readBigUInt64BE() + 1n);
    await tool(
      'tpm2_create',
      '-Q',
      '-G',
      'ecc',
      '-C',
      'primary.ctx',
      '-u',
      'key.pub',
      '-r',
      'key.priv',
      '-c',
      'key.ctx',
    );
    // The tools leave their objects behind, and there is room for three.
    await tool('tpm2_flushcontext', '-t');
    await tool('tpm2_quote', '-Q', '-c', 'key.ctx', '-l', 'sha256:16', '-m', 'quote.msg', '-s', 'quote.sig');
  } finally {
    t.strictSame(await live.end(), { files: false, processes: [] });
  }
});
