/**
 * A host: its domains, its grant mappings and event channels, and the cell with its xenstored.
 */

import { type Domain, DomainState } from './domain.js';
import { EventChannels } from './event-channels.js';
import { GrantTables } from './grant-table.js';
import type { MachineMemory } from './machine-memory.js';

/** The hypercalls of a driver for its event channels. */
export type EventCalls = Pick<
  EventChannels,
  | 'acknowledge'
  | 'allocateUnbound'
  | 'bindInterdomain'
  | 'close'
  | 'deliverable'
  | 'forget'
  | 'isOpen'
  | 'raiseSpurious'
  | 'send'
>;

/** What a driver does with grants: as a granter in its own page, as a mapper by hypercalls. */
export type GrantCalls = Pick<GrantTables, 'address' | 'endAccess' | 'grantAccess' | 'map' | 'reset' | 'unmap'>;

/** A host as the drivers in its domains see it. */
export interface HostCalls {
  readonly events: EventCalls;
  readonly grants: GrantCalls;
}

export class Host implements HostCalls {
  readonly name: string;
  /** Domain 0 first. */
  readonly domains: Domain[] = [];
  readonly events: EventChannels;
  readonly grants: GrantTables;
  /** Number of the cell that holds the state of this host's xenstored. */
  readonly storeCell: number;

  constructor(memory: MachineMemory, place: { name: string; maptrack: number; storeCell: number }) {
    this.name = place.name;
    this.storeCell = place.storeCell;
    const find = (domid: number): Domain | undefined => this.find(domid);
    this.events = new EventChannels(memory, find);
    this.grants = new GrantTables(memory, find, place.maptrack);
  }

  /** The domain of this number, if there is one. */
  find(domid: number): Domain | undefined {
    for (const domain of this.domains) {
      if (domain.domid === domid && domain.state !== DomainState.Free) return domain;
    }
    return undefined;
  }
}
