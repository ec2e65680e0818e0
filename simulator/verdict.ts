/**
 * The verdict on a pair of drivers in a scenario: whether it holds over every schedule, and if not, a shortest one
 * that breaks it.
 *
 * Depth-first search covers everything or finds some failure quickly; a failure found is searched again breadth-first,
 * because only then is its schedule a shortest one.
 */
import type { Allocate } from '../protocol/allocate.js';
import type { DaemonName } from '../xenstore-sim/index.js';
import type { Grain } from './actors.js';
import { decideWorld, type TokenOf, verdictOf, type WorldVerdict } from './explore/decide.js';
import type { Progress, Reduction } from './explore/explore.js';
import { type Pairing, worldOptions } from './pairing.js';
import type { WorldNames } from './schedule.js';
import { formatToken } from './token.js';
import { World } from './world.js';
import { USUAL_DAEMON } from './world-options.js';

export type Order = 'dfs' | 'bfs';

export interface VerdictOptions {
  /** The order of the first search; when absent, depth-first, and after a failure breadth-first. */
  readonly order?: Order | undefined;
  /** What the depth-first search leaves out; what pays when absent. */
  readonly reduction?: Reduction | undefined;
  /** Whether what steps did is remembered (`remembered/`); true when absent. Not for a driver that may keep state elsewhere. */
  readonly remember?: boolean | undefined;
  /** Each search ends, incomplete, when it has seen this many states. */
  readonly maxStates?: number | undefined;
  /** How many commands of the session are issued; all when absent or null. */
  readonly commands?: number | null | undefined;
  /** Fine when absent. */
  readonly grain?: Grain | undefined;
  /** The xenstored; `USUAL_DAEMON` when absent. */
  readonly daemon?: DaemonName | undefined;
  /** Where the room of large tables comes from; `new ArrayBuffer` when absent. */
  readonly allocate?: Allocate | undefined;
  /** Called every few thousand states. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Verdict extends WorldVerdict {
  readonly scenario: string;
  readonly tpmfront: string;
  readonly tpmback: string;
}

/** Throws `USAGE` when the two ends speak different rings. */
export function decide(pairing: Pairing, options: VerdictOptions = {}): Verdict {
  const names = namesOf(pairing, options);
  const world = worldOf(pairing, names);
  const { scenario, tpmfront, tpmback } = names;
  const tokenOf: TokenOf = (steps, hashBytes) => formatToken({ ...names, steps }, hashBytes);
  return { scenario, tpmfront, tpmback, ...verdictOf(world, decideWorld(world, options), tokenOf) };
}

/** The world that `names` name, given the things themselves. */
export function worldOf(pairing: Pairing, names: Pick<WorldNames, 'commands' | 'grain' | 'daemon'>): World {
  const { grain, commands, daemon } = names;
  return new World(worldOptions(pairing, { grain, commands: commands ?? undefined, daemon }));
}

/** What a schedule file or a token says of a world. */
export function namesOf(
  pairing: Pairing,
  { commands, grain, daemon }: Pick<VerdictOptions, 'commands' | 'grain' | 'daemon'>,
): WorldNames {
  return {
    scenario: pairing.scenario.name,
    tpmfront: pairing.tpmfront.name,
    tpmback: pairing.tpmback.name,
    session: pairing.session.name,
    commands: commands ?? null,
    grain: grain ?? 'fine',
    daemon: daemon ?? USUAL_DAEMON,
  };
}
