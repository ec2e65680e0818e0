/**
 * Rounds of a soak with the model TPM, which the simulator can do too; and that its oracles can fail.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import t from 'tap';
import { native } from '../../live/memory/native.js';
import { PcrClient } from '../../live/soak/pcr-client.js';
import { Seeded } from '../../live/soak/seeded.js';
import { soak } from '../../live/soak/soak.js';
import { quiesce } from '../support/fake-terminal.js';
import { LiveRun } from '../support/live/live-run.js';

const ROUNDS = 12;

t.test('deaths, migrations and cancellations: a possible schedule', { timeout: 600_000 }, async (t) => {
  if (native() === null) {
    t.comment('koffi is not installed');
    t.pass();
    return;
  }
  const folder = mkdtempSync(`${tmpdir()}/quiesce-soak-`);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const trace = `${folder}/trace`;
  const live = await LiveRun.begin({ trace });
  try {
    const result = await soak({
      directory: live.directory,
      seed: 3,
      tools: false,
      goOn: (rounds) => rounds < ROUNDS,
      onRound: ({ text }) => t.comment(text),
    });
    t.strictSame(result.failures, []);
    t.equal(result.rounds, ROUNDS);
  } finally {
    t.strictSame(await live.end(), { files: false, processes: [] });
  }
  const { status, out } = await quiesce(['live', 'conform', trace]);
  t.equal(status, 0, out);
  t.match(out, 'accepted in live');
});

t.test(
  'a command that nobody knows of, one that is lost and one executed twice are found',
  { timeout: 300_000 },
  async (t) => {
    const live = await LiveRun.begin({ threads: true });
    try {
      const tcti = `swtpm:host=127.0.0.1,port=${live.port}`;
      const client = new PcrClient(tcti, false);
      await client.extend();
      await client.check();
      const other = new PcrClient(tcti, false);
      await t.rejects(other.check(), /expected PCR 16 to be/, 'one that was not issued here was executed');
      await other.extend();
      await t.rejects(client.check(), /expected PCR 16 to be/);
      t.equal(client.answered, 1);
    } finally {
      await live.end();
    }
  },
);

t.test('the same seed draws the same numbers', async (t) => {
  const draw = (seed: number): number[] => {
    const random = new Seeded(seed);
    return Array.from({ length: 50 }, () => random.below(1000));
  };
  t.strictSame(draw(5), draw(5));
  t.notSame(draw(5), draw(6));
  t.ok(new Set(draw(0)).size > 30);
});
