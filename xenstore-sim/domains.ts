/**
 * What the store knows of a domain. Immutable.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW } from './hash.js';
import type { QuotaSet } from './quota.js';

export const NO_TARGET = -1;

export interface DomainState {
  /** Whether INTRODUCE was seen, and no RELEASE since. Before, the domain merely exists. */
  readonly introduced: boolean;
  /** Whether its shutdown was announced; cleared by RESUME. */
  readonly shutdown: boolean;
  /** The domain whose rights it shares as a device model, or `NO_TARGET`. */
  readonly target: number;
  /** Nodes of the tree that it owns; not counted for the control domain. */
  readonly nodes: number;
  /** Frame number and event channel of its ring, as INTRODUCE gave them. */
  readonly gfn: number;
  readonly port: number;
  /** Feature bits it is offered (xs_wire.h). */
  readonly features: number;
  /** Its own quotas, where domains have any. */
  readonly quota: QuotaSet | null;
}

export class Domain implements Hashed, DomainState {
  /** Its number. */
  readonly id: number;
  readonly introduced: boolean;
  readonly shutdown: boolean;
  readonly target: number;
  readonly nodes: number;
  readonly gfn: number;
  readonly port: number;
  readonly features: number;
  readonly quota: QuotaSet | null;

  constructor(id: number, state: DomainState) {
    this.id = id;
    this.introduced = state.introduced;
    this.shutdown = state.shutdown;
    this.target = state.target;
    this.nodes = state.nodes;
    this.gfn = state.gfn;
    this.port = state.port;
    this.features = state.features;
    this.quota = state.quota;
  }

  get hashLow(): number {
    return mix(this.#mix(LOW), this.quota?.hashLow ?? 0);
  }

  get hashHigh(): number {
    return mix(this.#mix(HIGH), this.quota?.hashHigh ?? 0);
  }

  #mix(seed: number): number {
    const flags = (this.introduced ? 2 : 0) | (this.shutdown ? 1 : 0);
    const known = mix(mix(mix(mix(seed, this.id), flags), this.target), this.nodes);
    return mix(mix(mix(known, this.gfn), this.port), this.features);
  }

  with(change: Partial<DomainState>): Domain {
    return new Domain(this.id, { ...this, ...change });
  }
}
