/**
 * The verdict on a block pair in one situation: whether it holds over every schedule, and if it does not, a shortest one
 * that breaks it.
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
import { type BlockNames, formatBlockToken } from './schedule.js';
import { BlockWorld, type BlockWorldOptions } from './world.js';

export interface BlockVerdict extends BlockNames, WorldVerdict {
  readonly blkback: string;
}

/** `world` is that of the scenario named. */
export function decideBlock(scenario: string, world: BlockWorldOptions, options: DecideOptions = {}): BlockVerdict {
  const explored = new BlockWorld(world);
  const found = decideWorld(explored, options);
  const names = { scenario, blkfront: world.frontend.name, ...unusualDaemon(world.daemon) };
  const tokenOf: TokenOf = (steps, hashBytes) => formatBlockToken({ ...names, steps }, hashBytes);
  const fault = found.holds ? null : whatFails(explored, found.choices);
  return { ...names, blkback: explored.backendName, ...verdictOf(explored, { ...found, fault }, tokenOf) };
}
