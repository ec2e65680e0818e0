/**
 * A guest's side of a xenstore ring (xs_wire.h, struct xenstore_domain_interface), over a page that a real daemon has
 * mapped. Plain on purpose: it reads every index from the page each time and shares no code with what it helps to test.
 */
import type { RingState } from '../support/xenstore-transcript.js';

export interface SharedPage {
  read(at: number, length: number): Buffer;
  write(at: number, bytes: Buffer): void;
}

const RING_BYTES = 1024;
const REQUESTS = 0;
const RESPONSES = 1024;
const REQUEST_CONSUMER = 2048;
const REQUEST_PRODUCER = 2052;
const RESPONSE_CONSUMER = 2056;
const RESPONSE_PRODUCER = 2060;
const SERVER_FEATURES = 2064;
const CONNECTION = 2068;
const ERROR = 2072;

export class GuestRing {
  readonly #page: SharedPage;
  readonly #signal: () => void;
  #unsent = Buffer.alloc(0);
  /** Takes what the daemon has put in. */
  onBytes: (bytes: Buffer) => void = () => undefined;

  constructor(page: SharedPage, signal: () => void) {
    this.#page = page;
    this.#signal = signal;
  }

  /** Sends `bytes`, as many at a time as there is room. */
  send(bytes: Uint8Array): void {
    this.#unsent = Buffer.concat([this.#unsent, bytes]);
    this.pump();
  }

  /** Writes `word` at `at` in the page behind the daemon's back, and signals. */
  tamper(at: number, word: number): void {
    this.#setWord(at, word);
    this.#signal();
  }

  /** Asks for a new connection. */
  askForReconnection(): void {
    this.tamper(CONNECTION, 1);
  }

  state(): RingState {
    return {
      server_features: this.#word(SERVER_FEATURES),
      connection: this.#word(CONNECTION),
      error: this.#word(ERROR),
    };
  }

  /** Takes what is in the ring of responses, fills the ring of requests, and signals if either moved. Returns whether. */
  pump(): boolean {
    const taken = this.#take();
    const put = this.#put();
    if (taken.length > 0 || put) this.#signal();
    if (taken.length > 0) this.onBytes(taken);
    return taken.length > 0 || put;
  }

  #take(): Buffer {
    const consumer = this.#word(RESPONSE_CONSUMER);
    const count = (this.#word(RESPONSE_PRODUCER) - consumer) >>> 0;
    if (count === 0 || count > RING_BYTES) return Buffer.alloc(0);
    const at = consumer % RING_BYTES;
    const first = this.#page.read(RESPONSES + at, Math.min(count, RING_BYTES - at));
    const taken = Buffer.concat([first, this.#page.read(RESPONSES, count - first.length)]);
    this.#setWord(RESPONSE_CONSUMER, consumer + count);
    return taken;
  }

  #put(): boolean {
    const producer = this.#word(REQUEST_PRODUCER);
    const room = RING_BYTES - ((producer - this.#word(REQUEST_CONSUMER)) >>> 0);
    const put = this.#unsent.subarray(0, Math.max(room, 0));
    if (put.length === 0) return false;
    const at = producer % RING_BYTES;
    const first = put.subarray(0, RING_BYTES - at);
    this.#page.write(REQUESTS + at, first);
    this.#page.write(REQUESTS, put.subarray(first.length));
    this.#setWord(REQUEST_PRODUCER, producer + put.length);
    this.#unsent = this.#unsent.subarray(put.length);
    return true;
  }

  #word(at: number): number {
    return this.#page.read(at, 4).readUInt32LE();
  }

  #setWord(at: number, word: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(word >>> 0);
    this.#page.write(at, bytes);
  }
}
