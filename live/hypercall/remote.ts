/**
 * Event channels and grants as a domain's process uses them. What it may do itself it does in its own pages, with the
 * classes of the simulator; for the rest it asks the hypervisor and waits.
 */
import { Channel, type ChannelDomain, ChannelState, EventChannels } from '../../hypervisor/event-channels.js';
import { type GrantDomain, GrantTables } from '../../hypervisor/grant-table.js';
import type { HostCalls } from '../../hypervisor/host.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { Rights } from '../memory/address-space.js';
import type { DoorbellRinger } from '../memory/doorbell.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import { MAPTRACK } from '../tables.js';
import type { CallName } from './calls.js';

/** A hypercall that has returned. Throws what `HypercallClient.call` rejects with. */
export type Hypercall = (call: CallName, ...args: number[]) => number;

export interface RemoteHostPlace {
  readonly memory: SharedMemory;
  readonly hypercall: Hypercall;
  /** The domains this process can notify, and who is rung for it. */
  readonly find: (domid: number) => (ChannelDomain & GrantDomain) | undefined;
  readonly ringerOf: (domid: number) => DoorbellRinger | undefined;
}

export function remoteHost(place: RemoteHostPlace): HostCalls {
  return { events: new RemoteEvents(place), grants: new RemoteGrants(place) };
}

class RemoteEvents extends EventChannels {
  readonly #place: RemoteHostPlace;

  constructor(place: RemoteHostPlace) {
    super(place.memory, place.find);
    this.#place = place;
  }

  override allocateUnbound(_domain: ChannelDomain, remoteDomid: number): number {
    return this.#place.hypercall('evtchn_alloc_unbound', remoteDomid);
  }

  override bindInterdomain(_domain: ChannelDomain, remoteDomid: number, remotePort: number): number {
    return this.#place.hypercall('evtchn_bind_interdomain', remoteDomid, remotePort);
  }

  override close(_domain: ChannelDomain, port: number): number {
    return this.#place.hypercall('evtchn_close', port);
  }

  /** No hypercall: the bit is set in the other side's page, which is mapped here, and its process is woken. */
  override send(domain: ChannelDomain, port: number): number {
    const result = super.send(domain, port);
    if (result < 0) return result;
    const channel = (domain.channelTable + port * Channel.size) >>> 2;
    const first = this.#place.memory.words[channel] as number;
    if ((first & 0xff) === ChannelState.Interdomain) this.#place.ringerOf(first >>> 16)?.ring();
    return result;
  }
}

class RemoteGrants extends GrantTables {
  readonly #memory: SharedMemory;
  readonly #hypercall: Hypercall;

  constructor({ memory, hypercall, find }: RemoteHostPlace) {
    super(memory, find, MAPTRACK);
    this.#memory = memory;
    this.#hypercall = hypercall;
  }

  override map(_mapper: number, _agents: number, domid: number, ref: number): number {
    const handle = this.#hypercall('gnttab_map', domid, ref);
    if (handle > 0) this.#memory.space.open(this.address(handle) / PAGE_SIZE, 1, Rights.Store);
    return handle;
  }

  override unmap(handle: number): number {
    const address = this.address(handle);
    if (address !== 0) this.#memory.space.open(address / PAGE_SIZE, 1, Rights.None);
    return this.#hypercall('gnttab_unmap', handle);
  }
}
