/**
 * `quiesce explore` for a scenario of block data: the verdict on its pair of drivers, what the argument says it must be,
 * and a shortest schedule where it does not hold.
 */

import { writeWhole } from '../library/files.js';
import { allocateLarge } from '../platform/large-pages.js';
import { BLOCK_SCENARIOS, type BlockScenario, isBlockName } from '../scenarios/block-scenarios.js';
import { formatBlockSchedule } from '../simulator/block-data/schedule.js';
import { type BlockVerdict, decideBlock } from '../simulator/block-data/verdict.js';
import { find } from '../simulator/drivers.js';
import type { DecideOptions } from '../simulator/explore/decide.js';
import { DAEMONS } from '../simulator/world-options.js';
import type { DaemonName } from '../xenstore-sim/index.js';
import { type Arguments, usage } from './arguments.js';
import { effortLines } from './effort.js';
import { counted, daemonText, failureLines, oracleTitle, replayLine, scheduleLines, wrapped } from './schedule-text.js';
import { coloursOf, type Terminal } from './terminal.js';

export interface TimedBlockVerdict extends BlockVerdict {
  readonly seconds: number;
}

/** What says which drivers of a vTPM take part, and how. A scenario of block data has its own. */
const OF_OTHERS = ['tpmfront', 'tpmback', 'session', 'commands', 'grain', 'design'] as const;

/** The scenario that the options name; null for another kind. Throws `USAGE` and `UNKNOWN_NAME`. */
export function blockOf(args: Arguments): BlockScenario | null {
  const name = args.text('scenario');
  if (name === undefined || !isBlockName(name)) return null;
  const foreign = OF_OTHERS.find((option) => args.text(option) !== undefined);
  if (foreign !== undefined) throw usage(`--${foreign}: ${name} names its drivers itself; leave --${foreign} out`);
  return findBlock(name, args.oneOf('daemon', DAEMONS));
}

/** With the usual xenstored, or with `daemon`. Throws `UNKNOWN_NAME` with the scenarios there are. */
export function findBlock(name: string, daemon?: DaemonName): BlockScenario {
  const scenario = find('scenario', BLOCK_SCENARIOS, name);
  return daemon === undefined ? scenario : { ...scenario, options: { ...scenario.options, daemon } };
}

/** Decides, and measures. `clock` gives seconds since some moment. */
export function decideBlockTimed(
  { name, options }: BlockScenario,
  search: DecideOptions,
  clock: () => number,
): TimedBlockVerdict {
  const start = clock();
  const { schedule, token, ...verdict } = decideBlock(name, options, { allocate: allocateLarge, ...search });
  return { ...verdict, seconds: Math.round((clock() - start) * 1e6) / 1e6, schedule, token };
}

/** Writes the schedule file of a failure. */
export function writeBlockSchedule(file: string, { schedule, ...names }: BlockVerdict): void {
  writeWhole(file, formatBlockSchedule({ ...names, steps: schedule }));
}

export function blockText({ name, row }: BlockScenario, verdict: TimedBlockVerdict, terminal: Terminal): string {
  const colours = coloursOf(terminal);
  const { blkfront, blkback, daemon, oracle, fault, states, schedule, token } = verdict;
  const effort = effortLines(verdict, terminal.columns);
  const lines = [colours.bold(name), `blkfront ${blkfront} with blkback ${blkback}${daemonText(daemon)}`, ''];
  if (oracle === null) {
    const bounded = colours.yellow(`no failure in ${counted(states, 'state')} (not complete)`);
    lines.push(verdict.complete ? `${colours.green('holds')} in every schedule` : bounded, ...effort);
  } else {
    lines.push(
      colours.red(`${oracle} fails`),
      ...wrapped(oracleTitle(oracle), terminal.columns),
      ...effort,
      '',
      ...scheduleLines(schedule, colours),
      ...failureLines(oracle, fault, colours),
    );
  }
  const expected =
    row.oracle === null ? 'It must hold' : `${row.oracle}${row.or === undefined ? '' : ` or ${row.or}`} must fail`;
  lines.push('', ...wrapped(`${expected}: ${row.why}.`, terminal.columns));
  if (token !== null) lines.push('', 'To replay it:', replayLine(terminal.program, token));
  return `${lines.join('\n')}\n`;
}
