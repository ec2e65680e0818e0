/**
 * A guest gets SIGKILL when it has asked for something that cannot be taken back, and before it could write that down: the
 * next process neither forgets it nor asks again.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import t, { type Test } from 'tap';
import { native } from '../../live/memory/native.js';
import { TraceClock } from '../../live/trace/clock.js';
import { Turns } from '../../live/trace/turns.js';
import { quiesce } from '../support/fake-terminal.js';
import { LiveRun, pause } from '../support/live/live-run.js';

const ASKED = 'guest1.xenwatch/shutdown control/shutdown';
/** Of an idle guest, up to its hypercall. */
const TO_HYPERCALL = [
  ASKED,
  'guest1.kernel/acknowledge',
  'guest1.kernel/freeze_tasks',
  'guest1.kernel/dpm_suspend',
  'guest1.kernel/xs_suspend',
];
/** What has been asked for is done, and the first word that would tell of it is not stored. */
const dies = (step: string): string => `fault/kill guest1 in guest1.kernel/${step} after store 0`;
/** The next process looks what was left to it. */
const RETURNS = 'guest1/returns';

interface Story {
  readonly live: LiveRun;
  readonly turns: Turns;
  /** Waits until the guest has died, and lets the next one have its turn. */
  died(): Promise<void>;
  /** Waits until every turn has been taken. */
  taken(): Promise<void>;
  /** Ends it; resolves to how often each step of the guest was begun. */
  end(): Promise<(step: string) => number>;
}

async function story(t: Test, steps: readonly string[]): Promise<Story> {
  const folder = mkdtempSync(`${tmpdir()}/quiesce-death-`);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const trace = `${folder}/trace`;
  const live = await LiveRun.begin({ trace, turns: steps });
  t.teardown(() => live.end());
  const turns = Turns.of(trace, TraceClock.ofFile(trace)) as Turns;
  await live.extend();
  turns.begin();
  return {
    live,
    turns,
    died: async () => {
      while (!turns.steps[turns.next]?.startsWith('fault/')) await pause(2);
      for (;;) {
        const { hosts } = await live.status();
        if (hosts[0]?.parts.find(({ name }) => name === 'guest')?.restarts === 1) break;
        await pause(2);
      }
      turns.pass();
    },
    taken: async () => {
      while (!turns.free) await pause(2);
    },
    end: async () => {
      await live.extend();
      t.same(await live.pcr(), live.expected);
      t.strictSame(await live.end(), { files: false, processes: [] });
      const { status, out } = await quiesce(['live', 'conform', trace]);
      t.equal(status, 0, out);
      const lines = [1, 2].flatMap((start) => readFileSync(`${trace}/a-guest.${start}.jsonl`, 'utf8').split('\n'));
      return (step) => lines.filter((line) => line.includes(`"begin":"${step}"`)).length;
    },
  };
}

t.test('in processes', { skip: native() === null ? 'koffi is not installed' : false, timeout: 300_000 }, async (t) => {
  t.test('it has acknowledged: it suspends', async (t) => {
    const { live, died, taken, end } = await story(t, [ASKED, dies('acknowledge')]);
    const suspended = live.control('suspend');
    await died();
    await taken();
    await suspended;
    t.equal((await live.status()).suspended, true);
    await live.control('cancel');
    const count = await end();
    t.equal(count('guest1.kernel/acknowledge'), 1);
    t.equal(count('guest1.kernel/suspend'), 1);
  });

  t.test('it has stopped in its hypercall, and goes on when it is back', async (t) => {
    const { live, died, taken, end } = await story(t, [...TO_HYPERCALL, dies('suspend'), RETURNS]);
    const suspended = live.control('suspend');
    await died();
    await taken();
    await suspended;
    await live.control('cancel');
    const count = await end();
    t.equal(count('guest1.kernel/suspend'), 1);
  });

  t.test('it has stopped in its hypercall, and was let go on before it is back', async (t) => {
    const { live, died, taken, end } = await story(t, [
      ...TO_HYPERCALL,
      dies('suspend'),
      'toolstack/resume guest1',
      RETURNS,
    ]);
    const suspended = live.control('suspend');
    await died();
    await suspended;
    await live.control('cancel');
    await taken();
    const count = await end();
    t.equal(count('guest1.kernel/suspend'), 1);
  });
});
