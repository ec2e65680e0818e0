/** Worlds with a few commands of a real session, and what an exploration of one tells. */
import { readFileSync } from 'node:fs';
import type { GuestServices, Tpmfront } from '../../frontend/tpmfront/tpmfront.js';
import { parseSession } from '../../protocol/tpm/session.js';
import { SCENARIOS } from '../../scenarios/scenarios.js';
import { find, findTpmback, findTpmfront, type TpmfrontEntry } from '../../simulator/drivers.js';
import { CHOICES_MAX, type Exploration, explore } from '../../simulator/explore/explore.js';
import { worldOptions } from '../../simulator/pairing.js';
import { World } from '../../simulator/world.js';
import type { Scenario, WorldOptions } from '../../simulator/world-options.js';
import type { OracleName } from '../../simulator/world-state.js';

/** Startup, then extends of PCR 10. */
const SESSION = 'scenarios/sessions/ima_extends.jsonl';
export const imaSession = parseSession(SESSION, readFileSync(SESSION, 'utf8'));

/** The scenario of that name, or one that differs from it. */
export function scenarioOf(name: string, changes: Partial<Scenario> = {}): Scenario {
  return { ...find('scenario', SCENARIOS, name), ...changes };
}

/** The entry of a driver of the zoo with another driver in it: a variant. */
export function variantOf(name: string, create: (services: GuestServices) => Tpmfront): TpmfrontEntry {
  return { ...findTpmfront(name), create };
}

/** A world of `front` and the backend it was made for; three commands unless told otherwise. */
export function worldOf(
  front: string | TpmfrontEntry,
  scenario: string | Scenario,
  more: Partial<WorldOptions> = {},
): World {
  const tpmfront = typeof front === 'string' ? findTpmfront(front) : front;
  const pairing = {
    scenario: typeof scenario === 'string' ? scenarioOf(scenario) : scenario,
    tpmfront,
    tpmback: findTpmback(tpmfront.tpmback),
    session: imaSession,
  };
  return new World({ commands: 3, ...worldOptions(pairing, more), ...more });
}

/** Takes the choices one after the other; the names of the steps. */
export function take(world: World, choices: readonly number[]): string[] {
  return choices.map((choice) => {
    const name = world.describe(choice);
    world.step(choice);
    return name;
  });
}

/** Takes what `choose` says until nothing can happen any more; the names of the steps. */
export function drive(world: World, choose: (choices: Int32Array) => number): string[] {
  const buffer = new Int32Array(CHOICES_MAX);
  const names: string[] = [];
  for (;;) {
    const count = world.enumerate(buffer);
    if (count === 0) return names;
    names.push(...take(world, [choose(buffer.subarray(0, count))]));
  }
}

/** Choices by chance, the same for the same seed. */
export function byChance(seed: number): (choices: Int32Array) => number {
  let state = seed;
  return (choices) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return choices[(state >>> 8) % choices.length] as number;
  };
}

/** The verdict in one line, for `t.equal`. */
export function verdict({ holds, complete, oracle, fault }: Exploration): string {
  if (holds) return complete ? 'holds' : 'holds as far as seen';
  return fault === null ? `fails ${oracle}` : `fails ${oracle}: ${fault}`;
}

export interface Failure {
  readonly verdict: string;
  /** The names of the steps that lead there. The world stands at their end. */
  readonly schedule: readonly string[];
}

/** A shortest schedule to a failure, of these oracles when given. */
export function shortestFailure(world: World, oracles?: readonly OracleName[]): Failure {
  const exploration = explore(world, { order: 'bfs', oracles });
  return { verdict: verdict(exploration), schedule: take(world, exploration.choices) };
}

/** What every schedule together comes to, by these oracles when given. */
export function everySchedule(world: World, oracles?: readonly OracleName[]): string {
  return verdict(explore(world, { order: 'dfs', oracles }));
}

/** The steps of `schedule` that begin with one of `steps`, in the order of `steps`; the rest of them is missing. */
export function inOrder(schedule: readonly string[], steps: readonly string[]): string[] {
  const found: string[] = [];
  for (const name of schedule) {
    const wanted = steps[found.length];
    if (wanted !== undefined && name.startsWith(wanted)) found.push(wanted);
  }
  return found;
}
