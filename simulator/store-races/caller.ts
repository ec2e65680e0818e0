/**
 * A client of a store in a world of store races: a list of steps, each of at most one request, and four words that it
 * remembers. Where it stands, and the words, lie in memory.
 */
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import {
  nextEvent,
  type Reply,
  type Request,
  type Store,
  takeEvent,
  type WatchEvent,
} from '../../xenstore-sim/index.js';
import type { OracleName } from '../world-state.js';

/** What a caller is given: its place in memory, and the store. */
export interface CallerPlace {
  readonly memory: JournaledMemory;
  /** Address of its words: the position, and four to remember. */
  readonly address: number;
  /** Number of its connection. */
  readonly connection: number;
  readonly store: () => Store;
  readonly setStore: (store: Store) => void;
  readonly ask: (connection: number, request: Request) => Reply;
  readonly fail: (oracle: OracleName, why: string) => void;
}

export interface StoreStep {
  readonly name: string;
  /** When given, the step waits until this holds. */
  readonly when?: (caller: Caller) => boolean;
  /** Returns the number of the step that comes next; nothing for the one that is written next. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a step that simply ends returns nothing
  readonly run: (caller: Caller) => number | void;
}

export interface StoreScript {
  readonly name: string;
  readonly domid: number;
  readonly steps: readonly StoreStep[];
}

export const CALLER_WORDS = 5;

export class Caller {
  readonly script: StoreScript;
  readonly #place: CallerPlace;

  constructor(script: StoreScript, place: CallerPlace) {
    this.script = script;
    this.#place = place;
  }

  /** Number of the step that comes next; as many as there are steps at the end. */
  get position(): number {
    return this.#place.memory.word(this.#place.address >>> 2);
  }

  get next(): StoreStep | undefined {
    return this.script.steps[this.position];
  }

  /** Word `index`, 0 to 3, of what it remembers. */
  get(index: number): number {
    return this.#place.memory.word((this.#place.address >>> 2) + 1 + index);
  }

  set(index: number, value: number): void {
    this.#place.memory.write32(this.#place.address + 4 + 4 * index, value);
  }

  ready(): boolean {
    const { next } = this;
    return next !== undefined && (next.when === undefined || next.when(this));
  }

  step(): void {
    const { position, next } = this;
    const result = next?.run(this);
    this.#place.memory.write32(this.#place.address, typeof result === 'number' ? result : position + 1);
  }

  ask(request: Request): Reply {
    return this.#place.ask(this.#place.connection, request);
  }

  /** The value of the node, or null where it is not there. Anything else fails `store-permissions`. */
  read(path: string, transaction = 0): string | null {
    const reply = this.ask({ type: 'read', path, transaction });
    if (reply.kind === 'value') return reply.value;
    if (reply.kind !== 'error' || reply.error !== 'ENOENT') this.refused('read', path, reply);
    return null;
  }

  write(path: string, value: string, transaction = 0): void {
    const reply = this.ask({ type: 'write', path, value, transaction });
    if (reply.kind !== 'ok') this.refused('write', path, reply);
  }

  /** Asks for what it may not do. */
  trespass(request: Request): void {
    const reply = this.ask(request);
    if (reply.kind === 'error' && reply.error === 'EACCES') return;
    const found = reply.kind === 'error' ? reply.error : reply.kind;
    this.#place.fail('store-permissions', `${this.script.name} asks to ${request.type} what it may not: ${found}`);
  }

  refused(what: string, path: string, reply: Reply): void {
    const found = reply.kind === 'error' ? reply.error : reply.kind;
    this.#place.fail('store-permissions', `${this.script.name} asks to ${what} ${path}, which it may: ${found}`);
  }

  fail(oracle: OracleName, why: string): void {
    this.#place.fail(oracle, why);
  }

  /** Whether its connection is still there. */
  get connected(): boolean {
    return this.#place.store().connections.get(this.#place.connection) !== undefined;
  }

  get hasEvent(): boolean {
    return nextEvent(this.#place.store(), this.#place.connection) !== undefined;
  }

  /** Takes the oldest event; there must be one. */
  takeEvent(): WatchEvent {
    const store = this.#place.store();
    const event = nextEvent(store, this.#place.connection) as WatchEvent;
    this.#place.setStore(takeEvent(store, this.#place.connection));
    return event;
  }

  /** Changes the store as the hypervisor and the toolstack do. */
  change(make: (store: Store) => Store): void {
    this.#place.setStore(make(this.#place.store()));
  }
}
