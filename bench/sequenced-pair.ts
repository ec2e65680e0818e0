/** The sequenced pair of tpmfront and tpmback in a scenario, as the benchmark explores it. */
import { loadSession } from '../library/sessions.js';
import { SCENARIOS } from '../scenarios/scenarios.js';
import { find, findTpmback, findTpmfront } from '../simulator/drivers.js';
import { worldOptions } from '../simulator/pairing.js';
import { World } from '../simulator/world.js';

/** Each command of the one is another extend of a PCR; the other has more of them than a byte of SPIN's model can count. */
const SESSIONS = { 'clean-migration': 'ima_extends', 'cancelled-suspend': 'context_juggling' } as const;

export type Situation = keyof typeof SESSIONS;

/** Of a guest that makes so many commands. */
export function sequencedPair(scenario: Situation, commands: number): World {
  const session = loadSession(SESSIONS[scenario]);
  const tpmfront = findTpmfront('sequenced');
  const pairing = {
    scenario: find('scenario', SCENARIOS, scenario),
    tpmfront,
    tpmback: findTpmback(tpmfront.tpmback),
    session,
  };
  return new World(worldOptions(pairing, { commands }));
}
