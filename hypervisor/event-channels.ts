/**
 * Event channels in the two-level ABI (xen/include/public/xen.h, event_channel.h; xen/common/event_channel.c).
 *
 * The pending and mask bits lie in the domain's shared_info page at the offsets of a 64-bit guest, and travel with
 * it; the table of channels lies in a page of the hypervisor and does not. What follows from Xen's rules, and is
 * easily forgotten: any number of notifications before the handler clears the bit is one event; a notification on an
 * unbound port is dropped without an error; binding raises one event at the end that binds, to repair such drops.
 */
import { assert } from '../protocol/assert.js';
import { layout, u8, u16, u32 } from '../protocol/layout.js';
import { ALL_AGENTS, NO_CRASH } from './journaled-memory.js';
import type { MachineMemory } from './machine-memory.js';

/** Offsets of the bitmaps in shared_info on x86-64, in bytes; 512 bytes each. */
export const PENDING_OFFSET = 2048;
export const MASK_OFFSET = 2560;

export const ChannelState = { Closed: 0, Unbound: 1, Interdomain: 2 } as const;

/** One entry of the hypervisor's table. */
export const Channel = layout('evtchn', { state: u8, pad: u8, remote_domid: u16, remote_port: u32, owner: u32 });

/** Ports 1 and 2 are those of the store and the console, made by the toolstack. */
export const FIRST_PORT = 3;
export const PORTS_MAX = 16;

/** Errors of the hypercalls, as positive numbers of Linux. */
export const EINVAL = 22;
export const ENOSPC = 28;

/** What the event channels need to know of a domain. */
export interface ChannelDomain {
  readonly domid: number;
  /** Address of its shared_info page. */
  readonly sharedInfo: number;
  /** Address of its table of channels, `PORTS_MAX` entries. */
  readonly channelTable: number;
}

export class EventChannels {
  readonly #memory: MachineMemory;
  readonly #find: (domid: number) => ChannelDomain | undefined;
  readonly #local;
  readonly #remote;

  /** `find` gives the live domain of a number on this host. */
  constructor(memory: MachineMemory, find: (domid: number) => ChannelDomain | undefined) {
    this.#memory = memory;
    this.#find = find;
    this.#local = Channel.view(memory);
    this.#remote = Channel.view(memory);
  }

  /** Reserves a port that only `remoteDomid` may bind. Returns it, or minus `ENOSPC`. */
  allocateUnbound(domain: ChannelDomain, remoteDomid: number): number {
    return this.#memory.asHypervisor(() => {
      for (let port = FIRST_PORT; port < PORTS_MAX; port++) {
        const channel = this.#at(domain, port);
        if (channel.state !== ChannelState.Closed) continue;
        channel.state = ChannelState.Unbound;
        channel.remote_domid = remoteDomid;
        channel.remote_port = 0;
        return port;
      }
      return -ENOSPC;
    });
  }

  /** Binds a new port of `domain` to an unbound port reserved for it. Returns the new port, or minus `EINVAL` or `ENOSPC`. */
  bindInterdomain(domain: ChannelDomain, remoteDomid: number, remotePort: number): number {
    const owner = this.#memory.current;
    return this.#memory.asHypervisor(() => {
      const peer = this.#find(remoteDomid);
      if (peer === undefined || remotePort < FIRST_PORT || remotePort >= PORTS_MAX) return -EINVAL;
      const remote = this.#remote.at(peer.channelTable + remotePort * Channel.size);
      if (remote.state !== ChannelState.Unbound || remote.remote_domid !== domain.domid) return -EINVAL;
      for (let port = FIRST_PORT; port < PORTS_MAX; port++) {
        const local = this.#at(domain, port);
        if (local.state !== ChannelState.Closed) continue;
        local.state = ChannelState.Interdomain;
        local.remote_domid = remoteDomid;
        local.remote_port = remotePort;
        local.owner = owner;
        remote.state = ChannelState.Interdomain;
        remote.remote_port = port;
        this.#setPending(domain, port);
        return port;
      }
      return -ENOSPC;
    });
  }

  /** Notifies the other end. Returns 0 also when there is nobody at the other end, minus `EINVAL` on a closed port. */
  send(domain: ChannelDomain, port: number): number {
    if (port < FIRST_PORT || port >= PORTS_MAX) return -EINVAL;
    // Once for each command and each response: without the closure of `asHypervisor`.
    const memory = this.#memory;
    const { current, storesLeft } = memory;
    memory.current = ALL_AGENTS;
    memory.storesLeft = NO_CRASH;
    const local = this.#at(domain, port);
    const { state } = local;
    if (state === ChannelState.Interdomain) {
      const peer = this.#find(local.remote_domid);
      if (peer !== undefined) this.#setPending(peer, local.remote_port);
    }
    memory.current = current;
    memory.storesLeft = storesLeft;
    return state === ChannelState.Closed ? -EINVAL : 0;
  }

  /** Frees a port. The other end falls back to unbound and is not told. Returns 0, or minus `EINVAL` on a closed port. */
  close(domain: ChannelDomain, port: number): number {
    if (port < FIRST_PORT || port >= PORTS_MAX) return -EINVAL;
    return this.#memory.asHypervisor(() => {
      const local = this.#at(domain, port);
      if (local.state === ChannelState.Closed) return -EINVAL;
      if (local.state === ChannelState.Interdomain) {
        const peer = this.#find(local.remote_domid);
        if (peer !== undefined) {
          const remote = this.#remote.at(peer.channelTable + local.remote_port * Channel.size);
          remote.state = ChannelState.Unbound;
          remote.remote_port = 0;
        }
      }
      local.state = ChannelState.Closed;
      local.remote_domid = 0;
      local.remote_port = 0;
      local.owner = 0;
      this.#setBit(domain.sharedInfo + PENDING_OFFSET, port, false);
      return 0;
    });
  }

  /** Closes every channel that a process of `domain` has bound, by its agent: what the kernel does when it dies. */
  closeOwned(domain: ChannelDomain, agent: number): void {
    for (let port = FIRST_PORT; port < PORTS_MAX; port++) {
      if (this.#memory.asHypervisor(() => this.#at(domain, port).owner) === agent) this.close(domain, port);
    }
  }

  /** Closes every channel of a domain that ends. */
  closeAll(domain: ChannelDomain): void {
    for (let port = FIRST_PORT; port < PORTS_MAX; port++) {
      if (this.state(domain, port) !== ChannelState.Closed) this.close(domain, port);
    }
  }

  /** Whether `domain` has a port open to a domain that does not exist any more. */
  leaks(domain: ChannelDomain): boolean {
    for (let port = FIRST_PORT; port < PORTS_MAX; port++) {
      const { state, remote_domid } = this.#at(domain, port);
      if (state !== ChannelState.Closed && this.#find(remote_domid) === undefined) return true;
    }
    return false;
  }

  state(domain: ChannelDomain, port: number): number {
    return this.#memory.asHypervisor(() => this.#at(domain, port).state);
  }

  /** Whether `port` is one that the domain has open; 0 and other numbers that are none are not. */
  isOpen(domain: ChannelDomain, port: number): boolean {
    return port >= FIRST_PORT && port < PORTS_MAX && this.state(domain, port) !== ChannelState.Closed;
  }

  /** Whether an event waits at any port, masked or not: there are fewer than 32. */
  anyPending(domain: ChannelDomain): boolean {
    return this.#memory.word((domain.sharedInfo + PENDING_OFFSET) >>> 2) !== 0;
  }

  /** Whether an event waits at `port` and is not masked. */
  deliverable(domain: ChannelDomain, port: number): boolean {
    // Called for every driver in every state of an exploration: reads the words themselves.
    const word = port >>> 5;
    const pending = this.#memory.word(((domain.sharedInfo + PENDING_OFFSET) >>> 2) + word);
    const masked = this.#memory.word(((domain.sharedInfo + MASK_OFFSET) >>> 2) + word);
    return (pending & ~masked & (1 << (port & 31))) !== 0;
  }

  /** The guest's own clearing of the pending bit, which must come before it looks for work. */
  acknowledge(domain: ChannelDomain, port: number): void {
    const memory = this.#memory;
    const { current } = memory;
    memory.current = ALL_AGENTS;
    try {
      this.#setBit(domain.sharedInfo + PENDING_OFFSET, port, false);
    } finally {
      memory.current = current;
    }
  }

  setMask(domain: ChannelDomain, port: number, masked: boolean): void {
    this.#memory.asHypervisor(() => {
      this.#setBit(domain.sharedInfo + MASK_OFFSET, port, masked);
      return 0;
    });
  }

  /** Raises an event that nobody sent; for the fault of that name. */
  raiseSpurious(domain: ChannelDomain, port: number): void {
    this.#memory.asHypervisor(() => {
      this.#setPending(domain, port);
      return 0;
    });
  }

  /** What a guest does on resume in a new domain: no channel has survived, so it clears every bit. */
  forget(domain: ChannelDomain): void {
    this.#memory.asHypervisor(() => {
      this.#memory.clear(domain.sharedInfo + PENDING_OFFSET, PORTS_MAX / 8);
      this.#memory.clear(domain.sharedInfo + MASK_OFFSET, PORTS_MAX / 8);
      return 0;
    });
  }

  #at(domain: ChannelDomain, port: number): ReturnType<typeof Channel.view> {
    assert(
      port >= FIRST_PORT && port < PORTS_MAX,
      `event channels: port ${port} is outside ${FIRST_PORT} to ${PORTS_MAX - 1}`,
    );
    return this.#local.at(domain.channelTable + port * Channel.size);
  }

  #setPending(domain: ChannelDomain, port: number): void {
    this.#setBit(domain.sharedInfo + PENDING_OFFSET, port, true);
  }

  #setBit(bitmap: number, port: number, value: boolean): void {
    const address = bitmap + (port >>> 5) * 4;
    const bit = 1 << (port & 31);
    // The other end may set its bits of the same word at the same moment.
    if (value) this.#memory.or32(address, bit);
    else this.#memory.and32(address, ~bit);
  }
}
