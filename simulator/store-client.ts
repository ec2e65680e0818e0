/**
 * A client of the simulated xenstored: requests are answered at once, and each is one store to the host's cell.
 */
import { QuiesceError } from '../protocol/errors.js';
import type { JournaledMemory } from '../hypervisor/journaled-memory.js';
import {
  connect,
  disconnect,
  domainCreated,
  execute,
  nextEvent,
  parsePermission,
  type Permission,
  type Reply,
  type Request,
  type Store,
  takeEvent,
  type WatchEvent,
} from '../xenstore-sim/index.js';
import type { StoreAccess } from '../xenstore-sim/store-access.js';

/** A request that changed or watched something, as the trace shows it. */
export interface StoreOperation {
  readonly client: string;
  readonly operation: 'WRITE' | 'MKDIR' | 'RM' | 'SET_PERMS' | 'WATCH' | 'UNWATCH' | 'READ' | 'TRANSACTION_START' | 'TRANSACTION_END' | 'RESUME' | 'INTRODUCE';
  readonly path: string;
  readonly value: string;
}

export type StoreListener = (operation: StoreOperation) => void;

export class StoreClient implements StoreAccess {
  readonly name: string;
  readonly id: number;
  /** Told of each request while it is set. */
  listener: StoreListener | null = null;
  readonly #memory: JournaledMemory;
  readonly #cell: number;
  readonly #domid: () => number;
  #transaction = 0;
  #peekedStore: Store | null = null;
  #lookedAt: Store | null = null;
  #hasEvent = false;
  #peekedPath = '';
  #peekedValue: string | null = null;

  constructor(memory: JournaledMemory, place: { name: string; cell: number; id: number; domid: () => number }) {
    this.#memory = memory;
    this.name = place.name;
    this.id = place.id;
    this.#cell = place.cell;
    this.#domid = place.domid;
  }

  get store(): Store {
    return this.#memory.cell(this.#cell) as Store;
  }

  set store(store: Store) {
    this.#memory.assignCell(this.#cell, store);
  }

  connect(): void {
    this.store = connect(this.store, { domid: this.#domid(), id: this.id }).store;
  }

  get connected(): boolean {
    return this.store.connections.some(({ id }) => id === this.id);
  }

  disconnect(): void {
    if (this.connected) this.store = disconnect(this.store, this.id);
  }

  /** Whether a watch event waits. Asked in every state: remembered for each value of the store. */
  get hasEvent(): boolean {
    const { store } = this;
    if (store !== this.#lookedAt) {
      this.#lookedAt = store;
      this.#hasEvent = this.connected && nextEvent(store, this.id) !== undefined;
    }
    return this.#hasEvent;
  }

  /** Takes every event that waits. */
  takeEvents(): void {
    while (nextEvent(this.store, this.id) !== undefined) this.takeEvent();
  }

  nextEvent(): WatchEvent | undefined {
    return nextEvent(this.store, this.id);
  }

  takeEvent(): void {
    this.store = takeEvent(this.store, this.id);
  }

  read(path: string): string | null {
    const reply = this.#execute({ type: 'read', path, transaction: this.#transaction });
    const value = reply.kind === 'value' ? reply.value : null;
    this.listener?.({ client: this.name, operation: 'READ', path, value: value ?? '' });
    return value;
  }

  /** Like `read`, for conditions that are looked at in every state: does not appear in traces. */
  peek(path: string): string | null {
    const { store } = this;
    if (store !== this.#peekedStore || path !== this.#peekedPath) {
      const { reply } = execute(store, this.id, { type: 'read', path });
      this.#peekedStore = store;
      this.#peekedPath = path;
      this.#peekedValue = reply.kind === 'value' ? reply.value : null;
    }
    return this.#peekedValue;
  }

  list(path: string): readonly string[] | null {
    const reply = this.#execute({ type: 'directory', path, transaction: this.#transaction });
    return reply.kind === 'list' ? reply.names : null;
  }

  write(path: string, value: string): void {
    this.listener?.({ client: this.name, operation: 'WRITE', path, value });
    this.#execute({ type: 'write', path, value, transaction: this.#transaction });
  }

  mkdir(path: string): void {
    this.listener?.({ client: this.name, operation: 'MKDIR', path, value: '' });
    this.#execute({ type: 'mkdir', path, transaction: this.#transaction });
  }

  remove(path: string): void {
    this.listener?.({ client: this.name, operation: 'RM', path, value: '' });
    this.#execute({ type: 'rm', path, transaction: this.#transaction });
  }

  setPermissions(path: string, permissions: readonly string[]): void {
    this.listener?.({ client: this.name, operation: 'SET_PERMS', path, value: permissions.join(' ') });
    this.#execute({ type: 'setPerms', path, permissions: permissions.map(permission), transaction: this.#transaction });
  }

  watch(path: string, token: string): void {
    this.listener?.({ client: this.name, operation: 'WATCH', path, value: token });
    this.#execute({ type: 'watch', path, token });
  }

  unwatch(path: string, token: string): void {
    this.listener?.({ client: this.name, operation: 'UNWATCH', path, value: token });
    this.#execute({ type: 'unwatch', path, token });
  }

  /** The hypervisor has made a domain: from now on it may own nodes. */
  domainCreated(domid: number): void {
    this.store = domainCreated(this.store, domid);
  }

  introduce(domid: number): void {
    this.listener?.({ client: this.name, operation: 'INTRODUCE', path: '', value: String(domid) });
    this.#execute({ type: 'introduce', domid, gfn: 1, port: 1 });
  }

  resumeDomain(domid: number): void {
    this.listener?.({ client: this.name, operation: 'RESUME', path: '', value: String(domid) });
    this.#execute({ type: 'resume', domid });
  }

  transaction(body: () => void): void {
    const started = this.#execute({ type: 'transactionStart' });
    this.#transaction = started.kind === 'value' ? Number(started.value) : 0;
    this.listener?.({ client: this.name, operation: 'TRANSACTION_START', path: '', value: '' });
    try {
      body();
      this.#execute({ type: 'transactionEnd', commit: true, transaction: this.#transaction });
      this.listener?.({ client: this.name, operation: 'TRANSACTION_END', path: '', value: 'T' });
    } finally {
      this.#transaction = 0;
    }
  }

  #execute(request: Request): Reply {
    const { store, reply } = execute(this.store, this.id, request);
    this.store = store;
    const absent = reply.kind === 'error' && reply.error === 'ENOENT' && MAY_BE_ABSENT.has(request.type);
    if (reply.kind === 'error' && !absent) {
      const path = 'path' in request ? ` ${request.path}` : '';
      throw new QuiesceError('DRIVER_FAULT', `${this.name}: xenstore refuses ${request.type}${path} with ${reply.error}`);
    }
    return reply;
  }
}

/** Requests for which a missing node is an answer, not a mistake. */
const MAY_BE_ABSENT: ReadonlySet<Request['type']> = new Set(['read', 'directory', 'rm']);

function permission(text: string): Permission {
  const parsed = parsePermission(text);
  if (parsed === undefined) throw new QuiesceError('DRIVER_FAULT', `malformed permission ${text}`);
  return parsed;
}
