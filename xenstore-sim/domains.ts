/**
 * What the store knows of a domain. Immutable.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW } from './hash.js';

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
}

export class Domain implements Hashed, DomainState {
  readonly domid: number;
  readonly introduced: boolean;
  readonly shutdown: boolean;
  readonly target: number;
  readonly nodes: number;
  readonly hashLow: number;
  readonly hashHigh: number;

  constructor(domid: number, { introduced, shutdown, target, nodes }: DomainState) {
    this.domid = domid;
    this.introduced = introduced;
    this.shutdown = shutdown;
    this.target = target;
    this.nodes = nodes;
    const flags = (introduced ? 2 : 0) | (shutdown ? 1 : 0);
    this.hashLow = mix(mix(mix(mix(LOW, domid), flags), target), nodes);
    this.hashHigh = mix(mix(mix(mix(HIGH, domid), flags), target), nodes);
  }

  with(change: Partial<DomainState>): Domain {
    return new Domain(this.domid, { ...this, ...change });
  }
}

/** A domain that exists but was not introduced. */
export const EXISTING: DomainState = { introduced: false, shutdown: false, target: NO_TARGET, nodes: 0 };
