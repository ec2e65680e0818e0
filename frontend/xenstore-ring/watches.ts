/**
 * The watches a guest has registered and the events that wait to be handled, in its memory. The watches are kept beside
 * the daemon's own list because after a migration the new daemon has none.
 */
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { assert } from '../../protocol/assert.js';
import { readBytes, writeBytes } from '../../protocol/memory.js';
import { binaryString } from '../../protocol/xs-wire.js';
import { bytesOf, XsEvent, type XsPlaces, XsState, XsWatch } from './memory.js';

export class XsWatches {
  readonly #memory: MachineMemory;
  readonly #places: XsPlaces;
  readonly #state;
  readonly #watch;
  readonly #event;

  constructor(memory: MachineMemory, places: XsPlaces) {
    this.#memory = memory;
    this.#places = places;
    this.#state = XsState.view(memory).at(places.state);
    this.#watch = XsWatch.view(memory);
    this.#event = XsEvent.view(memory);
  }

  /** Most watches there can be. */
  get size(): number {
    return this.#places.shape.watches;
  }

  /** `payload` is that of WATCH: path and token, each with its nul. */
  add(payload: string): void {
    let index = 0;
    while (index < this.size && this.#watch.at(this.#places.watch(index)).used) index++;
    assert(index < this.size, `xenstore ring: more than ${this.size} watches`);
    const watch = this.#watch.at(this.#places.watch(index));
    writeBytes(this.#memory, this.#places.watchBuffer(index), bytesOf(payload));
    watch.length = payload.length;
    watch.used = true;
  }

  /** Payload of WATCH of the watch with number `index`, or undefined when there is none. */
  at(index: number): string | undefined {
    const { used, length } = this.#watch.at(this.#places.watch(index));
    return used ? this.#text(this.#places.watchBuffer(index), length) : undefined;
  }

  /** Queues an event, if its token is that of a watch. Linux's tokens are addresses of watches. */
  eventCame(payload: string): void {
    const token = tokenOf(payload);
    for (let index = 0; index < this.size; index++) {
      const registered = this.at(index);
      if (registered === undefined || tokenOf(registered) !== token) continue;
      this.#setEvent(this.#state.events, payload);
      this.#state.events += 1;
      return;
    }
  }

  /** Takes the oldest event; there must be one. */
  takeEvent(): string {
    const { events } = this.#state;
    assert(events > 0, 'xenstore ring: no event waits');
    const payload = this.#eventAt(0);
    for (let i = 1; i < events; i++) this.#setEvent(i - 1, this.#eventAt(i));
    const last = this.#event.at(this.#places.event(events - 1));
    this.#memory.clear(this.#places.eventBuffer(events - 1), last.length);
    last.length = 0;
    this.#state.events = events - 1;
    return payload;
  }

  #eventAt(index: number): string {
    return this.#text(this.#places.eventBuffer(index), this.#event.at(this.#places.event(index)).length);
  }

  #setEvent(index: number, payload: string): void {
    const { shape } = this.#places;
    assert(index < shape.events, `xenstore ring: more than ${shape.events} events wait`);
    const event = this.#event.at(this.#places.event(index));
    this.#memory.clear(this.#places.eventBuffer(index), event.length);
    writeBytes(this.#memory, this.#places.eventBuffer(index), bytesOf(payload));
    event.length = payload.length;
  }

  #text(address: number, length: number): string {
    return binaryString(readBytes(this.#memory, address, length));
  }
}

function tokenOf(payload: string): string {
  return payload.split('\0')[1] ?? '';
}
