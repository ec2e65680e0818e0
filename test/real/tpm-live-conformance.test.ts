/**
 * Live runs with swtpm and unmodified tools are possible schedules of the simulator; a counterexample of the simulator, led
 * through a live system, makes swtpm execute a command twice.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { loadSession } from '../../library/sessions.js';
import { findScenario } from '../../scenarios/find-scenario.js';
import { findTpmback, findTpmfront } from '../../simulator/drivers.js';
import { decide } from '../../simulator/verdict.js';
import { quiesce } from '../support/fake-terminal.js';
import { LiveRun } from '../support/live/live-run.js';
import { runTpmTool, testFolder } from './tpm-toolbox.js';

for (const tpmfront of ['sequenced', 'linux']) {
  t.test(`${tpmfront}: tools, a cancelled suspend, a migration`, { timeout: 300_000 }, async (t) => {
    const folder = testFolder(t);
    const trace = `${folder}/trace`;
    const live = await LiveRun.begin({ tpm: 'swtpm', tpmfront, trace });
    const tool = async (...words: readonly string[]): Promise<void> => {
      const { status } = await runTpmTool(`swtpm:host=127.0.0.1,port=${live.port}`, folder, words);
      t.equal(status, 0, words.join(' '));
    };
    try {
      await tool('tpm2_createprimary', '-Q', '-G', 'ecc', '-c', 'primary.ctx');
      await live.control('suspend');
      await live.control('cancel');
      await tool('tpm2_pcrextend', `16:sha256=${'01'.repeat(32)}`);
      await live.control('migrate');
      await tool('tpm2_getrandom', '-Q', '8');
    } finally {
      t.strictSame(await live.end(), { files: false, processes: [] });
    }
    const { status, out, err } = await quiesce(['live', 'conform', trace]);
    t.equal(err, '');
    t.equal(status, 0, out);
    t.match(out, 'accepted in live: a schedule of');
  });
}

t.test('a backend that gets SIGKILL under traffic takes swtpm with it', { timeout: 300_000 }, async (t) => {
  const trace = `${testFolder(t)}/trace`;
  const live = await LiveRun.begin({ tpm: 'swtpm', trace });
  try {
    let answered = 0;
    const traffic = (async () => {
      for (; answered < 20; answered++) await live.extend();
    })();
    while (answered < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    await live.control('kill', 'backend');
    await traffic;
    t.same(await live.pcr(), live.expected);
  } finally {
    await live.end();
  }
  const { status, out } = await quiesce(['live', 'conform', trace]);
  t.equal(status, 0, out);
  t.match(out, 'accepted in live+backend-kills=1');
});

t.test('resend: PCR 10 of swtpm holds an extend that was executed twice', { timeout: 300_000 }, async (t) => {
  const folder = testFolder(t);
  const session = `${folder}/extends.jsonl`;
  const [extend = ''] = readFileSync('scenarios/sessions/ima_extends.jsonl', 'utf8').split('\n').slice(1);
  writeFileSync(session, `${JSON.stringify({ ...(JSON.parse(extend) as object), session: 'extends', seq: 0 })}\n`);
  const { token } = decide({
    scenario: findScenario('live-migration'),
    tpmfront: findTpmfront('resend'),
    tpmback: findTpmback('sequenced'),
    session: loadSession(session),
  });
  const run = [
    'live',
    'drive',
    token ?? '',
    '--tpm',
    'swtpm',
    '--directory',
    `${folder}/run`,
    '--timeout',
    '60',
    '--json',
  ];
  const { status, out } = await quiesce(run);
  t.equal(status, 1);
  const { missing, issued, executed, pcrs } = JSON.parse(out) as {
    missing: string | null;
    issued: number;
    executed: number;
    pcrs: { pcr: number }[];
  };
  t.strictSame([missing, issued, executed], [null, 1, 2]);
  t.strictSame(
    pcrs.map(({ pcr }) => pcr),
    [10],
  );
});
