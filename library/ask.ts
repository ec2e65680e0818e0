/**
 * Explore and replay for programs: any test runner can ask.
 */
import {
  type RecordedSteps,
  type Replay,
  replay as replaySteps,
  stepsByName,
  stepsOfToken,
} from '../simulator/replay.js';
import { parseSchedule, SCHEDULE_MAGIC, type WorldNames } from '../simulator/schedule.js';
import { parseToken } from '../simulator/token.js';
import { type Verdict, type VerdictOptions, worldOf } from '../simulator/verdict.js';
import { blamed } from './driver-file.js';
import { askedOf, decideOwn, type Question, type TpmbackSource, type TpmfrontSource } from './question.js';

export type ExploreQuestion = Question & Pick<VerdictOptions, 'order' | 'maxStates' | 'onProgress'>;

/**
 * Explores every schedule of a pair of drivers in a scenario; when an oracle fails, gives a shortest schedule to the
 * failure. A verdict that holds is a proof only when it is `complete`. Throws `QuiesceError`: `UNKNOWN_NAME`, `USAGE`
 * (an unreadable file, ends of two rings), `BAD_DRIVER` (with file and rule), `BAD_SESSION`.
 */
export async function explore(question: ExploreQuestion): Promise<Verdict> {
  const { pairing } = await askedOf(question);
  return decideOwn(pairing, question);
}

export interface Replaced {
  /** A driver that takes the place of the one that the schedule names; needed where that was a class. */
  readonly tpmfront?: TpmfrontSource | undefined;
  readonly tpmback?: TpmbackSource | undefined;
}

/**
 * Takes the steps of a replay token, or of the text of a schedule file, again. Throws `BAD_SCHEDULE`, and what `explore`
 * throws.
 */
export async function replay(recorded: string, drivers: Replaced = {}): Promise<Replay> {
  const { names, steps } = parsed(recorded);
  const { tpmfront = names.tpmfront, tpmback = names.tpmback } = drivers;
  const { pairing } = await askedOf({ ...names, tpmfront, tpmback });
  return blaming(() => replaySteps(worldOf(pairing, names), steps));
}

function parsed(recorded: string): { readonly names: WorldNames; readonly steps: RecordedSteps } {
  if (recorded.startsWith(SCHEDULE_MAGIC)) {
    const { steps, ...names } = parseSchedule('schedule', recorded);
    return { names, steps: stepsByName(steps) };
  }
  const { hashes, hashBytes, ...names } = parseToken(recorded);
  return { names, steps: stepsOfToken({ hashes, hashBytes }) };
}

function blaming<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw blamed(error);
  }
}
