/**
 * Schedules of block data, as files and as tokens.
 *
 *     quiesce schedule 1
 *     scenario: block-data/restore
 *     blkfront: linux
 *
 *     toolstack.run/ask
 *
 * The scenario says which drivers take part, so the name of the blkfront is there for the reader. A token has it where
 * others have the tpmfront, and neither tpmback nor session.
 */
import { formatLines, parseLines } from '../schedule-lines.js';
import { formatToken, type HashBytes, USUAL_SESSION } from '../token.js';
import { USUAL_DAEMON } from '../world-options.js';

/** Which world a schedule is for. */
export interface BlockNames {
  readonly scenario: string;
  readonly blkfront: string;
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
export function formatBlockSchedule({ scenario, blkfront, steps }: BlockSchedule): string {
  return formatLines(
    [
      ['scenario', scenario],
      ['blkfront', blkfront],
    ],
    steps,
  );
}

/** Throws `BAD_SCHEDULE` with `file:line: expected ..., found ...`. */
export function parseBlockSchedule(file: string, text: string): BlockSchedule {
  const { value, steps } = parseLines(file, text, ['scenario', 'blkfront'], () => null);
  return { scenario: value('scenario'), blkfront: value('blkfront'), steps };
}

export function formatBlockToken({ scenario, blkfront, steps }: BlockSchedule, hashBytes: HashBytes): string {
  const rest = { tpmback: '', session: USUAL_SESSION, commands: null, grain: 'fine', daemon: USUAL_DAEMON } as const;
  return formatToken({ scenario, tpmfront: blkfront, ...rest, steps }, hashBytes);
}
