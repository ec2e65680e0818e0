/**
 * Requests that were sent and are not answered, by request id.
 *
 * A request its caller has given up stays here until its reply comes, so that the reply is recognised and the id is not
 * given to another one before.
 */
import type { XsTypeName } from '../../protocol/xs-wire.js';
import type { XenstoreError } from './errors.js';

/** A request: what is sent, and how its reply is read. */
export interface Ask<T> {
  readonly type: XsTypeName;
  /** The payload, or its beginning when there is a `value`; one character per byte. */
  readonly text: string;
  readonly value?: Uint8Array | undefined;
  /** For messages. */
  readonly path?: string | undefined;
  /** Reads the payload of the reply. Throws XenstoreError `PROTOCOL` when it is none. */
  readonly parse: (payload: string) => T;
  /** Takes the reply when the caller no longer waits for it. */
  readonly late?: ((answer: T) => void) | undefined;
}

/** How long a request is waited for. */
export interface RequestOptions {
  /** Gives up waiting when it fires. A request that was sent may be carried out all the same. */
  readonly signal?: AbortSignal | undefined;
  /** Gives up waiting after so long. 0: never. */
  readonly timeoutMilliseconds?: number | undefined;
}

export interface Pending {
  readonly type: XsTypeName;
  readonly path: string | undefined;
  /** Position in the order of sending. */
  readonly serial: number;
  /** Takes the payload of the reply. Throws when it is none. */
  answer(payload: string): void;
  fail(error: XenstoreError): void;
}

const ID_MAX = 0xffff_ffff;

export class PendingRequests {
  readonly #requests = new Map<number, Pending>();
  readonly #lastId: number;
  #nextId: number;

  /** Ids begin with `firstId`; after `lastId` comes 1. */
  constructor(firstId = 1, lastId = ID_MAX) {
    this.#nextId = firstId;
    this.#lastId = lastId;
  }

  get size(): number {
    return this.#requests.size;
  }

  /** Keeps `request`; the result is its id, which no other kept request has. Never 0, which watch events carry. */
  add(request: Pending): number {
    let id = this.#nextId;
    while (this.#requests.has(id)) id = this.#following(id);
    this.#nextId = this.#following(id);
    this.#requests.set(id, request);
    return id;
  }

  /** Removes and returns the request with this id. */
  take(id: number): Pending | undefined {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    return request;
  }

  /** Removes and returns all, in the order of sending. */
  takeAll(): Pending[] {
    const all = [...this.#requests.values()].sort((a, b) => a.serial - b.serial);
    this.#requests.clear();
    return all;
  }

  #following(id: number): number {
    return id === this.#lastId ? 1 : id + 1;
  }
}
