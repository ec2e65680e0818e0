/**
 * Schedules of block data, as files and as tokens.
 *
 *     quiesce schedule 1
 *     scenario: block-data/restore
 *     blkfront: linux
 *
 *     toolstack.run/ask
 *
 * The scenario says which drivers take part, so the name of the blkfront is there for the reader. One more header,
 * `daemon`, names the xenstored if it is not the usual one. A token has it where
 * others have the tpmfront, and neither tpmback nor session.
 */
import type { DaemonName } from '../../xenstore-sim/index.js';
import { expectedDaemon, unusualDaemon } from '../schedule.js';
import { formatLines, parseLines } from '../schedule-lines.js';
import { formatToken, type HashBytes, USUAL_SESSION } from '../token.js';
import { USUAL_DAEMON } from '../world-options.js';

/** Which world a schedule is for. */
export interface BlockNames {
  readonly scenario: string;
  readonly blkfront: string;
  /** The xenstored of all hosts; the usual one when absent. */
  readonly daemon?: DaemonName;
}

export interface BlockSchedule extends BlockNames {
  /** Names of the choices, in order. */
  readonly steps: readonly string[];
}

/** Whether the text of a schedule file is one of these. */
export function hasBlkfront(text: string): boolean {
  return /^blkfront:/m.test(text.split(/\n\r?\n/, 1)[0] ?? '');
}

/** Throws `BAD_SCHEDULE` for a step that the format cannot hold. */
export function formatBlockSchedule({ scenario, blkfront, daemon, steps }: BlockSchedule): string {
  return formatLines([['scenario', scenario], ['blkfront', blkfront], ...Object.entries(unusualDaemon(daemon))], steps);
}

/** Throws `BAD_SCHEDULE` with `file:line: expected ..., found ...`. */
export function parseBlockSchedule(file: string, text: string): BlockSchedule {
  const { value, optional, steps } = parseLines(file, text, ['scenario', 'blkfront', 'daemon'], (header, found) =>
    header === 'daemon' ? expectedDaemon(found) : null,
  );
  const daemon = unusualDaemon(optional('daemon'));
  return { scenario: value('scenario'), blkfront: value('blkfront'), ...daemon, steps };
}

export function formatBlockToken(
  { scenario, blkfront, daemon = USUAL_DAEMON, steps }: BlockSchedule,
  hashBytes: HashBytes,
): string {
  const rest = { tpmback: '', session: USUAL_SESSION, commands: null, grain: 'fine' } as const;
  return formatToken({ scenario, tpmfront: blkfront, ...rest, daemon, steps }, hashBytes);
}
