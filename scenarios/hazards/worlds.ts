/**
 * The worlds of the catalogue, said shortly.
 */
import type { BackendServices, Tpmback } from '../../backend/tpmback/tpmback.js';
import type { GuestServices, Tpmfront } from '../../frontend/tpmfront/tpmfront.js';
import { type WaitLoopOptions, WaitLoopTpmfront } from '../../frontend/tpmfront/v1.js';
import { BROKEN, LINUX, type XsRules } from '../../frontend/xenstore-ring/rules.js';
import { XsType } from '../../protocol/xs-wire.js';
import { BlockWorld, type BlockWorldOptions } from '../../simulator/block-data/world.js';
import { find, findTpmback, findTpmfront, type TpmbackEntry, type TpmfrontEntry } from '../../simulator/drivers.js';
import { worldOptions } from '../../simulator/pairing.js';
import type { Plan } from '../../simulator/plan.js';
import { World } from '../../simulator/world.js';
import type { Scenario, WorldOptions } from '../../simulator/world-options.js';
import type { Ask } from '../../simulator/xenstore-ring/callers.js';
import { RingWorld, type RingWorldOptions } from '../../simulator/xenstore-ring/world.js';
import { SCENARIOS } from '../scenarios.js';
import type { Design } from './hazard.js';

/** Commands that the user of a TPM issues: the smallest number with which one can be taken for another. */
const COMMANDS = 2;

export interface Place extends Partial<Pick<WorldOptions, 'user' | 'kernel'>> {
  readonly back?: string | TpmbackEntry;
}

/** A pair of drivers in a scenario, by name or by entry; the backend the frontend was made for when none is given. */
export function design(
  text: string,
  front: string | TpmfrontEntry,
  scenario: string | Scenario,
  { back, ...more }: Place = {},
): Design {
  return {
    text,
    world: (session) => {
      const tpmfront = typeof front === 'string' ? findTpmfront(front) : front;
      const backend = back ?? tpmfront.tpmback;
      const pairing = {
        scenario: typeof scenario === 'string' ? changed(scenario) : scenario,
        tpmfront,
        tpmback: typeof backend === 'string' ? findTpmback(backend) : backend,
        session,
      };
      return new World(worldOptions(pairing, { commands: COMMANDS, ...more }));
    },
  };
}

/** A scenario by name, with some of it changed. */
export function changed(
  name: string,
  change: Partial<Omit<Scenario, 'plan'>> = {},
  plan: Partial<Plan> = {},
): Scenario {
  const scenario = find('scenario', SCENARIOS, name);
  return { ...scenario, ...change, plan: { ...scenario.plan, ...plan } };
}

/** The entry `like` of the zoo with another driver in it. */
export function frontOf(like: string, create: (services: GuestServices) => Tpmfront): TpmfrontEntry {
  return { ...findTpmfront(like), create };
}

/** The backend `v2` with another driver in it. */
export function backOf(create: (services: BackendServices) => Tpmback): TpmbackEntry {
  return { ...findTpmback('v2'), create };
}

/** A variant of the tpmfront of the years 2005 to 2007. */
export function waitLoop(options: WaitLoopOptions): TpmfrontEntry {
  return frontOf('wait-loop', (services) => new WaitLoopTpmfront(services, options));
}

/** A block pair. */
export function blockDesign(text: string, options: BlockWorldOptions): Design {
  return { text, world: () => new BlockWorld(options) };
}

const READ_A: Ask = { type: XsType.READ, payload: 'a\0', expected: 'A' };

/** A guest that asks its xenstored for a node while it is migrated. */
export function ringDesign(text: string, rules: string, change: Partial<RingWorldOptions> = {}): Design {
  const found: XsRules = rules === LINUX.name ? LINUX : find('set of rules', BROKEN, rules);
  return {
    text,
    world: () =>
      new RingWorld({
        ...{ daemon: 'c', plan: 'migrate', asks: [READ_A], writes: 0, grain: 'chunk', rules: found },
        ...change,
      }),
  };
}
