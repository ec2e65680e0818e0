/**
 * Suspend, resume and cancel of the store connection (xs_suspend, xs_resume, xs_suspend_cancel of xenbus_xs.c), as the
 * task that Linux's xenwatch thread runs them in. What is done beside that to devices is left out here.
 *
 *     suspend:    no request and no transaction is open -> no message is half read -> the hypercall
 *     cancelled:  everything goes on where it stood; the daemon has noticed nothing
 *     resumed:    leftovers are dropped, requests may begin, every watch is registered anew and fires at once
 */
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { DONE, Task, task } from '../../hypervisor/steps.js';
import { layout, u32 } from '../../protocol/layout.js';
import { XenstoreInterface, XsConnection, XsFeature } from '../../protocol/xs-ring.js';
import { XsType } from '../../protocol/xs-wire.js';
import type { XenstoreRing } from './driver.js';
import { Holder } from './memory.js';

export const XsSuspendState = layout('xs_suspend', {
  manage: u32,
  /** The watch that is being registered again, and the slot of its request. */
  watch: u32,
  slot: u32,
});

export interface XsSuspendPlace {
  readonly address: number;
  readonly ring: XenstoreRing;
  /** Stops the domain in its hypercall. */
  readonly suspend: () => void;
  /** Whether it runs again. */
  readonly running: () => boolean;
  /** Whether the hypercall returned 1. */
  readonly cancelled: () => boolean;
}

const manage = task<XsSuspend>('kernel', {
  xs_suspend_enter: (kernel) => kernel.enter(),
  xs_suspend: { when: (kernel) => kernel.maySuspend(), run: (kernel) => kernel.hold() },
  suspend: (kernel) => kernel.hypercall(),
  syscore_resume: { when: (kernel) => kernel.place.running(), run: (kernel) => kernel.returned() },
  reconnected: { when: (kernel) => kernel.connected(), run: (kernel) => kernel.startOver() },
  xs_resume: (kernel) => kernel.resume(),
  xs_watch: { when: (kernel) => kernel.mayWatch(), run: (kernel) => kernel.watchNext() },
  xs_watch_reply: { when: (kernel) => kernel.watched(), run: (kernel) => kernel.takeReply() },
});

export class XsSuspend {
  readonly place: XsSuspendPlace;
  readonly task: Task<XsSuspend>;
  readonly #state;
  readonly #page;

  constructor(memory: MachineMemory, place: XsSuspendPlace) {
    this.place = place;
    this.#state = XsSuspendState.view(memory).at(place.address);
    this.#page = XenstoreInterface.view(memory).at(place.ring.place.page);
    this.task = new Task(memory, manage, this, place.address + XsSuspendState.offset.manage);
  }

  enter(): void {
    this.place.ring.state.suspending = true;
  }

  /** Both locks are waited for in this order; here they are taken together, when the second is free. */
  maySuspend(): boolean {
    const { state, place } = this.place.ring;
    if (place.rules.waitsForReplies && state.users > 0) return false;
    return !place.rules.waitsForMessage || state.response_holder === Holder.Nobody;
  }

  hold(): void {
    const { state, place } = this.place.ring;
    if (place.rules.waitsForMessage) state.response_holder = Holder.Suspend;
    state.watches_held = true;
  }

  hypercall(): void {
    this.place.ring.state.stopped = true;
    this.place.suspend();
  }

  /** With the other processors still stopped. */
  returned(): string {
    const { ring, cancelled } = this.place;
    const { rules, notify } = ring.place;
    if (!cancelled() && rules.reconnects && (this.#page.server_features & XsFeature.Reconnection) !== 0) {
      // From here on until the daemon has answered, nothing of the page but this field means anything.
      this.#page.connection = XsConnection.Reconnect;
      notify(ring.state.port);
      return 'reconnected';
    }
    if (!cancelled() && rules.sendsAgain) ring.startOver();
    ring.state.stopped = false;
    return 'xs_resume';
  }

  connected(): boolean {
    return this.#page.connection === XsConnection.Connected;
  }

  startOver(): void {
    const { ring } = this.place;
    ring.startOver();
    ring.state.stopped = false;
  }

  resume(): string | typeof DONE {
    const { ring, cancelled } = this.place;
    const { state, place } = ring;
    if (!cancelled() && place.rules.dropsLeftovers) ring.replies.drop();
    if (state.response_holder === Holder.Suspend) state.response_holder = Holder.Nobody;
    state.suspending = false;
    if (!cancelled() && place.rules.registersWatches) {
      this.#state.watch = 0;
      return this.#nextWatch();
    }
    state.watches_held = false;
    return DONE;
  }

  mayWatch(): boolean {
    return this.place.ring.accepts();
  }

  watchNext(): void {
    const { ring } = this.place;
    this.#state.slot = ring.submit(XsType.WATCH, ring.watches.at(this.#state.watch) ?? '');
  }

  watched(): boolean {
    return this.place.ring.answered(this.#state.slot);
  }

  takeReply(): string | typeof DONE {
    this.place.ring.take(this.#state.slot);
    this.#state.slot = 0;
    this.#state.watch += 1;
    return this.#nextWatch();
  }

  #nextWatch(): string | typeof DONE {
    const { ring } = this.place;
    while (this.#state.watch < ring.watches.size && ring.watches.at(this.#state.watch) === undefined)
      this.#state.watch += 1;
    if (this.#state.watch < ring.watches.size) return 'xs_watch';
    this.#state.watch = 0;
    ring.state.watches_held = false;
    return DONE;
  }
}
