/**
 * Clients that come soon after each other, as tools do that make a connection for each command. They are waited for, read
 * and answered by system calls that block for a moment: no turns of the event loop, no streams, which take three times the
 * processor time (measured with tools of tpm2-tools).
 *
 * For a process that does little else. The event loop listens on the same sockets, and has its turn every few
 * milliseconds; who comes in that moment is taken over. Who stays without a word, sends half a message or does not read,
 * and all others while one's answer is late, are the event loop's from then on. So nobody waits for anybody's silence.
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
/** More are left to the event loop. */
const CLIENTS_MAX = 100;
const NOTHING = new Uint8Array(0);

export class BriefClients {
  readonly #calls: Native;
  readonly #channels: readonly BriefChannel[];
  readonly #mayBlock: () => boolean;
  readonly #clients: Client[] = [];
  /** Those of the channels, then those of the clients; and which of them are ready. */
  readonly #descriptors: number[];
  readonly #ready = new Uint8Array(2 * CLIENTS_MAX);
  readonly #bytes = new Uint8Array(READ_BYTES);
  readonly #anyReady = (): boolean => this.#calls.awaitAny(this.#descriptors, this.#ready, 0) > 0;
  readonly #awaitAny = (milliseconds: number): void => {
    this.#calls.awaitAny(this.#descriptors, this.#ready, milliseconds);
  };
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
    this.#descriptors = channels.map(({ descriptor }) => descriptor);
  }

  get size(): number {
    return this.#clients.length;
  }

  /** Clients that came here. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Somebody was served: the next may come soon. */
  expect(): void {
    this.#lastServed = performance.now();
    this.#schedule();
  }

  /** Takes a connection that the event loop has accepted, of which it keeps its own descriptor. False where it cannot. */
  takeOver(descriptor: number, channel: BriefChannel): boolean {
    if (this.#closed || this.#answering > 0 || !this.#mayBlock()) return false;
    const own = this.#calls.duplicate(descriptor);
    if (own < 0) return false;
    this.#add(own, channel);
    this.#schedule();
    return true;
  }

  close(): void {
    this.#closed = true;
    for (const { descriptor } of this.#takeAll()) closeSync(descriptor);
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
      const full = this.#clients.length >= CLIENTS_MAX;
      if (full || !this.#mayBlock() || now - this.#lastServed > HOT_MILLISECONDS) {
        for (const client of this.#takeAll()) this.#handOver(client, NOTHING, false);
        return;
      }
      const late = this.#clients.find(({ frames, heard }) => frames.length > 0 && now - heard > HOT_MILLISECONDS);
      if (late !== undefined) {
        this.#remove(late);
        this.#handOver(late, NOTHING, false);
      }
      if (now - begun > TURN_MILLISECONDS) {
        this.#schedule();
        return;
      }
      this.#wait();
    }
  };

  #wait(): void {
    const ready = this.#ready;
    const clients = this.#clients;
    const channels = this.#channels.length;
    const count = clients.length;
    if (!this.#calls.wait(this.#anyReady, this.#awaitAny, TURN_MILLISECONDS)) return;
    // From the last on, so that whoever goes has had its turn.
    for (let i = count - 1; i >= 0 && this.#answering === 0; i--) {
      const client = clients[i];
      if (ready[channels + i] === 1 && client !== undefined) this.#receive(client);
    }
    for (let i = 0; i < channels && this.#answering === 0; i++) {
      if (ready[i] === 1) this.#accept(this.#channels[i] as BriefChannel);
    }
  }

  #accept(channel: BriefChannel): void {
    if (!this.#mayBlock()) return;
    const descriptor = this.#calls.accept(channel.descriptor);
    // The event loop was quicker, or the client has gone.
    if (descriptor < 0) return;
    const client = this.#add(descriptor, channel);
    // Most have sent something by now, or have gone.
    const length = this.#calls.read(descriptor, this.#bytes);
    if (length >= 0) this.#received(client, length);
  }

  #add(descriptor: number, channel: BriefChannel): Client {
    const client = { descriptor, channel, frames: new FrameAssembler(channel.framing.sizeOf), heard: 0 };
    this.#clients.push(client);
    this.#descriptors.push(descriptor);
    this.#accepted++;
    this.#lastServed = performance.now();
    return client;
  }

  #receive(client: Client): void {
    this.#received(client, this.#calls.read(client.descriptor, this.#bytes));
  }

  /** `length` bytes of it, none at its end; fewer when there is an error. */
  #received(client: Client, length: number): void {
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
    for (const other of this.#clients.filter((one) => one !== client)) {
      this.#remove(other);
      this.#handOver(other, NOTHING, false);
    }
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
    if (place < 0) return;
    this.#clients.splice(place, 1);
    this.#descriptors.splice(this.#channels.length + place, 1);
  }

  #takeAll(): readonly Client[] {
    this.#descriptors.length = this.#channels.length;
    return this.#clients.splice(0);
  }
}
