/**
 * Scenarios by name, with their variations (`simulator/scenario-variation.ts`).
 */
import { find } from '../simulator/drivers.js';
import { parseVariation, varied } from '../simulator/scenario-variation.js';
import type { Scenario } from '../simulator/world-options.js';
import { LIVE_SCENARIOS } from './live-scenarios.js';
import { SCENARIOS } from './scenarios.js';

/** Throws `UNKNOWN_NAME` with the names there are. */
export function findScenario(name: string): Scenario {
  const { base, variation } = parseVariation(name);
  return varied(find('scenario', [...SCENARIOS, ...LIVE_SCENARIOS], base), variation);
}
