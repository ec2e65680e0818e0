/**
 * Clients that come soon after each other, as tools do that make a connection for each command. They are waited for, read
 * and answered by system calls that block for a moment: no turns of the event loop, no streams. A connection of a few
 * microseconds' work costs the event loop a hundred.
 *
 * For a process that does little else. The event loop listens on the same sockets, and has its turn every few
 * milliseconds; who comes in that moment, who stays without a word, who does not read, and whoever is there when somebody
 * comes to the event loop, is its own from then on. So nobody waits for anybody's silence.
 */
import { closeSync } from 'node:fs';
import { FrameAssembler } from '../../protocol/frame-assembler.js';
import type { Native } from '../memory/native.js';
import type { Answer, Framing } from './message-socket.js';

/** What is left to do for a client that the event loop is to serve. */
export interface HandedOver {
  /** Bytes of its next message. */
  readonly begun: Uint8Array;
  /** Bytes of the last answer that were not taken. */
  readonly unsent: Uint8Array;
  /** The last answer was the last of all. */
  readonly ends: boolean;
}

export interface BriefChannel {
  /** A socket that listens. */
  readonly descriptor: number;
  readonly framing: Framing;
  /** The event loop is to serve this connection from now on. */
  handOver(descriptor: number, left: HandedOver): void;
}

interface Client {
  readonly descriptor: number;
  readonly channel: BriefChannel;
  readonly frames: FrameAssembler;
  /** When bytes came last. */
  heard: number;
}

/** Waits so long for the next client or message, and lets the event loop have its turn so often. */
const HOT_MILLISECONDS = 50;
const TURN_MILLISECONDS = 5;
const READ_BYTES = 8192;
const NOTHING = new Uint8Array(0);

export class BriefClients {
  readonly #calls: Native;
  readonly #channels: readonly BriefChannel[];
  readonly #mayBlock: () => boolean;
  readonly #clients: Client[] = [];
  readonly #bytes = new Uint8Array(READ_BYTES);
  #scheduled = false;
  #answering = 0;
  #lastServed = 0;
  #accepted = 0;
  #closed = false;

  /** `mayBlock`: the event loop serves no client of its own, and there is room for more. */
  constructor(calls: Native, channels: readonly BriefChannel[], mayBlock: () => boolean) {
    this.#calls = calls;
    this.#channels = channels;
    this.#mayBlock = mayBlock;
  }

  get size(): number {
    return this.#clients.length;
  }

  /** Clients that were accepted here. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Somebody was served: the next may come soon. */
  expect(): void {
    this.#lastServed = performance.now();
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    for (const { descriptor } of this.#clients.splice(0)) closeSync(descriptor);
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    const begun = performance.now();
    while (!this.#closed && this.#answering === 0) {
      const now = performance.now();
      if (!this.#mayBlock() || now - this.#lastServed > HOT_MILLISECONDS) {
        for (const client of this.#clients.splice(0)) this.#handOver(client, NOTHING, false);
        return;
      }
      for (const client of [...this.#clients]) {
        if (client.frames.length === 0 || now - client.heard <= HOT_MILLISECONDS) continue;
        this.#remove(client);
        this.#handOver(client, NOTHING, false);
      }
      if (now - begun > TURN_MILLISECONDS) {
        this.#schedule();
        return;
      }
      this.#wait();
    }
  };

  #wait(): void {
    const clients = [...this.#clients];
    const descriptors = [...this.#channels, ...clients].map(({ descriptor }) => descriptor);
    const ready = this.#calls.awaitAny(descriptors, TURN_MILLISECONDS);
    for (const [i, channel] of this.#channels.entries()) if (ready[i]) this.#accept(channel);
    for (const [i, client] of clients.entries()) {
      if (ready[this.#channels.length + i] && this.#answering === 0) this.#receive(client);
    }
  }

  #accept(channel: BriefChannel): void {
    if (!this.#mayBlock()) return;
    const descriptor = this.#calls.accept(channel.descriptor);
    // The event loop was quicker, or the client has gone.
    if (descriptor < 0) return;
    const client = { descriptor, channel, frames: new FrameAssembler(channel.framing.sizeOf), heard: 0 };
    this.#clients.push(client);
    this.#accepted++;
    this.#lastServed = performance.now();
  }

  #receive(client: Client): void {
    const length = this.#calls.read(client.descriptor, this.#bytes);
    if (length <= 0) {
      this.#drop(client);
      return;
    }
    this.#lastServed = performance.now();
    client.heard = this.#lastServed;
    client.frames.push(this.#bytes.slice(0, length));
    this.#serve(client);
  }

  #serve(client: Client): void {
    const { framing } = client.channel;
    for (;;) {
      let message: Uint8Array | undefined;
      try {
        message = client.frames.next();
      } catch {
        this.#finish(client, framing.answerToBadFrame);
        return;
      }
      if (message === undefined) return;
      const answer = framing.answer(message);
      if (answer instanceof Promise) {
        this.#answerLater(client, answer);
        return;
      }
      if (!this.#send(client, answer)) return;
    }
  }

  /** The others go to the event loop, so that their commands wait in the order in which they come. */
  #answerLater(client: Client, answer: Promise<Answer>): void {
    this.#answering++;
    const others = this.#clients.filter((one) => one !== client);
    this.#clients.splice(0, this.#clients.length, client);
    for (const other of others) this.#handOver(other, NOTHING, false);
    void answer.then((bytes) => {
      this.#answering--;
      if (this.#closed) return;
      if (this.#send(client, bytes)) this.#serve(client);
      this.expect();
    });
  }

  /** False when the client is another's from then on, or nobody's. */
  #send(client: Client, answer: Answer): boolean {
    if (answer === null || client.channel.framing.closesAfter?.(answer)) {
      this.#finish(client, answer);
      return false;
    }
    const sent = Math.max(this.#calls.write(client.descriptor, answer), 0);
    if (sent === answer.length) return true;
    this.#remove(client);
    this.#handOver(client, answer.subarray(sent), false);
    return false;
  }

  #finish(client: Client, answer: Answer): void {
    if (answer === null) {
      this.#drop(client);
      return;
    }
    this.#remove(client);
    this.#handOver(client, answer, true);
  }

  #handOver({ descriptor, channel, frames }: Client, unsent: Uint8Array, ends: boolean): void {
    channel.handOver(descriptor, { begun: frames.take(), unsent, ends });
  }

  #drop(client: Client): void {
    this.#remove(client);
    closeSync(client.descriptor);
  }

  #remove(client: Client): void {
    const place = this.#clients.indexOf(client);
    if (place >= 0) this.#clients.splice(place, 1);
  }
}
