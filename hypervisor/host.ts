/**
 * A host: its domains, its grant mappings and event channels, and the cell with its xenstored.
 */

import { type Domain, DomainState } from './domain.js';
import { EventChannels } from './event-channels.js';
import { GrantTables } from './grant-table.js';
import type { JournaledMemory } from './journaled-memory.js';

export class Host {
  readonly name: string;
  /** Domain 0 first. */
  readonly domains: Domain[] = [];
  readonly events: EventChannels;
  readonly grants: GrantTables;
  /** Number of the cell that holds the state of this host's xenstored. */
  readonly storeCell: number;

  constructor(memory: JournaledMemory, place: { name: string; maptrack: number; storeCell: number }) {
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
