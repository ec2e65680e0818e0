/**
 * A live system that is led through steps up to a death, and what it must be found to have been in the end: a run in which
 * each command was executed once, and which the simulator accepts.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Test } from 'tap';
import type { ControlCommand } from '../../../live/toolstack/control.js';
import type { HostPart } from '../../../live/toolstack/live-host.js';
import { TraceClock } from '../../../live/trace/clock.js';
import { Turns } from '../../../live/trace/turns.js';
import { quiesce } from '../fake-terminal.js';
import { LiveRun, pause } from './live-run.js';

export const ASKED = 'guest1.xenwatch/shutdown control/shutdown';
/** Of an idle guest, up to its hypercall. */
export const TO_HYPERCALL = [
  ASKED,
  'guest1.kernel/acknowledge',
  'guest1.kernel/freeze_tasks',
  'guest1.kernel/dpm_suspend',
  'guest1.kernel/xs_suspend',
];
/** A migration of an idle guest, until it may run where it has moved to. A step that is no turn waits until all were taken. */
export const MOVES = [
  ...TO_HYPERCALL,
  'guest1.kernel/suspend',
  'toolstack.run/drain_vtpm',
  'tpmback1/watches',
  'tpmback1.drain/quiesced',
  'tpmback2/start',
  'tpmback2/watches',
];
export interface Story {
  readonly live: LiveRun;
  /** Folder with the trace. */
  readonly trace: string;
  /** Sends a command to the toolstack; when that fails, nobody waits for turns any more. */
  asks(command: ControlCommand): Promise<unknown>;
  /** Waits until the guest has died once more, and lets the next one have its turn. */
  died(): Promise<void>;
  /** How often a part was started again, on both hosts. */
  restarts(part: HostPart): Promise<number>;
  /** Waits until every turn has been taken. */
  taken(): Promise<void>;
  /** Ends it; resolves to how often each step was begun. */
  end(): Promise<(step: string) => number>;
}

export async function story(t: Test, steps: readonly string[]): Promise<Story> {
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
  const restarts = async (name: HostPart): Promise<number> => {
    const parts = (await live.status()).hosts.flatMap((host) => host.parts);
    return parts.reduce((sum, part) => sum + (part.name === name ? part.restarts : 0), 0);
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
      await until(async () => (await restarts('guest')) === deaths);
      turns.pass();
    },
    restarts,
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
