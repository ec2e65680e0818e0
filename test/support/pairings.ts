/** Pairings for tests, by name. */
import { CHECK_SCENARIOS } from '../../scenarios/scenarios.js';
import { findTpmback, findTpmfront, TPMFRONTS } from '../../simulator/drivers.js';
import type { Pairing } from '../../simulator/pairing.js';
import { SESSION, scenarioOf } from './worlds.js';

/** A frontend with the backend it was made for. */
export function pairingOf(tpmfront: string, scenario: string): Pairing {
  const front = findTpmfront(tpmfront);
  return { scenario: scenarioOf(scenario), tpmfront: front, tpmback: findTpmback(front.tpmback), session: SESSION };
}

/** Every cell of the verdict table. */
export const CELL_PAIRINGS: readonly Pairing[] = TPMFRONTS.flatMap(({ name }) =>
  CHECK_SCENARIOS.map((scenario) => pairingOf(name, scenario)),
);
