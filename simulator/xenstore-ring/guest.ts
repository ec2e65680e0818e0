/**
 * A guest in an exploration of the ring: a domain with a store page, the driver's pages and its callers.
 *
 *     page 0, 1     shared info, grant table
 *     page 2        the ring
 *     page 3        callers and suspend
 *     page 4 ...    the driver
 */
import { XenstoreRing } from '../../frontend/xenstore-ring/driver.js';
import { type XsShape, xsPages } from '../../frontend/xenstore-ring/memory.js';
import type { XsRules } from '../../frontend/xenstore-ring/rules.js';
import { XsSuspend } from '../../frontend/xenstore-ring/suspend.js';
import { type Domain, DomainState, FIRST_GUEST_PFN, SuspendResult } from '../../hypervisor/domain.js';
import type { Host } from '../../hypervisor/host.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { type Ask, Callers } from './callers.js';

const RING_PFN = FIRST_GUEST_PFN;
const CALLERS_PFN = FIRST_GUEST_PFN + 1;
const DRIVER_PFN = FIRST_GUEST_PFN + 2;
const SUSPEND_OFFSET = 256;

export function ringGuestPages(shape: XsShape): number {
  return DRIVER_PFN + xsPages(shape);
}

export interface RingGuestPlace {
  readonly domid: number;
  readonly domain: Domain;
  readonly host: Host;
  readonly shape: XsShape;
  readonly rules: XsRules;
  readonly asks: readonly Ask[];
  readonly watched: string;
  readonly onWrong: (ask: Ask, found: string) => void;
}

export class RingGuest {
  readonly domid: number;
  readonly domain: Domain;
  readonly host: Host;
  /** Address of the ring page. */
  readonly page: number;
  readonly ring: XenstoreRing;
  readonly suspend: XsSuspend;
  readonly callers: Callers;

  constructor(memory: JournaledMemory, place: RingGuestPlace) {
    const { domain, host, shape, rules, asks, watched, onWrong } = place;
    this.domid = place.domid;
    this.domain = domain;
    this.host = host;
    this.page = domain.page(RING_PFN);
    this.ring = new XenstoreRing(memory, {
      page: this.page,
      base: domain.page(DRIVER_PFN),
      shape,
      rules,
      notify: (port) => host.events.send(domain, port),
    });
    this.suspend = new XsSuspend(memory, {
      address: domain.page(CALLERS_PFN) + SUSPEND_OFFSET,
      ring: this.ring,
      suspend: () => domain.setState(DomainState.Suspended),
      running: () => domain.running,
      cancelled: () => domain.suspendResult === SuspendResult.Cancelled,
    });
    this.callers = new Callers(memory, {
      address: domain.page(CALLERS_PFN),
      ring: this.ring,
      asks,
      watched,
      managing: () => this.suspend.task.running,
      onWrong,
    });
  }

  get suspended(): boolean {
    return this.domain.state === DomainState.Suspended;
  }

  /** Whether its thread for events, which runs the suspend, can take the request. */
  mayBeAsked(): boolean {
    return this.domain.running && this.callers.xenwatchTask.at('event') && !this.suspend.task.running;
  }

  /** Whether anything but the kernel's own suspend runs. */
  get moving(): boolean {
    return this.domain.running && !this.ring.state.stopped;
  }

  get interrupted(): boolean {
    const { port } = this.ring.state;
    return port !== 0 && this.host.events.deliverable(this.domain, port);
  }

  interrupt(): void {
    this.host.events.acknowledge(this.domain, this.ring.state.port);
    this.ring.interrupt();
  }
}
