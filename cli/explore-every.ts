/**
 * `quiesce explore` for a driver of one's own without `--scenario`: every situation of the verdict table, one line each,
 * beside what is known of the driver it extends, and the shortest schedule that breaks it.
 */

import { isDriverFile } from '../library/driver-file.js';
import { parentOf } from '../library/driver-shape.js';
import { pairingOfNames, tryOwnDrivers } from '../library/question.js';
import { EXPECTED } from '../scenarios/expected.js';
import { CHECK_SCENARIOS, SCENARIOS } from '../scenarios/scenarios.js';
import { find } from '../simulator/drivers.js';
import type { Reduction } from '../simulator/explore/explore.js';
import type { Pairing } from '../simulator/pairing.js';
import type { WorldNames } from '../simulator/schedule.js';
import { namesOf } from '../simulator/verdict.js';
import type { OracleName } from '../simulator/world-state.js';
import type { Arguments } from './arguments.js';
import { caseOf } from './ci/case.js';
import { reportToCi } from './ci/report.js';
import { writeFailure } from './emit-test.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { driverNames, extentOf } from './pairing-options.js';
import type { ProgressLine } from './progress.js';
import { counted, failureLines, oracleTitle, replayLine, scheduleLines, wrapped } from './schedule-text.js';
import { tableLines } from './table.js';
import { type Colours, coloursOf, type Terminal } from './terminal.js';
import { decideTimed, type TimedVerdict } from './timed-verdict.js';

interface Decided {
  readonly pairing: Pairing;
  readonly names: WorldNames;
  readonly verdict: TimedVerdict;
}

interface Search {
  readonly order: 'dfs' | 'bfs' | undefined;
  readonly reduction: Reduction | undefined;
  readonly maxStates: number | undefined;
  readonly progress: ProgressLine;
}

/** Whether the arguments ask for every situation: a driver file, and no scenario. */
export function asksForEvery(args: Arguments): boolean {
  const { tpmfront, tpmback = '' } = driverNames(args);
  return args.text('scenario') === undefined && (isDriverFile(tpmfront) || isDriverFile(tpmback));
}

/** The drivers in one of the situations, not yet tried. Throws like `pairingOf`. */
export async function pairingOfEvery(args: Arguments): Promise<Pairing> {
  const [scenario = ''] = CHECK_SCENARIOS;
  return pairingOfNames({ ...driverNames(args), scenario, session: args.text('session') });
}

/** `pairing` is that of any scenario. */
export function exploreEvery(pairing: Pairing, search: Search, args: Arguments, terminal: Terminal): ExitStatus {
  const { progress, ...limits } = search;
  const extent = extentOf(args);
  const decided = CHECK_SCENARIOS.map((name): Decided => {
    const here = { ...pairing, scenario: find('scenario', SCENARIOS, name) };
    const names = namesOf(here, extent);
    tryOwnDrivers(here, names);
    const onProgress = ({ states }: { readonly states: number }): void => progress.show(`${name}: ${states} states`);
    return {
      pairing: here,
      names,
      verdict: decideTimed(here, { ...extent, ...limits, onProgress }, () => terminal.clock()),
    };
  });
  progress.clear();

  const shortest = shortestFailure(decided);
  writeFailure(shortest, args, terminal);
  const verdicts = decided.map(({ verdict }) => verdict);
  terminal.out(args.flag('json') ? `${JSON.stringify({ verdicts })}\n` : everyText(decided, shortest, terminal));
  reportToCi('explore', args, terminal, () =>
    decided.map((entry) => caseOf(entry.pairing, entry.names, entry.verdict)),
  );
  if (shortest !== undefined) return EXIT.fails;
  if (verdicts.every(({ complete }) => complete)) return EXIT.holds;
  terminal.err('quiesce explore: --max-states was reached before every state was seen; a larger one may help\n');
  return EXIT.refused;
}

/** Of equally short ones the first in the table; one that the driver it extends does not have comes before all others. */
function shortestFailure(decided: readonly Decided[]): Decided | undefined {
  const failing = decided.filter(({ verdict }) => !verdict.holds);
  const news = failing.filter((entry) => isNews(entry));
  const candidates = news.length > 0 ? news : failing;
  return candidates.reduce<Decided | undefined>(
    (best, entry) =>
      best === undefined || entry.verdict.schedule.length < best.verdict.schedule.length ? entry : best,
    undefined,
  );
}

/** The driver that this one extends is known to hold there. */
function isNews({ pairing, verdict }: Decided): boolean {
  return !verdict.holds && parentVerdict(pairing)?.oracle === null;
}

function parentVerdict({
  tpmfront,
  scenario,
}: Pairing): { readonly parent: string; readonly oracle: OracleName | null } | undefined {
  const parent = parentOf(tpmfront);
  const row = parent === undefined ? undefined : EXPECTED[parent];
  const expected = row?.[scenario.name];
  return parent === undefined || expected === undefined ? undefined : { parent, oracle: expected.oracle };
}

function everyText(decided: readonly Decided[], shortest: Decided | undefined, terminal: Terminal): string {
  const colours = coloursOf(terminal);
  const [first] = decided;
  if (first === undefined) return '';
  const { tpmfront, tpmback } = first.verdict;
  const parent = parentVerdict(first.pairing)?.parent;
  const rows = decided.map((entry) => ({
    name: entry.verdict.scenario,
    cells: [verdictCell(entry, colours), ...(parent === undefined ? [] : [{ text: parentText(entry.pairing) }])],
  }));
  const columns = ['verdict', ...(parent === undefined ? [] : [parent])];
  const seconds = decided.reduce((sum, { verdict }) => sum + verdict.seconds, 0);
  const failing = decided.filter(({ verdict }) => !verdict.holds).length;
  const lines = [
    `tpmfront ${tpmfront} with tpmback ${tpmback}`,
    '',
    ...tableLines({ columns, rows }, terminal.columns),
    '',
    `It fails in ${failing} of ${counted(decided.length, 'scenario')}, ${seconds.toFixed(2)} s`,
    ...(shortest === undefined ? [] : failureText(shortest, terminal)),
  ];
  return `${lines.join('\n')}\n`;
}

function verdictCell(
  entry: Decided,
  colours: Colours,
): { readonly text: string; readonly paint: (text: string) => string } {
  const { oracle, schedule, states, complete } = entry.verdict;
  if (oracle !== null) {
    const text = `${oracle} fails after ${counted(schedule.length, 'step')}`;
    return { text, paint: isNews(entry) ? (plain) => colours.bold(colours.red(plain)) : colours.red };
  }
  return complete
    ? { text: `holds in ${counted(states, 'state')}`, paint: colours.green }
    : { text: `unknown after ${counted(states, 'state')}`, paint: colours.yellow };
}

function parentText(pairing: Pairing): string {
  const known = parentVerdict(pairing);
  if (known === undefined) return '';
  return known.oracle === null ? 'holds' : `${known.oracle} fails`;
}

function failureText({ verdict, pairing }: Decided, terminal: Terminal): readonly string[] {
  const colours = coloursOf(terminal);
  const { oracle, schedule, fault, token } = verdict;
  if (oracle === null) return [];
  return [
    '',
    `${colours.bold(pairing.scenario.name)}: ${colours.red(`${oracle} fails`)}`,
    ...wrapped(oracleTitle(oracle), terminal.columns),
    ...scheduleLines(schedule, colours),
    ...failureLines(oracle, fault, colours),
    ...(token === null ? [] : ['', 'To replay it:', replayLine(terminal.program, token)]),
  ];
}
