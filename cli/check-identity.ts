/**
 * The second table of `check`: the races in which some design opens the wrong device, with each design.
 *
 * Where the explorer was found to be right against the race table, that is what is expected.
 */
import { IDENTITY_SCENARIOS } from '../scenarios/device-identity.js';
import { disagreementOf, tableExpectation } from '../scenarios/device-identity-disagreements.js';
import type { IdentityScenario } from '../scenarios/identity-scenario.js';
import { DESIGNS } from '../simulator/block-identity/setting.js';
import type { OracleName } from '../simulator/world-state.js';
import type { DaemonName } from '../xenstore-sim/index.js';
import { decideIdentityTimed, type TimedIdentityVerdict } from './explore-identity.js';
import { findIdentity } from './identity-options.js';
import { counted, failureLines, replayLine, scheduleLines, wrapped } from './schedule-text.js';
import { type TableCell, tableLines } from './table.js';
import { type Colours, coloursOf, type Terminal } from './terminal.js';

/** Races in which a design opens the wrong device. */
const RACES: readonly IdentityScenario[] = IDENTITY_SCENARIOS.filter(({ place }) =>
  DESIGNS.some(({ name }) => expectedOracle(place, name) === 'right-device'),
);

/**
 * The verdicts, race by race, with the usual xenstored or with `daemon`. Designs for which a race does not arise are left
 * out.
 */
export function decideRaces(clock: () => number, daemon?: DaemonName): readonly TimedIdentityVerdict[] {
  return RACES.map(({ name }) => findIdentity(name, daemon)).flatMap((scenario) =>
    DESIGNS.filter(({ name }) => expectedOracle(scenario.place, name) !== undefined).map(({ name }) =>
      decideIdentityTimed({ scenario, design: name }, {}, clock),
    ),
  );
}

/** The expected oracle fails, or none, and that is proved. */
export function raceAgrees({ scenario, design, oracle, holds, complete }: TimedIdentityVerdict): boolean {
  return (!holds || complete) && expectedOracle(placeOf(scenario), design) === oracle;
}

export function identityReport(verdicts: readonly TimedIdentityVerdict[], terminal: Terminal): readonly string[] {
  const colours = coloursOf(terminal);
  const rows = RACES.filter(({ name }) => verdicts.some(({ scenario }) => scenario === name)).map(
    ({ name, place, label }) => ({
      name: `${place.padEnd(3)} ${label}`,
      cells: DESIGNS.map((design) =>
        cellOf(
          place,
          verdicts.find((verdict) => verdict.scenario === name && verdict.design === design.name),
          colours,
        ),
      ),
    }),
  );
  return [
    ...tableLines({ columns: DESIGNS.map(({ name }) => name), rows }, terminal.columns),
    '',
    'Rows are races that open the wrong block device (explore --scenario',
    'device-identity/NN --design D), columns designs of blkback and its script.',
    ...DESIGNS.flatMap(({ name, title }) => wrapped(`${name.padEnd(10)} ${title}`, terminal.columns, ' '.repeat(11))),
    `${'*'.padEnd(10)} not what the race table says, and the explorer is right`,
    '',
    ...DESIGNS.flatMap(({ name }) =>
      failureOf(
        verdicts.filter(({ design }) => design === name),
        terminal,
      ),
    ),
    ...differences(verdicts, colours),
  ];
}

function cellOf(place: string, verdict: TimedIdentityVerdict | undefined, colours: Colours): TableCell {
  if (verdict === undefined) return { text: '-' };
  const { design, oracle, schedule, states, complete } = verdict;
  const star = disagreementOf(place, design) === undefined ? '' : '*';
  const mark = raceAgrees(verdict) ? star : '!';
  if (oracle !== null) return { text: `${oracle} ${schedule.length}${mark}`, paint: colours.red };
  return complete
    ? { text: `holds ${states}${mark}`, paint: colours.green }
    : { text: `unknown ${states}${mark}`, paint: colours.yellow };
}

/** The shortest schedule with which this design opens the wrong device; of equally short ones the first in the table. */
function failureOf(verdicts: readonly TimedIdentityVerdict[], terminal: Terminal): readonly string[] {
  const colours = coloursOf(terminal);
  const failing = verdicts.filter(({ oracle }) => oracle !== null);
  const shortest = failing.reduce<TimedIdentityVerdict | undefined>(
    (best, verdict) => (best === undefined || verdict.schedule.length < best.schedule.length ? verdict : best),
    undefined,
  );
  if (shortest === undefined || shortest.oracle === null) return [];
  const { scenario, design, oracle, schedule, fault, token } = shortest;
  const label = RACES.find(({ name }) => name === scenario)?.label ?? '';
  return [
    colours.bold(`design ${design}`),
    ...wrapped(
      `Fails in ${failing.length} of ${counted(verdicts.length, 'race')}, soonest in ${scenario} (${label}):`,
      terminal.columns,
    ),
    ...scheduleLines(schedule, colours),
    ...failureLines(oracle, fault, colours),
    'To replay it:',
    replayLine(terminal.program, token ?? ''),
    '',
  ];
}

function differences(verdicts: readonly TimedIdentityVerdict[], colours: Colours): readonly string[] {
  const lines = verdicts
    .filter((verdict) => !raceAgrees(verdict))
    .map(({ scenario, design, oracle }) => {
      const expected = expectedOracle(placeOf(scenario), design);
      const wanted = expected === undefined ? 'nothing' : nameOf(expected);
      return colours.red(`${scenario}, design ${design}: expected ${wanted}, found ${nameOf(oracle)}`);
    });
  return lines.length === 0 ? [] : [...lines, ''];
}

function nameOf(oracle: OracleName | null): string {
  return oracle === null ? 'holds' : `${oracle} to fail`;
}

function placeOf(scenario: string): string {
  return IDENTITY_SCENARIOS.find(({ name }) => name === scenario)?.place ?? '';
}

/** Null where the design holds; undefined where the race does not arise. */
function expectedOracle(place: string, design: TimedIdentityVerdict['design']): OracleName | null | undefined {
  const expected = tableExpectation(place, design);
  if (expected === undefined || expected.notApplicable) return undefined;
  const disagreement = disagreementOf(place, design);
  return disagreement === undefined ? expected.oracle : disagreement.found;
}
