/**
 * Our byte queues as the transport of our client: a guest on the ring of a real daemon.
 */
import { readBytes, writeBytes } from '../../protocol/memory.js';
import { XsByteQueue } from '../../protocol/xs-ring.js';
import type { Link, Receiver, Transport } from '../../xenstore-sim/client/index.js';
import type { SharedPage } from './guest-ring.js';
import type { Machine, RingUser } from './machine.js';
import { BUFFER, BUFFER_BYTES, PageMemory } from './page-memory.js';

/** The guest `domid` of `machine`, which is introduced. */
export function ringTransport(machine: Machine, domid: number): Transport {
  return {
    name: `ring of domain ${domid}`,
    open: async (receiver) => machine.useRing(domid, (page, signal) => new RingLink(page, signal, receiver)),
  };
}

class RingLink implements Link, RingUser {
  readonly #memory: PageMemory;
  readonly #requests: XsByteQueue;
  readonly #replies: XsByteQueue;
  readonly #signal: () => void;
  readonly #receiver: Receiver;
  #unsent = Buffer.alloc(0);
  #isOpen = true;

  constructor(page: SharedPage, signal: () => void, receiver: Receiver) {
    this.#memory = new PageMemory(page);
    this.#requests = new XsByteQueue(this.#memory, 0, 'requests');
    this.#replies = new XsByteQueue(this.#memory, 0, 'replies');
    this.#signal = signal;
    this.#receiver = receiver;
  }

  send(bytes: Uint8Array): void {
    this.#unsent = Buffer.concat([this.#unsent, bytes]);
    this.pump();
  }

  close(): void {
    this.#isOpen = false;
  }

  pump(): boolean {
    if (!this.#isOpen) return false;
    const taken = this.#replies.take(BUFFER, BUFFER_BYTES);
    const received = readBytes(this.#memory, BUFFER, Math.max(taken, 0));
    if (taken > 0) this.#replies.release(taken);
    writeBytes(this.#memory, BUFFER, this.#unsent.subarray(0, BUFFER_BYTES));
    const put = this.#requests.put(BUFFER, Math.min(this.#unsent.length, BUFFER_BYTES));
    if (put > 0) {
      this.#requests.publish(put);
      this.#unsent = this.#unsent.subarray(put);
    }
    const moved = taken > 0 || put > 0;
    if (moved) this.#signal();
    if (taken > 0) this.#receiver.onData(received);
    // One step goes to the end of a buffer at most; there may be room, or more to take, at its beginning.
    if (moved) this.pump();
    return moved;
  }
}
