/**
 * A guest gets SIGKILL when it has asked for something that cannot be taken back, and before it could write that down: the
 * next process neither forgets it nor asks again. What may be asked twice, such as for a watch, it asks again.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import t, { type Test } from 'tap';
import { native } from '../../live/memory/native.js';
import type { ControlCommand } from '../../live/toolstack/control.js';
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
/** A migration of an idle guest, until it may run where it has moved to. A step that is no turn waits until all were taken. */
const MOVES = [
  ...TO_HYPERCALL,
  'guest1.kernel/suspend',
  'toolstack.run/drain_vtpm',
  'tpmback1/watches',
  'tpmback1.drain/quiesced',
  'tpmback2/start',
  'tpmback2/watches',
];
/** What has been asked for is done, and the first word that would tell of it is not stored. */
const dies = (step: string, guest = 'guest1'): string => `fault/kill ${guest} in ${guest}.kernel/${step} after store 0`;
/** The next process looks what was left to it. */
const RETURNS = 'guest1/returns';

interface Story {
  readonly live: LiveRun;
  /** Folder with the trace. */
  readonly trace: string;
  /** Sends a command to the toolstack; when that fails, nobody waits for turns any more. */
  asks(command: ControlCommand): Promise<unknown>;
  /** Waits until the guest has died once more, and lets the next one have its turn. */
  died(): Promise<void>;
  /** Waits until every turn has been taken. */
  taken(): Promise<void>;
  /** Ends it; resolves to how often each step was begun. */
  end(): Promise<(step: string) => number>;
}

async function story(t: Test, steps: readonly string[]): Promise<Story> {
  const folder = mkdtempSync(`${tmpdir()}/quiesce-death-`);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const trace = `${folder}/trace`;
  const live = await LiveRun.begin({ trace, turns: steps });
  t.teardown(() => live.end());
  const turns = Turns.of(trace, TraceClock.ofFile(trace)) as Turns;
  let failure: Error | null = null;
  let deaths = 0;
  const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await holds())) {
      if (failure !== null) throw new Error(`expected ${turns.steps[turns.next]} next: ${failure.message}`);
      await pause(2);
    }
  };
  const restarts = async (): Promise<number> => {
    const parts = (await live.status()).hosts.flatMap((host) => host.parts);
    return parts.reduce((sum, part) => sum + (part.name === 'guest' ? part.restarts : 0), 0);
  };
  await live.extend();
  turns.begin();
  return {
    live,
    trace,
    asks: (command) => {
      const asked = live.control(command);
      asked.catch((error: Error) => {
        failure = error;
      });
      return asked;
    },
    died: async () => {
      await until(() => turns.steps[turns.next]?.startsWith('fault/') === true);
      deaths++;
      await until(async () => (await restarts()) === deaths);
      turns.pass();
    },
    taken: () => until(() => turns.free),
    end: async () => {
      await live.extend();
      t.same(await live.pcr(), live.expected);
      t.strictSame(await live.end(), { files: false, processes: [] });
      const { status, out } = await quiesce(['live', 'conform', trace]);
      t.equal(status, 0, out);
      const lines = readdirSync(trace)
        .filter((file) => /-guest\.\d+\.jsonl$/.test(file))
        .flatMap((file) => readFileSync(`${trace}/${file}`, 'utf8').split('\n'));
      return (step) => lines.filter((line) => line.includes(`"begin":"${step}"`)).length;
    },
  };
}

t.test('in processes', { skip: native() === null ? 'koffi is not installed' : false, timeout: 300_000 }, async (t) => {
  t.test('it has acknowledged: it suspends', async (t) => {
    const { live, asks, died, taken, end } = await story(t, [ASKED, dies('acknowledge')]);
    const suspended = asks('suspend');
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
    const { live, asks, died, taken, end } = await story(t, [...TO_HYPERCALL, dies('suspend'), RETURNS]);
    const suspended = asks('suspend');
    await died();
    await taken();
    await suspended;
    await live.control('cancel');
    const count = await end();
    t.equal(count('guest1.kernel/suspend'), 1);
  });

  t.test('it has stopped in its hypercall, and was let go on before it is back', async (t) => {
    const { live, asks, died, taken, end } = await story(t, [
      ...TO_HYPERCALL,
      dies('suspend'),
      'toolstack/resume guest1',
      RETURNS,
    ]);
    const suspended = asks('suspend');
    await died();
    await suspended;
    await live.control('cancel');
    await taken();
    const count = await end();
    t.equal(count('guest1.kernel/suspend'), 1);
  });

  t.test('where it has moved to, before its watches are registered, and after', async (t) => {
    const { trace, asks, died, taken, end } = await story(t, [
      ...MOVES,
      'guest2.kernel/gnttab_resume',
      dies('xs_resume', 'guest2'),
      'guest2.kernel/xs_resume',
      dies('dpm_resume', 'guest2'),
    ]);
    const moved = asks('migrate');
    await died();
    await died();
    await taken();
    await moved;
    const count = await end();
    t.equal(count('guest2.kernel/xs_resume'), 2);
    const accepted = async (): Promise<void> => {
      const { status, out } = await quiesce(['live', 'conform', trace, '--json']);
      t.equal(status, 0);
      const { schedule } = JSON.parse(out) as { schedule: string[] };
      t.ok(schedule.includes('live/guest2 registers its watches once more'));
    };
    await accepted();
    // It may have died when the step was done, before it could tell.
    const second = `${trace}/b-guest.2.jsonl`;
    const lines = readFileSync(second, 'utf8').split('\n');
    const begun = lines.findIndex((line) => line.includes('"begin":"guest2.kernel/xs_resume"'));
    writeFileSync(second, `${lines.slice(0, begun + 1).join('\n')}\n`);
    await accepted();
  });
});
