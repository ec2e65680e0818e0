/**
 * A scenario for a pair of drivers: the plan takes over what the drivers' own toolstack does.
 */
import type { Session } from '../protocol/tpm/session.js';
import { assertPair, type TpmbackEntry, type TpmfrontEntry } from './drivers.js';
import type { Scenario, WorldOptions } from './world-options.js';

export interface Pairing {
  readonly scenario: Scenario;
  readonly tpmfront: TpmfrontEntry;
  readonly tpmback: TpmbackEntry;
  readonly session: Session;
}

/** Options of the world of a pairing, fine-grained. Throws `USAGE` when the two ends speak different rings. */
export function worldOptions(pairing: Pairing, more: Partial<WorldOptions> = {}): WorldOptions {
  const { scenario, tpmfront, tpmback, session } = pairing;
  assertPair(tpmfront, tpmback);
  const plan = scenario.asPlanned
    ? scenario.plan
    : { ...scenario.plan, drain: tpmfront.drain, timeouts: !tpmfront.patient };
  const { sequenceBits } = scenario;
  const width = sequenceBits === undefined ? {} : { sequenceBits };
  return { grain: 'fine', ...width, ...more, scenario: { ...scenario, plan }, tpmfront, tpmback, session };
}
