/**
 * The verdict on a pair of drivers in a scenario: whether it holds over every schedule, and if not, a shortest one
 * that breaks it.
 *
 * Depth-first search covers everything or finds some failure quickly; a failure found is searched again breadth-first,
 * because only then is its schedule a shortest one.
 */
import type { DaemonName } from '../xenstore-sim/index.js';
import type { Grain } from './actors.js';
import { decideWorld } from './explore/decide.js';
import type { Exploration, Progress, Reduction } from './explore/explore.js';
import type { LengthProof } from './explore/shortest.js';
import { type Pairing, worldOptions } from './pairing.js';
import { nameChoices } from './replay.js';
import type { WorldNames } from './schedule.js';
import { formatToken } from './token.js';
import { World } from './world.js';
import { USUAL_DAEMON } from './world-options.js';
import type { OracleName } from './world-state.js';

export type Order = 'dfs' | 'bfs';

export interface VerdictOptions {
  /** The order of the first search; when absent, depth-first, and after a failure breadth-first. */
  readonly order?: Order | undefined;
  /** What the depth-first search leaves out; what pays when absent. */
  readonly reduction?: Reduction | undefined;
  /** Each search ends, incomplete, when it has seen this many states. */
  readonly maxStates?: number | undefined;
  /** How many commands of the session are issued; all when absent or null. */
  readonly commands?: number | null | undefined;
  /** Fine when absent. */
  readonly grain?: Grain | undefined;
  /** The xenstored; `USUAL_DAEMON` when absent. */
  readonly daemon?: DaemonName | undefined;
  /** Called every few thousand states. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Verdict {
  readonly scenario: string;
  readonly tpmfront: string;
  readonly tpmback: string;
  /** No failure was found. A proof only when `complete`. */
  readonly holds: boolean;
  /** Every reachable state was seen. False after a failure, at which the search ends. */
  readonly complete: boolean;
  /** The oracle that failed. */
  readonly oracle: OracleName | null;
  /** What the machine reported, when a driver threw or touched memory it may not. */
  readonly fault: string | null;
  /** What the search left out that the verdict, or the schedule, comes from. */
  readonly reduction: Reduction;
  /** Of that search. */
  readonly states: number;
  readonly transitions: number;
  /** Choices that there were in those states: without reduction, in a complete search, as many as transitions. */
  readonly offered: number;
  /** Of a failure, whether there is a shorter schedule. */
  readonly shortest: LengthProof | null;
  /** Names of the choices that lead to the failure; empty when there is none. */
  readonly schedule: readonly string[];
  /** Replays the schedule; null when there is none. */
  readonly token: string | null;
}

/** Throws `USAGE` when the two ends speak different rings. */
export function decide(pairing: Pairing, options: VerdictOptions = {}): Verdict {
  const names = namesOf(pairing, options);
  const world = worldOf(pairing, names);
  const found = decideWorld(world, options);
  const { holds, complete, oracle, fault, reduction, states, transitions, offered, shortest } = found;
  const { scenario, tpmfront, tpmback } = names;
  return {
    scenario,
    tpmfront,
    tpmback,
    holds,
    complete,
    oracle,
    fault,
    reduction,
    states,
    transitions,
    offered,
    shortest,
    ...scheduleOf(world, names, found),
  };
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

function scheduleOf(
  world: World,
  names: WorldNames,
  { holds, choices }: Exploration,
): Pick<Verdict, 'schedule' | 'token'> {
  if (holds) return { schedule: [], token: null };
  const { steps, hashBytes } = nameChoices(world, choices);
  return { schedule: steps, token: formatToken({ ...names, steps }, hashBytes) };
}
