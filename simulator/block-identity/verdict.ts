/**
 * The verdict on a design of the device identity in one situation: whether it holds over every schedule, what happens in
 * them, and if it does not hold, a shortest schedule that breaks it.
 */
import { type DecideOptions, decideWorld, whatFails } from '../explore/decide.js';
import type { Reduction } from '../explore/explore.js';
import type { LengthProof } from '../explore/shortest.js';
import { nameChoices } from '../replay.js';
import type { OracleName } from '../world-state.js';
import { formatIdentityToken, type IdentityNames } from './schedule.js';
import type { IdentitySetting, Observation } from './setting.js';
import { IdentityWorld } from './world.js';

export interface IdentityVerdict extends IdentityNames {
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
  /** What happens in some schedule. Not all of it where an oracle fails, as the search ends there. */
  readonly observed: readonly Observation[];
  readonly schedule: readonly string[];
  /** Replays the schedule; null when there is none. */
  readonly token: string | null;
}

/** `setting` is that of the scenario named. */
export function decideIdentity(
  { scenario, design }: IdentityNames,
  setting: IdentitySetting,
  options: DecideOptions = {},
): IdentityVerdict {
  const world = new IdentityWorld(design, setting);
  let observed: readonly Observation[] = [];
  const { holds, complete, oracle, reduction, states, transitions, offered, shortest, choices } = decideWorld(
    world,
    options,
    () => {
      observed = [...world.observed].sort();
    },
  );
  const verdict = {
    scenario,
    design,
    holds,
    complete,
    oracle,
    reduction,
    states,
    transitions,
    offered,
    shortest,
    observed,
  };
  if (holds) return { ...verdict, fault: null, schedule: [], token: null };
  const { steps, hashBytes } = nameChoices(world, choices);
  const token = formatIdentityToken({ scenario, design, steps }, hashBytes);
  return { ...verdict, fault: whatFails(world, choices), schedule: steps, token };
}
