/**
 * The verdict on a design of the device identity in one situation: whether it holds over every schedule, what happens in
 * them, and if it does not hold, a shortest schedule that breaks it.
 */
import {
  type DecideOptions,
  decideWorld,
  type TokenOf,
  verdictOf,
  type WorldVerdict,
  whatFails,
} from '../explore/decide.js';
import { unusualDaemon } from '../schedule.js';
import { formatIdentityToken, type IdentityNames } from './schedule.js';
import type { IdentitySetting, Observation } from './setting.js';
import { IdentityWorld } from './world.js';

export interface IdentityVerdict extends IdentityNames, WorldVerdict {
  /** What happens in some schedule. Not all of it where an oracle fails, as the search ends there. */
  readonly observed: readonly Observation[];
}

/** `setting` is that of the scenario named. */
export function decideIdentity(
  { scenario, design }: IdentityNames,
  setting: IdentitySetting,
  options: DecideOptions = {},
): IdentityVerdict {
  const world = new IdentityWorld(design, setting);
  let observed: readonly Observation[] = [];
  const found = decideWorld(world, options, () => {
    observed = [...world.observed].sort();
  });
  const names = { scenario, design, ...unusualDaemon(setting.daemon) };
  const tokenOf: TokenOf = (steps, hashBytes) => formatIdentityToken({ ...names, steps }, hashBytes);
  const fault = found.holds ? null : whatFails(world, found.choices);
  return { ...names, ...verdictOf(world, { ...found, fault }, tokenOf), observed };
}
