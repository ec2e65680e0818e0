/**
 * Which world a run is in: drawn, as in swarm testing (A. Groce, C. Zhang, E. Eide, Y. Chen and J. Regehr, "Swarm
 * Testing", ISSTA 2012). Leaving faults out of a world is as important as putting them in: where a backend may die at
 * any moment it mostly does, before anything else can go wrong.
 */
import type { DaemonName } from '../../xenstore-sim/index.js';
import type { Grain } from '../actors.js';
import { findTpmback, TPMBACKS, TPMFRONTS } from '../drivers.js';
import type { Random } from '../random.js';
import { type Variation, varied } from '../scenario-variation.js';
import type { WorldNames } from '../schedule.js';
import { DAEMONS, type Scenario } from '../world-options.js';

/** What a world may be drawn from. Where there is one of a kind, nothing is drawn. */
export interface Swarm {
  readonly scenarios: readonly Scenario[];
  /** Whether faults and widths are drawn too, beside what a scenario has. */
  readonly varies: boolean;
  readonly tpmfronts: readonly string[];
  /** A name, or null for the one a frontend was made for and now and then another of its ring. */
  readonly tpmback: string | null;
  readonly sessions: readonly string[];
  /** A number, 0 for all, or null for a few. */
  readonly commands: number | null;
  readonly grains: readonly Grain[];
  readonly daemons: readonly DaemonName[];
}

export const EVERY_TPMFRONT: readonly string[] = TPMFRONTS.map(({ name }) => name);
export const EVERY_GRAIN: readonly Grain[] = ['fine', 'fine', 'fine', 'coarse'];
export const EVERY_DAEMON: readonly DaemonName[] = DAEMONS;

/** A schedule with few commands is soon over, and most failures need no more. */
const COMMANDS_MAX = 4;

export function drawWorld(swarm: Swarm, random: Random): WorldNames {
  const tpmfront = one(swarm.tpmfronts, random);
  const tpmback = swarm.tpmback ?? drawTpmback(tpmfront, random);
  const scenario = one(swarm.scenarios, random);
  const commands = swarm.commands ?? 1 + random.index(COMMANDS_MAX);
  return {
    scenario: (swarm.varies ? varied(scenario, drawVariation(scenario, tpmback, random)) : scenario).name,
    tpmfront,
    tpmback,
    session: one(swarm.sessions, random),
    commands: commands === 0 ? null : commands,
    grain: one(swarm.grains, random),
    daemon: one(swarm.daemons, random),
  };
}

/** Whether a world could have been drawn from `swarm`, as far as the swarm fixes anything. */
export function suits(swarm: Swarm, names: WorldNames): boolean {
  const scenario = swarm.varies ? names.scenario.split('+')[0] : names.scenario;
  return (
    swarm.scenarios.some(({ name }) => name === scenario) &&
    swarm.tpmfronts.includes(names.tpmfront) &&
    (swarm.tpmback ?? names.tpmback) === names.tpmback &&
    swarm.sessions.includes(names.session) &&
    (swarm.commands ?? names.commands ?? 0) === (names.commands ?? 0) &&
    swarm.grains.includes(names.grain) &&
    swarm.daemons.includes(names.daemon)
  );
}

/** One time in four another backend of the same ring. */
function drawTpmback(tpmfront: string, random: Random): string {
  const usual = TPMFRONTS.find(({ name }) => name === tpmfront)?.tpmback ?? '';
  if (random.index(4) > 0) return usual;
  const { ring } = findTpmback(usual);
  return one(
    TPMBACKS.filter((entry) => entry.ring === ring).map(({ name }) => name),
    random,
  );
}

/**
 * Each fault one time in four, where it can strike at all. What nobody survives is never tried unasked: both copies run, a
 * guest meets the vTPM of another moment, Xen loses an event. Nor is a hostile peer, which breaks its own end.
 */
function drawVariation({ plan, faults }: Scenario, tpmback: string, random: Random): Variation {
  const more = (): number => (random.index(4) === 0 ? 1 + random.index(2) : 0);
  const backendKills = faults.backendKills + more();
  const spuriousEvents = faults.spuriousEvents + more();
  const toolstackKills = faults.toolstackKills + (plan.operation === 'migrate' ? more() : 0);
  const storeRestarts = faults.storeRestarts + more();
  const watchRepeats = faults.watchRepeats + more();
  const streamCuts = faults.streamCuts + (plan.operation === 'migrate' ? more() : 0);
  const staleRestores = faults.staleRestores + (plan.operation === 'checkpoint' ? more() : 0);
  const narrow = tpmback === 'sequenced' && random.index(4) === 0;
  return {
    backendKills: Math.min(backendKills, 2),
    spuriousEvents: Math.min(spuriousEvents, 2),
    toolstackKills: Math.min(toolstackKills, 2),
    storeRestarts: Math.min(storeRestarts, 2),
    watchRepeats: Math.min(watchRepeats, 2),
    streamCuts: Math.min(streamCuts, 1),
    staleRestores: Math.min(staleRestores, 1),
    ...(narrow ? { sequenceBits: 2 + random.index(2) } : {}),
  };
}

function one<T>(values: readonly T[], random: Random): T {
  return values[random.index(values.length)] as T;
}
