/**
 * `quiesce explore` for a scenario of the device identity: the verdict on one design, what happens in its schedules, and
 * what the race table says of it.
 */

import { writeWhole } from '../library/files.js';
import { allocateLarge } from '../platform/large-pages.js';
import { disagreementOf, tableExpectation } from '../scenarios/device-identity-disagreements.js';
import { formatIdentitySchedule } from '../simulator/block-identity/schedule.js';
import { DESIGNS, OBSERVATIONS } from '../simulator/block-identity/setting.js';
import { decideIdentity, type IdentityVerdict } from '../simulator/block-identity/verdict.js';
import type { DecideOptions } from '../simulator/explore/decide.js';
import { effortLines } from './effort.js';
import type { IdentityPair } from './identity-options.js';
import { counted, daemonText, failureLines, oracleTitle, replayLine, scheduleLines, wrapped } from './schedule-text.js';
import { coloursOf, type Terminal } from './terminal.js';

export interface TimedIdentityVerdict extends IdentityVerdict {
  readonly seconds: number;
}

/** Decides, and measures. `clock` gives seconds since some moment. */
export function decideIdentityTimed(
  { scenario, design }: IdentityPair,
  options: DecideOptions,
  clock: () => number,
): TimedIdentityVerdict {
  const start = clock();
  const { observed, schedule, token, ...verdict } = decideIdentity(
    { scenario: scenario.name, design },
    scenario.setting,
    { allocate: allocateLarge, ...options },
  );
  return { ...verdict, seconds: Math.round((clock() - start) * 1e6) / 1e6, observed, schedule, token };
}

/** Writes the schedule file of a failure. */
export function writeIdentitySchedule(file: string, { schedule, ...names }: IdentityVerdict): void {
  writeWhole(file, formatIdentitySchedule({ ...names, steps: schedule }));
}

export function identityText({ scenario }: IdentityPair, verdict: TimedIdentityVerdict, terminal: Terminal): string {
  const colours = coloursOf(terminal);
  const { design, daemon, oracle, fault, states, schedule, token } = verdict;
  const effort = effortLines(verdict, terminal.columns);
  const title = DESIGNS.find(({ name }) => name === design)?.title ?? '';
  const lines = [
    colours.bold(scenario.name),
    ...wrapped(scenario.title, terminal.columns),
    ...wrapped(`design ${design}: ${title}${daemonText(daemon)}`, terminal.columns),
    '',
  ];
  if (oracle === null) {
    const holds = `${colours.green('holds')} in every schedule`;
    lines.push(verdict.complete ? holds : colours.yellow(`no failure in ${counted(states, 'state')} (not complete)`));
    lines.push(...effort, '', ...observedLines(verdict));
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
  lines.push(...tableLines(scenario.place, verdict, terminal.columns));
  if (token !== null) lines.push('', 'To replay it:', replayLine(terminal.program, token));
  return `${lines.join('\n')}\n`;
}

function observedLines({ observed }: IdentityVerdict): readonly string[] {
  if (observed.length === 0) return [];
  const titles = OBSERVATIONS.filter(({ name }) => observed.includes(name)).map(({ title }) => `  ${title}`);
  return ['In some schedule', ...titles];
}

/** What the race table says, and where the explorer is right against it. */
function tableLines(place: string, { design }: IdentityVerdict, columns: number): readonly string[] {
  const expected = tableExpectation(place, design);
  if (expected === undefined) return [];
  const { table, why, notApplicable } = expected;
  const disagreement = disagreementOf(place, design);
  const says = notApplicable ? 'has no entry for this design' : `says: ${table}`;
  return [
    '',
    ...wrapped(`The race table ${says}; ${why}.`, columns),
    ...(disagreement === undefined
      ? []
      : wrapped(`The ${disagreement.right} is right against it: ${disagreement.why}.`, columns)),
  ];
}
