/**
 * What `check` shows a person: the table, one shortest schedule for each kind of failure, and how the verdicts compare
 * with those expected.
 */
import { EXPECTED, type Expectation, isExpected } from '../scenarios/expected.js';
import { CHECK_SCENARIOS } from '../scenarios/scenarios.js';
import { ORACLE_NAMES, type OracleName } from '../simulator/world-state.js';
import { identityReport, raceAgrees } from './check-identity.js';
import type { TimedIdentityVerdict } from './explore-identity.js';
import { counted, failureLines, oracleTitle, replayLine, scheduleLines, wrapped } from './schedule-text.js';
import { type TableCell, tableLines } from './table.js';
import { type Colours, coloursOf, type Terminal } from './terminal.js';
import type { TimedVerdict } from './timed-verdict.js';

export interface Comparison {
  readonly verdict: TimedVerdict;
  /** Undefined where nothing is expected. */
  readonly expected: Expectation | undefined;
  /** The same oracle fails, or none, and that is proved. */
  readonly agrees: boolean;
}

export function compare(verdict: TimedVerdict): Comparison {
  const row = Object.hasOwn(EXPECTED, verdict.tpmfront) ? EXPECTED[verdict.tpmfront] : undefined;
  const expected = row !== undefined && Object.hasOwn(row, verdict.scenario) ? row[verdict.scenario] : undefined;
  const settled = verdict.holds ? verdict.complete : true;
  return { verdict, expected, agrees: settled && expected !== undefined && isExpected(expected, verdict.oracle) };
}

/** `verdicts` and `identity` in the order of their tables. */
export function checkReport(
  verdicts: readonly TimedVerdict[],
  identity: readonly TimedIdentityVerdict[],
  terminal: Terminal,
): string {
  const colours = coloursOf(terminal);
  const comparisons = verdicts.map(compare);
  const lines = [...tableOf(comparisons, terminal), '', ...legend(colours), ''];
  for (const oracle of ORACLE_NAMES) lines.push(...failureOf(oracle, verdicts, terminal));
  lines.push(...differences(comparisons, terminal));
  if (identity.length > 0) lines.push(...identityReport(identity, terminal));
  const agreeing = comparisons.filter(({ agrees }) => agrees).length + identity.filter(raceAgrees).length;
  const all = comparisons.length + identity.length;
  const summary = `${agreeing} of ${counted(all, 'verdict')} ${agreeing === 1 ? 'is' : 'are'} as expected`;
  lines.push(agreeing === all ? colours.green(summary) : colours.red(summary));
  return `${lines.join('\n')}\n`;
}

function tableOf(comparisons: readonly Comparison[], terminal: Terminal): readonly string[] {
  const colours = coloursOf(terminal);
  const rows = new Map<string, TableCell[]>();
  for (const comparison of comparisons) {
    const { tpmfront } = comparison.verdict;
    rows.set(tpmfront, [...(rows.get(tpmfront) ?? []), cellOf(comparison, colours)]);
  }
  return tableLines(
    { columns: CHECK_SCENARIOS, rows: Array.from(rows, ([name, cells]) => ({ name, cells })) },
    terminal.columns,
  );
}

function cellOf({ verdict, agrees }: Comparison, colours: Colours): TableCell {
  const { oracle, schedule, states, complete } = verdict;
  const differs = agrees ? '' : '!';
  if (oracle !== null) return { text: `${oracle} ${schedule.length}${differs}`, paint: colours.red };
  return complete
    ? { text: `holds ${states}${differs}`, paint: colours.green }
    : { text: `unknown ${states}${differs}`, paint: colours.yellow };
}

function legend(colours: Colours): readonly string[] {
  return [
    'Rows are tpmfronts, columns situations (quiesce list).',
    `${colours.green('holds N')}    no oracle fails in any schedule; all N reachable states were seen`,
    `${colours.red('ORACLE N')}   the oracle fails; a shortest schedule has N steps`,
    `${'!'.padEnd(10)} not the verdict that is expected`,
  ];
}

/** The shortest of the schedules that make `oracle` fail; of equally short ones the first in the table. */
function failureOf(oracle: OracleName, verdicts: readonly TimedVerdict[], terminal: Terminal): readonly string[] {
  const colours = coloursOf(terminal);
  const failing = verdicts.filter((verdict) => verdict.oracle === oracle);
  const shortest = failing.reduce<TimedVerdict | undefined>((best, verdict) => {
    return best === undefined || verdict.schedule.length < best.schedule.length ? verdict : best;
  }, undefined);
  if (shortest === undefined) return [];
  const { tpmfront, scenario, schedule, fault, token } = shortest;
  return [
    colours.bold(oracle),
    ...wrapped(oracleTitle(oracle), terminal.columns),
    `Fails in ${failing.length} of ${counted(verdicts.length, 'cell')}, soonest with ${tpmfront} in ${scenario}:`,
    ...scheduleLines(schedule, colours),
    ...failureLines(oracle, fault, colours),
    'To replay it:',
    replayLine(terminal.program, token ?? ''),
    '',
  ];
}

function differences(comparisons: readonly Comparison[], terminal: Terminal): readonly string[] {
  const colours = coloursOf(terminal);
  const lines = comparisons
    .filter(({ agrees }) => !agrees)
    .flatMap(({ verdict, expected }) => [
      colours.red(
        `${verdict.tpmfront}, ${verdict.scenario}: expected ${nameOf(expected?.oracle)}, found ${foundName(verdict)}`,
      ),
      ...(expected === undefined ? [] : wrapped(`    because ${expected.why}`, terminal.columns, '    ')),
    ]);
  return lines.length === 0 ? [] : [...lines, ''];
}

function nameOf(oracle: OracleName | null | undefined): string {
  if (oracle === undefined) return 'nothing';
  return oracle === null ? 'holds' : `${oracle} to fail`;
}

function foundName({ oracle, complete }: TimedVerdict): string {
  if (oracle !== null) return `${oracle} fails`;
  return complete ? 'holds' : 'no failure, but not every state was seen';
}
