/**
 * The verdict on a block pair in one situation: whether it holds over every schedule, and if it does not, a shortest one
 * that breaks it.
 */
import { type DecideOptions, decideWorld, whatFails } from '../explore/decide.js';
import type { Reduction } from '../explore/explore.js';
import type { LengthProof } from '../explore/shortest.js';
import { nameChoices } from '../replay.js';
import type { OracleName } from '../world-state.js';
import { type BlockNames, formatBlockToken } from './schedule.js';
import { BlockWorld, type BlockWorldOptions } from './world.js';

export interface BlockVerdict extends BlockNames {
  readonly blkback: string;
  readonly holds: boolean;
  /** Every reachable state was seen. False after a failure, at which the search ends. */
  readonly complete: boolean;
  readonly oracle: OracleName | null;
  /** What went wrong, in words. */
  readonly fault: string | null;
  readonly reduction: Reduction;
  readonly states: number;
  readonly transitions: number;
  /** Choices that there were in those states. */
  readonly offered: number;
  /** Of a failure, whether there is a shorter schedule. */
  readonly shortest: LengthProof | null;
  readonly schedule: readonly string[];
  /** Replays the schedule; null when there is none. */
  readonly token: string | null;
}

/** `world` is that of the scenario named. */
export function decideBlock(scenario: string, world: BlockWorldOptions, options: DecideOptions = {}): BlockVerdict {
  const explored = new BlockWorld(world);
  const { holds, complete, oracle, reduction, states, transitions, offered, shortest, choices } = decideWorld(
    explored,
    options,
  );
  const names = { scenario, blkfront: world.frontend.name };
  const verdict = {
    ...names,
    blkback: explored.backendName,
    holds,
    complete,
    oracle,
    reduction,
    states,
    transitions,
    offered,
    shortest,
  };
  if (holds) return { ...verdict, fault: null, schedule: [], token: null };
  const { steps, hashBytes } = nameChoices(explored, choices);
  const token = formatBlockToken({ ...names, steps }, hashBytes);
  return { ...verdict, fault: whatFails(explored, choices), schedule: steps, token };
}
