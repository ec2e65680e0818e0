/**
 * Schedules of the device identity, as files and as tokens.
 *
 *     quiesce schedule 1
 *     scenario: device-identity/07
 *     design: I
 *
 *     toolstack.run/script
 *
 * One more header, `daemon`, names the xenstored if it is not the usual one.
 * A token has the design where others have the tpmfront, and neither tpmback nor session.
 */
import { QuiesceError } from '../../protocol/errors.js';
import type { DaemonName } from '../../xenstore-sim/index.js';
import { expectedDaemon, unusualDaemon } from '../schedule.js';
import { formatLines, parseLines } from '../schedule-lines.js';
import type { HashBytes } from '../token.js';
import { formatToken, type Token, USUAL_SESSION } from '../token.js';
import { USUAL_DAEMON } from '../world-options.js';
import { DESIGNS, type Design } from './setting.js';

/** Which world a schedule is for. */
export interface IdentityNames {
  readonly scenario: string;
  readonly design: Design;
  /** The xenstored; the usual one when absent. */
  readonly daemon?: DaemonName;
}

export interface IdentitySchedule extends IdentityNames {
  /** Names of the choices, in order. */
  readonly steps: readonly string[];
}

const HEADERS = ['scenario', 'design', 'daemon'] as const;

export function findDesign(name: string): Design | undefined {
  return DESIGNS.find((design) => design.name === name)?.name;
}

/** Whether the text of a schedule file is one of these rather than of a pair of vTPM drivers. */
export function hasDesign(text: string): boolean {
  return /^design:/m.test(text.split(/\n\r?\n/, 1)[0] ?? '');
}

/** Throws `BAD_SCHEDULE` for a step that the format cannot hold. */
export function formatIdentitySchedule({ scenario, design, daemon, steps }: IdentitySchedule): string {
  return formatLines([['scenario', scenario], ['design', design], ...Object.entries(unusualDaemon(daemon))], steps);
}

/** Throws `BAD_SCHEDULE` with `file:line: expected ..., found ...`. */
export function parseIdentitySchedule(file: string, text: string): IdentitySchedule {
  const names = DESIGNS.map(({ name }) => name);
  const { value, optional, steps } = parseLines(file, text, HEADERS, (header, found) => {
    if (header === 'daemon') return expectedDaemon(found);
    return header === 'design' && findDesign(found) === undefined ? `${names.join(', ')} for design` : null;
  });
  const daemon = unusualDaemon(optional('daemon'));
  return { scenario: value('scenario'), design: findDesign(value('design')) ?? 'P', ...daemon, steps };
}

export function formatIdentityToken(
  { scenario, design, daemon = USUAL_DAEMON, steps }: IdentitySchedule,
  hashBytes: HashBytes,
): string {
  const rest = { tpmback: '', session: USUAL_SESSION, commands: null, grain: 'fine' } as const;
  return formatToken({ scenario, tpmfront: design, ...rest, daemon, steps }, hashBytes);
}

/** Which world a token of such a scenario names. Throws `BAD_SCHEDULE` where its design is none. */
export function identityOfToken({ scenario, tpmfront, daemon }: Token): IdentityNames {
  const design = findDesign(tpmfront);
  if (design === undefined) {
    const expected = DESIGNS.map(({ name }) => name).join(', ');
    throw new QuiesceError('BAD_SCHEDULE', `replay token: expected design ${expected}, found ${tpmfront}`);
  }
  return { scenario, design, ...unusualDaemon(daemon) };
}
