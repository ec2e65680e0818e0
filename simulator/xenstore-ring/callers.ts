/**
 * Those who use the store connection of a guest in an exploration: a user that asks one thing after the other, and the
 * thread that handles watch events. Both block, as real callers do, and where they stand lies in the guest's memory.
 */
import type { XenstoreRing } from '../../frontend/xenstore-ring/driver.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { DONE, Task, task } from '../../hypervisor/steps.js';
import { layout, u32 } from '../../protocol/layout.js';
import { XsType } from '../../protocol/xs-wire.js';

export const CallersState = layout('callers', {
  user: u32,
  position: u32,
  user_slot: u32,
  /** Id of the user's transaction; 0 for none. */
  transaction: u32,
  xenwatch: u32,
  watch_slot: u32,
  /** The value of the watched node when the handler read it last, as a number plus 1; 0 for never. */
  seen: u32,
});

export interface Ask {
  readonly type: number;
  readonly payload: string;
  /** Payload of the reply. */
  readonly expected: string;
  /** Belongs to the transaction that the user has open. */
  readonly inTransaction?: boolean;
  /** Also in order: the transaction was lost with the old daemon, and the user is told to begin anew. */
  readonly mayBeLost?: boolean;
}

export interface CallersPlace {
  readonly address: number;
  readonly ring: XenstoreRing;
  readonly asks: readonly Ask[];
  /** The node that is watched. */
  readonly watched: string;
  /** A suspend or resume is under way: the thread that handles events runs it, so no event is handled. */
  readonly managing: () => boolean;
  /** A reply is not what it should be. */
  readonly onWrong: (ask: Ask, found: string) => void;
}

/** What the drivers and daemons answer where a transaction is not there any more. */
const LOST: ReadonlySet<string> = new Set(['EAGAIN\0', 'ENOENT\0', 'EIO\0']);

const user = task<Callers>('user', {
  submit: { when: (callers) => callers.place.ring.accepts(), run: (callers) => callers.submit() },
  reply: { when: (callers) => callers.answered(), run: (callers) => callers.compare() },
});

const xenwatch = task<Callers>('xenwatch', {
  event: { when: (callers) => callers.mayHandle(), run: (callers) => callers.handle() },
  read: { when: (callers) => callers.place.ring.accepts(), run: (callers) => callers.read() },
  reply: { when: (callers) => callers.hasRead(), run: (callers) => callers.see() },
});

export class Callers {
  readonly place: CallersPlace;
  readonly state: ReturnType<typeof CallersState.view>;
  readonly userTask: Task<Callers>;
  readonly xenwatchTask: Task<Callers>;

  constructor(memory: JournaledMemory, place: CallersPlace) {
    this.place = place;
    this.state = CallersState.view(memory).at(place.address);
    this.userTask = new Task(memory, user, this, place.address + CallersState.offset.user);
    this.xenwatchTask = new Task(memory, xenwatch, this, place.address + CallersState.offset.xenwatch);
  }

  /** The last value of the watched node that was seen, or undefined. */
  get seen(): string | undefined {
    return this.state.seen === 0 ? undefined : String(this.state.seen - 1);
  }

  submit(): void {
    const ask = this.#ask();
    const transaction = ask.inTransaction === true ? this.state.transaction : 0;
    this.state.user_slot = this.place.ring.submit(ask.type, ask.payload, transaction);
  }

  answered(): boolean {
    return this.place.ring.answered(this.state.user_slot);
  }

  compare(): string | typeof DONE {
    const { state, place } = this;
    const ask = this.#ask();
    const { type, payload } = place.ring.take(state.user_slot);
    const lost = type === XsType.ERROR && LOST.has(payload);
    if (payload !== ask.expected && !(ask.mayBeLost === true && lost)) place.onWrong(ask, payload);
    if (ask.type === XsType.TRANSACTION_START) state.transaction = Number.parseInt(payload, 10) || 0;
    if (ask.type === XsType.TRANSACTION_END) state.transaction = 0;
    state.user_slot = 0;
    state.position += 1;
    return state.position < place.asks.length ? 'submit' : DONE;
  }

  mayHandle(): boolean {
    return this.place.ring.hasEvent && !this.place.managing();
  }

  handle(): void {
    this.place.ring.takeEvent();
  }

  read(): void {
    this.state.watch_slot = this.place.ring.submit(XsType.READ, `${this.place.watched}\0`);
  }

  hasRead(): boolean {
    return this.place.ring.answered(this.state.watch_slot);
  }

  see(): string {
    const { type, payload } = this.place.ring.take(this.state.watch_slot);
    this.state.watch_slot = 0;
    if (type === XsType.READ && /^[0-9]+$/.test(payload)) this.state.seen = Number(payload) + 1;
    else this.place.onWrong({ type: XsType.READ, payload: this.place.watched, expected: 'a number' }, payload);
    return 'event';
  }

  #ask(): Ask {
    return this.place.asks[this.state.position] as Ask;
  }
}
