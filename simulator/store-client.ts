/**
 * A client of the simulated xenstored: requests are answered at once, and each is one store to the host's cell.
 */

import { CrashSignal, type JournaledMemory } from '../hypervisor/journaled-memory.js';
import { QuiesceError } from '../protocol/errors.js';
import {
  connect,
  disconnect,
  domainCreated,
  domainDestroyed,
  domainShutdown,
  execute,
  nextEvent,
  type Permission,
  parsePermission,
  type Reply,
  type Request,
  type Store,
  takeEvent,
  type WatchEvent,
} from '../xenstore-sim/index.js';
import type { StoreAccess } from '../xenstore-sim/store-access.js';
import { restarted, watchedAgain } from './store-restart.js';
import type { RequestKey, StoreStep, StoreValue, StoreValues } from './store-value.js';

/** A request as the trace shows it. */
export interface StoreOperation {
  readonly client: string;
  readonly operation: StoreOperationName;
  readonly path: string;
  readonly value: string;
}

export type StoreOperationName =
  | 'READ'
  | 'WRITE'
  | 'MKDIR'
  | 'RM'
  | 'DIRECTORY'
  | 'SET_PERMS'
  | 'WATCH'
  | 'UNWATCH'
  | 'TRANSACTION_START'
  | 'TRANSACTION_END'
  | 'RESUME'
  | 'INTRODUCE';

export type StoreListener = (operation: StoreOperation) => void;

export interface StoreClientPlace {
  readonly name: string;
  /** Number of the cell with the store, and the values it takes. */
  readonly cell: number;
  readonly values: StoreValues;
  /** Number of the connection, and the domain it belongs to. */
  readonly id: number;
  readonly domid: number;
}

const OK: Reply = { kind: 'ok' };

export class StoreClient implements StoreAccess {
  readonly name: string;
  readonly id: number;
  /** Told of each request while it is set. */
  listener: StoreListener | null = null;
  readonly #memory: JournaledMemory;
  readonly #place: StoreClientPlace;
  /** By kind of request and path. */
  readonly #keys: { [kind: string]: Map<string, RequestKey> } = Object.create(null);
  /** Id of the open transaction, 0 for none. Transactions begin and end within one step. */
  #transaction = 0;
  /** What `hasEvent` and `peek` were asked last: conditions ask the same of the same store again and again. */
  #eventsOf: StoreValue | null = null;
  #eventWaits = false;
  #peekedIn: StoreValue | null = null;
  #peekedPath = '';
  #peeked: string | null = null;

  constructor(memory: JournaledMemory, place: StoreClientPlace) {
    this.#memory = memory;
    this.#place = place;
    this.name = place.name;
    this.id = place.id;
  }

  get connected(): boolean {
    return this.#value.store.connections.get(this.id) !== undefined;
  }

  connect(): void {
    this.#apply('connect', '', (store) => connect(store, { domid: this.#place.domid, id: this.id }).store);
  }

  disconnect(): void {
    if (this.connected) this.#apply('disconnect', '', (store) => disconnect(store, this.id));
  }

  /** The hypervisor has made a domain: from now on it may own nodes. */
  domainCreated(domid: number): void {
    this.#apply('domainCreated', String(domid), (store) => domainCreated(store, domid));
  }

  /** The domain has stopped in its suspend hypercall. */
  domainShutdown(domid: number): void {
    this.#apply('domainShutdown', String(domid), (store) => domainShutdown(store, domid));
  }

  domainDestroyed(domid: number): void {
    this.#apply('domainDestroyed', String(domid), (store) => domainDestroyed(store, domid));
  }

  /** The daemon is restarted: with its nodes, and each client registers its watches again (`store-restart.ts`). */
  restartDaemon(): void {
    this.#apply('restartDaemon', '', restarted);
  }

  /** Each watch of this client fires although nothing has changed. */
  repeatWatches(): void {
    this.#apply('repeatWatches', '', (store) => watchedAgain(store, store.connection(this.id)));
  }

  /** Whether the client has registered any watch. */
  get watches(): boolean {
    return (this.#value.store.connections.get(this.id)?.watches.count ?? 0) > 0;
  }

  /** Whether a watch of this token is registered. */
  hasWatch(token: string): boolean {
    return this.#value.store.connections.get(this.id)?.watches.items.some((watch) => watch.token === token) ?? false;
  }

  /** Whether a watch event waits. */
  get hasEvent(): boolean {
    const value = this.#value;
    if (value !== this.#eventsOf) {
      let waits = value.waiting.get(this.id);
      if (waits === undefined) {
        waits = this.connected && nextEvent(value.store, this.id) !== undefined;
        value.waiting.set(this.id, waits);
      }
      this.#eventsOf = value;
      this.#eventWaits = waits;
    }
    return this.#eventWaits;
  }

  nextEvent(): WatchEvent | undefined {
    return nextEvent(this.#value.store, this.id);
  }

  takeEvent(): void {
    this.#apply('takeEvent', '', (store) => takeEvent(store, this.id));
  }

  /** Takes every event that waits. Whether one of them had this token. */
  takeEvents(token?: string): boolean {
    let fired = false;
    while (this.hasEvent) {
      fired ||= token !== undefined && this.nextEvent()?.token === token;
      this.takeEvent();
    }
    return fired;
  }

  read(path: string): string | null {
    const value = this.#read(path);
    this.listener?.({ client: this.name, operation: 'READ', path, value: value ?? '' });
    return value;
  }

  /** Like `read`, for conditions that are looked at in every state: does not appear in traces. */
  peek(path: string): string | null {
    const value = this.#value;
    if (value !== this.#peekedIn || path !== this.#peekedPath) {
      this.#peeked = this.#read(path);
      this.#peekedIn = value;
      this.#peekedPath = path;
    }
    return this.#peeked;
  }

  #read(path: string): string | null {
    const reply = this.#request('READ', path, '');
    return reply.kind === 'value' ? reply.value : null;
  }

  list(path: string): readonly string[] | null {
    this.listener?.({ client: this.name, operation: 'DIRECTORY', path, value: '' });
    const reply = this.#request('DIRECTORY', path, '');
    return reply.kind === 'list' ? reply.names : null;
  }

  write(path: string, value: string): void {
    this.listener?.({ client: this.name, operation: 'WRITE', path, value });
    this.#request('WRITE', path, value);
  }

  mkdir(path: string): void {
    this.listener?.({ client: this.name, operation: 'MKDIR', path, value: '' });
    this.#request('MKDIR', path, '');
  }

  remove(path: string): void {
    this.listener?.({ client: this.name, operation: 'RM', path, value: '' });
    this.#request('RM', path, '');
  }

  setPermissions(path: string, permissions: readonly string[]): void {
    const text = permissions.join(' ');
    this.listener?.({ client: this.name, operation: 'SET_PERMS', path, value: text });
    this.#request('SET_PERMS', path, text);
  }

  watch(path: string, token: string): void {
    this.listener?.({ client: this.name, operation: 'WATCH', path, value: token });
    this.#request('WATCH', path, token);
  }

  unwatch(path: string, token: string): void {
    this.listener?.({ client: this.name, operation: 'UNWATCH', path, value: token });
    this.#request('UNWATCH', path, token);
  }

  introduce(domid: number): void {
    this.listener?.({ client: this.name, operation: 'INTRODUCE', path: '', value: String(domid) });
    this.#request('INTRODUCE', '', String(domid));
  }

  resumeDomain(domid: number): void {
    this.listener?.({ client: this.name, operation: 'RESUME', path: '', value: String(domid) });
    this.#request('RESUME', '', String(domid));
  }

  transaction(body: () => void): void {
    this.listener?.({ client: this.name, operation: 'TRANSACTION_START', path: '', value: '' });
    const started = this.#request('TRANSACTION_START', '', '');
    this.#transaction = started.kind === 'value' ? Number(started.value) : 0;
    try {
      body();
      this.#request('TRANSACTION_END', '', 'T');
      this.listener?.({ client: this.name, operation: 'TRANSACTION_END', path: '', value: 'T' });
    } catch (error) {
      // Whoever dies in it leaves it to the store, which drops it with the connection; everybody else gives it up.
      if (!(error instanceof CrashSignal)) this.#request('TRANSACTION_END', '', 'F');
      throw error;
    } finally {
      this.#transaction = 0;
    }
  }

  /**
   * The requests that `body` makes of this client, and nothing else, as one: remembered together, and one store to the
   * cell. `name` and `argument` say which they are. Somebody who listens hears them one by one.
   */
  together(name: string, argument: string, body: () => void): void {
    if (this.listener !== null) {
      body();
      return;
    }
    const memory = this.#memory;
    const value = this.#value;
    const key = this.#key(name, '');
    const known = value.outcomes.get(key)?.get(argument);
    if (known !== undefined) {
      memory.assignCell(this.#place.cell, known.value);
      return;
    }
    const { journalLength, hashLow, hashHigh } = memory;
    body();
    const { store } = this.#value;
    // The journal has the same entries whether it was remembered or not.
    memory.undo(journalLength, hashLow, hashHigh);
    this.#remember(value, key, argument, store, OK);
  }

  get #value(): StoreValue {
    return this.#memory.cell(this.#place.cell) as StoreValue;
  }

  #request(operation: StoreOperationName, path: string, argument: string): Reply {
    return this.#known(operation, path, argument) ?? this.#execute(operation, path, argument);
  }

  /** Does what the same request did to the same store before, if it was seen. */
  #known(operation: StoreOperationName, path: string, argument: string): Reply | undefined {
    const known = this.#value.outcomes.get(this.#key(operation, path))?.get(argument);
    if (known === undefined) return undefined;
    this.#memory.assignCell(this.#place.cell, known.value);
    return known.reply;
  }

  #execute(operation: StoreOperationName, path: string, argument: string): Reply {
    const value = this.#value;
    const request = requestOf(operation, path, argument, this.#transaction);
    const { store, reply } = execute(value.store, this.id, request);
    const absent = reply.kind === 'error' && reply.error === 'ENOENT' && MAY_BE_ABSENT.has(request.type);
    if (reply.kind === 'error' && !absent) {
      throw new QuiesceError(
        'DRIVER_FAULT',
        `${this.name}: xenstore refuses ${operation} ${path} ${argument} with ${reply.error}`,
      );
    }
    return this.#remember(value, this.#key(operation, path), argument, store, reply).reply;
  }

  /** What happens to the store from outside. */
  #apply(event: string, argument: string, change: (store: Store) => Store): void {
    const value = this.#value;
    const key = this.#key(event, '');
    const known = value.outcomes.get(key)?.get(argument);
    if (known !== undefined) this.#memory.assignCell(this.#place.cell, known.value);
    else this.#remember(value, key, argument, change(value.store), OK);
  }

  #key(operation: string, path: string): RequestKey {
    const kind = this.#transaction === 0 ? operation : (IN_TRANSACTION[operation as StoreOperationName] ?? operation);
    let byPath = this.#keys[kind];
    if (byPath === undefined) {
      byPath = new Map();
      this.#keys[kind] = byPath;
    }
    let key = byPath.get(path);
    if (key === undefined) {
      key = {};
      byPath.set(path, key);
    }
    return key;
  }

  #remember(value: StoreValue, key: RequestKey, argument: string, store: Store, reply: Reply): StoreStep {
    const step = { value: store === value.store ? value : this.#place.values.of(store), reply };
    let byArgument = value.outcomes.get(key);
    if (byArgument === undefined) {
      byArgument = new Map();
      value.outcomes.set(key, byArgument);
    }
    byArgument.set(argument, step);
    this.#memory.assignCell(this.#place.cell, step.value);
    return step;
  }
}

/** A request inside a transaction is another request. Only one is open at a time, so its id need not be told apart. */
const IN_TRANSACTION: { readonly [O in StoreOperationName]: string } = {
  READ: 'tx READ',
  WRITE: 'tx WRITE',
  MKDIR: 'tx MKDIR',
  RM: 'tx RM',
  DIRECTORY: 'tx DIRECTORY',
  SET_PERMS: 'tx SET_PERMS',
  WATCH: 'tx WATCH',
  UNWATCH: 'tx UNWATCH',
  TRANSACTION_START: 'tx TRANSACTION_START',
  TRANSACTION_END: 'tx TRANSACTION_END',
  RESUME: 'tx RESUME',
  INTRODUCE: 'tx INTRODUCE',
};

/** `argument` is the value, the token, the permissions or the domain number, as the operation has it. */
function requestOf(operation: StoreOperationName, path: string, argument: string, transaction: number): Request {
  switch (operation) {
    case 'READ':
      return { type: 'read', path, transaction };
    case 'DIRECTORY':
      return { type: 'directory', path, transaction };
    case 'WRITE':
      return { type: 'write', path, value: argument, transaction };
    case 'MKDIR':
      return { type: 'mkdir', path, transaction };
    case 'RM':
      return { type: 'rm', path, transaction };
    case 'SET_PERMS':
      return { type: 'setPerms', path, permissions: argument.split(' ').map(permission), transaction };
    case 'WATCH':
      return { type: 'watch', path, token: argument };
    case 'UNWATCH':
      return { type: 'unwatch', path, token: argument };
    case 'TRANSACTION_START':
      return { type: 'transactionStart' };
    case 'TRANSACTION_END':
      return { type: 'transactionEnd', commit: argument === 'T', transaction };
    case 'INTRODUCE':
      return { type: 'introduce', domid: Number(argument), gfn: 1, port: 1 };
    case 'RESUME':
      return { type: 'resume', domid: Number(argument) };
  }
}

/** Requests for which a missing node is an answer, not a mistake. */
const MAY_BE_ABSENT: ReadonlySet<Request['type']> = new Set(['read', 'directory', 'rm']);

function permission(text: string): Permission {
  const parsed = parsePermission(text);
  if (parsed === undefined) throw new QuiesceError('DRIVER_FAULT', `malformed permission ${text}`);
  return parsed;
}
