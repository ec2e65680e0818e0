/**
 * The daemon's end of a guest's ring page: what the daemons do to its fields, and where they differ.
 *
 * Holds no state; whether the ring is still served is kept by whoever uses it (`ring-server.ts`, `simulator/xenstore-ring/`).
 */
import type { Memory } from '../protocol/memory.js';
import { XenstoreInterface, XS_RING_BYTES, XsByteQueue, XsConnection, XsRingError } from '../protocol/xs-ring.js';
import type { DaemonName } from './policy.js';

/** Where daemons differ on rings. */
export interface RingPolicy {
  readonly name: DaemonName;
  /** What `server_features` is set to when the domain is introduced; null: left as found. */
  readonly features: number | null;
  /** INTRODUCE sets all four indices to 0, also that of a known domain. */
  readonly introduceResets: boolean;
  /** When a guest that asks for reconnection is answered: at INTRODUCE, or as soon as the ring is looked at. */
  readonly reconnects: 'introduce' | 'access';
  /** Writes why it serves the ring no longer into `error`. */
  readonly reportsErrors: boolean;
  /** A header that announces a payload over 4096 bytes ends the connection; otherwise the length is taken to be 4096. */
  readonly refusesLongPayloads: boolean;
  /** One copy may go over the end of the buffer. */
  readonly copiesAcrossEnd: boolean;
  /** The ring is not read while this many replies and events have not gone out. */
  readonly outstandingMax: number;
}

const C_RING: RingPolicy = {
  name: 'c',
  features: null,
  introduceResets: true,
  reconnects: 'introduce',
  reportsErrors: true,
  refusesLongPayloads: true,
  copiesAcrossEnd: false,
  outstandingMax: 20,
};

export const RING_POLICIES: { readonly [name in DaemonName]: RingPolicy } = {
  c: C_RING,
  'c-4.22': { ...C_RING, name: 'c-4.22', features: 14 },
  ocaml: {
    name: 'ocaml',
    features: 1,
    introduceResets: false,
    reconnects: 'access',
    reportsErrors: false,
    refusesLongPayloads: false,
    copiesAcrossEnd: true,
    outstandingMax: 1024,
  },
};

export class RingEnd {
  readonly policy: RingPolicy;
  readonly requests: XsByteQueue;
  readonly replies: XsByteQueue;
  readonly #page;

  /** `page` is the address of the page, `size` the bytes of each buffer. */
  constructor(memory: Memory, page: number, policy: RingPolicy, size: number = XS_RING_BYTES) {
    this.policy = policy;
    this.requests = new XsByteQueue(memory, page, 'requests', size);
    this.replies = new XsByteQueue(memory, page, 'replies', size);
    this.#page = XenstoreInterface.view(memory).at(page);
  }

  /** The domain was introduced, for the first time or again; `features` if it was given some of its own. */
  introduce(features: number | null = this.policy.features): void {
    const page = this.#page;
    if (this.policy.introduceResets) {
      this.requests.reset();
      this.replies.reset();
    }
    if (features !== null) page.server_features = features;
    if (this.policy.reconnects === 'introduce' && page.connection === XsConnection.Reconnect) {
      page.connection = XsConnection.Connected;
    }
  }

  /** Whether the guest asks for reconnection, and is to be answered now. */
  get reconnectAsked(): boolean {
    return this.policy.reconnects === 'access' && this.#page.connection !== XsConnection.Connected;
  }

  /** Makes the ring as new. What the daemon holds of the connection is dropped by the caller. */
  reconnect(): void {
    this.requests.reset();
    this.replies.reset();
    this.requests.fillInvalid();
    this.replies.fillInvalid();
    this.#page.connection = XsConnection.Connected;
  }

  /** Tells the guest, if the daemon does, why its ring is served no longer. */
  giveUp(error: number): void {
    if (this.policy.reportsErrors && error !== XsRingError.None) this.#page.error = error;
  }
}
