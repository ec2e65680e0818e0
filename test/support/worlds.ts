/**
 * Worlds for tests: built by name, driven by hand with the names of schedules, explored, and walked state by state.
 */
import type { BackendServices, Tpmback } from '../../backend/tpmback/tpmback.js';
import type { GuestServices, Tpmfront } from '../../frontend/tpmfront/tpmfront.js';
import { assert } from '../../protocol/assert.js';
import { SCENARIOS } from '../../scenarios/scenarios.js';
import { find, findTpmback, findTpmfront, type TpmbackEntry, type TpmfrontEntry } from '../../simulator/drivers.js';
import { CHOICES_MAX, type Exploration, explore } from '../../simulator/explore/explore.js';
import { worldOptions } from '../../simulator/pairing.js';
import type { Plan } from '../../simulator/plan.js';
import { World } from '../../simulator/world.js';
import type { Scenario, WorldOptions } from '../../simulator/world-options.js';
import type { OracleName } from '../../simulator/world-state.js';
import { recordedSession } from './sessions.js';

/** Startup, then extends of a PCR: each command changes the state of the TPM. */
export const SESSION = recordedSession('ima_extends');

/** More than any schedule of a test has. */
const STEPS_MAX = 10_000;

/** A situation; the options are those of the world, with two commands where nothing else is said. */
export interface Situation extends Partial<Omit<WorldOptions, 'scenario' | 'tpmfront' | 'tpmback'>> {
  readonly front: string | TpmfrontEntry;
  /** The backend the frontend was made for when absent. */
  readonly back?: string | TpmbackEntry;
  readonly scenario: string | Scenario;
}

/** A fine-grained world, at the point where its schedules begin. */
export function worldOf(situation: Situation): World {
  const { front, back, scenario, session = SESSION, ...more } = situation;
  const tpmfront = typeof front === 'string' ? findTpmfront(front) : front;
  const backend = back ?? tpmfront.tpmback;
  const pairing = {
    scenario: typeof scenario === 'string' ? scenarioOf(scenario) : scenario,
    tpmfront,
    tpmback: typeof backend === 'string' ? findTpmback(backend) : backend,
    session,
  };
  return new World(worldOptions(pairing, { commands: 2, ...more }));
}

/** A scenario by name, with some of it changed. */
export function scenarioOf(
  name: string,
  change: Partial<Omit<Scenario, 'plan'>> = {},
  plan: Partial<Plan> = {},
): Scenario {
  const scenario = find('scenario', SCENARIOS, name);
  return { ...scenario, ...change, plan: { ...scenario.plan, ...plan } };
}

/** Both ends are connected, and nothing happens but the commands of the user. */
export const CONNECTED: Scenario = scenarioOf('connect', { name: 'connected', start: 'connected' });

/** The entry `like` of the zoo with another driver in it. */
export function frontOf(like: string, create: (services: GuestServices) => Tpmfront): TpmfrontEntry {
  return { ...findTpmfront(like), create };
}

/** The entry `like` of the zoo with another driver in it. */
export function backOf(like: string, create: (services: BackendServices) => Tpmback): TpmbackEntry {
  return { ...findTpmback(like), create };
}

export interface Failure {
  /** Null when nothing failed. */
  readonly oracle: OracleName | null;
  readonly fault: string | null;
  /** Names of the steps of a shortest schedule. */
  readonly steps: readonly string[];
  readonly exploration: Exploration;
}

/** A shortest schedule to a failure of `oracles` (all when absent); the world stands at its end afterwards. */
export function shortest(world: World, oracles?: readonly OracleName[]): Failure {
  const exploration = explore(world, { order: 'bfs', oracles });
  const steps = exploration.choices.map((choice) => {
    const name = world.describe(choice);
    world.step(choice);
    return name;
  });
  choicesOf(world);
  if (world.atRest) world.quiescent();
  return { oracle: exploration.oracle, fault: exploration.fault, steps, exploration };
}

/** Whether no schedule at all leads to a failure of `oracles` (all when absent). */
export function holds(world: World, oracles?: readonly OracleName[]): boolean {
  const exploration = explore(world, { order: 'dfs', oracles });
  return exploration.holds && exploration.complete;
}

/** Whether the names `wanted` begin names in `steps`, in that order. */
export function inOrder(steps: readonly string[], wanted: readonly string[]): boolean {
  let at = 0;
  for (const step of steps) {
    const next = wanted[at];
    if (next !== undefined && step.startsWith(next)) at++;
  }
  return at === wanted.length;
}

/** What can happen next. */
export function choicesOf(world: World): number[] {
  const choices = new Int32Array(CHOICES_MAX);
  return [...choices.slice(0, world.enumerate(choices))];
}

/** Takes the choices whose names begin with `names`, one after the other. */
export function take(world: World, ...names: readonly string[]): void {
  for (const name of names) {
    const choices = choicesOf(world);
    const choice = choices.find((candidate) => world.describe(candidate).startsWith(name));
    const possible = choices.map((candidate) => world.describe(candidate)).join(', ');
    assert(choice !== undefined, `${name} cannot happen now; possible: ${possible}`);
    world.step(choice);
  }
}

/**
 * Takes the first choice again and again until `ready` holds or nothing can happen; passes over what begins with one
 * of `avoid`. Returns whether `ready` holds.
 */
export function runUntil(world: World, ready: () => boolean, avoid: readonly string[] = []): boolean {
  for (let steps = 0; !ready(); steps++) {
    assert(steps < STEPS_MAX, 'the world goes on for ever');
    const choice = choicesOf(world).find((candidate) => {
      const name = world.describe(candidate);
      return !avoid.some((prefix) => name.startsWith(prefix));
    });
    if (choice === undefined) return false;
    world.step(choice);
  }
  return true;
}

/** Lets happen what can until nothing can any more, and has the end judged. */
export function runToEnd(world: World, avoid: readonly string[] = []): void {
  runUntil(world, () => false, avoid);
  choicesOf(world);
  if (world.atRest) world.quiescent();
}

/**
 * Stands in every state that can be reached, once, and calls `visit` there; where the world is at rest it is judged
 * before. Failed oracles do not stop it.
 */
export function everyState(world: World, visit: (end: boolean) => void): { states: number; transitions: number } {
  const { memory } = world;
  const seen = new Set<string>();
  let transitions = 0;
  const walk = (): void => {
    const key = `${memory.hashLow} ${memory.hashHigh}`;
    if (seen.has(key)) return;
    seen.add(key);
    const mark = memory.journalLength;
    const { hashLow, hashHigh } = memory;
    const choices = choicesOf(world);
    const { atRest } = world;
    if (atRest) world.quiescent();
    visit(atRest);
    memory.undo(mark, hashLow, hashHigh);
    for (const choice of choices) {
      world.step(choice);
      transitions++;
      walk();
      memory.undo(mark, hashLow, hashHigh);
    }
  };
  walk();
  return { states: seen.size, transitions };
}
