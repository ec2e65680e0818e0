/**
 * A client of a xenstore daemon: C xenstored, oxenstored, or the simulated one.
 *
 *     const client = await XenstoreClient.connect(unixSocket());
 *     await client.write('/local/domain/1/name', 'guest');
 *     const watch = await client.watch('/local/domain', (path) => ...);
 *     await client.transaction(async (tx) => tx.write('a', await tx.read('b')));
 *     client.close();
 *
 * Requests are sent at once and may be in flight in any number; those of one turn of the event loop leave in one write.
 * The client does not hold back what a slow daemon has not taken: who sends without waiting bounds it himself.
 * A watch event says that something has changed, and no more: daemons merge events, and may report too much.
 */
import { EventEmitter } from 'eventemitter3';
import { ignore, outside } from './callbacks.js';
import type { Connection } from './connection.js';
import { DomainAccess } from './domain-access.js';
import { hasCode, XenstoreError } from './errors.js';
import type { NodeAccess } from './node-access.js';
import { openInTime } from './open-in-time.js';
import type { Ask, RequestOptions } from './pending.js';
import { type ReconnectOptions, Reconnector } from './reconnector.js';
import { numberString, parseOk, pathString, terminated } from './text.js';
import { parseTransactionId, runTransaction, Transaction, type TransactionOptions } from './transaction.js';
import type { Transport } from './transport.js';
import { type Watch, Watches, type WatchListener, type WatchOptions, type WatchRecord } from './watches.js';

export interface ClientOptions {
  /** Whether, and how, a lost connection is made again. Default: it is not. */
  readonly reconnect?: boolean | ReconnectOptions | undefined;
  /** Time limit of each request that names no other. Default 0: none. */
  readonly timeoutMilliseconds?: number | undefined;
  /** Time limit of each attempt to connect. Default: 10 seconds. */
  readonly connectTimeoutMilliseconds?: number | undefined;
  /** Closes the client when it fires; attempts to connect are given up. */
  readonly signal?: AbortSignal | undefined;
}

/** Events of a client, with their arguments. A listener that throws does not disturb the client: the error is thrown again outside. */
export interface ClientEvents {
  /** Each event of each watch, before the watch's own listener is called. */
  watch: [path: string, token: string];
  /** The connection was lost, not by `close`. Requests in flight and open transactions have failed. */
  disconnected: [reason: XenstoreError];
  /** Connected again, and all watches registered again, each with its first event. */
  reconnected: [];
  /** What no request can report: a violation of the protocol, an attempt to connect that failed, a watch that was refused. */
  error: [error: XenstoreError];
}

const CONNECT_TIMEOUT_MILLISECONDS = 10_000;

export class XenstoreClient extends DomainAccess {
  readonly events = new EventEmitter<ClientEvents>();
  readonly #transport: Transport;
  readonly #options: ClientOptions;
  readonly #watches = new Watches();
  readonly #stop = new AbortController();
  readonly #reconnector: Reconnector | undefined;
  #connection: Connection | undefined;

  /** @throws XenstoreError `UNREACHABLE`, `TIMEOUT` or `ABORTED`. */
  static async connect(transport: Transport, options: ClientOptions = {}): Promise<XenstoreClient> {
    const client = new XenstoreClient(transport, options);
    if (options.signal?.aborted === true) client.close();
    options.signal?.addEventListener('abort', client.#close);
    try {
      await client.#open();
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  private constructor(transport: Transport, options: ClientOptions) {
    super();
    this.#transport = transport;
    this.#options = options;
    const { reconnect = false } = options;
    if (reconnect === false) return;
    this.#reconnector = new Reconnector(reconnect === true ? {} : reconnect, this.#stop.signal, {
      connect: () => this.#reopen(),
      onError: (error) => this.#report(error),
      onGivenUp: () => this.close(),
    });
  }

  /** Whether requests can be sent now. */
  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Sends what waits and ends the connection for good. Requests that are not answered reject with `DISCONNECTED`. */
  close(): void {
    this.#close();
  }

  /**
   * Calls `listener` for each change of the node and of all below it; once right away, too, maybe before this promise
   * resolves. Special names: `@introduceDomain`, `@releaseDomain`.
   *
   * @throws XenstoreError `EEXIST` when there is one with the same path and token.
   */
  async watch(path: string, listener: WatchListener, options: WatchOptions = {}): Promise<Watch> {
    const record = this.#watches.add(path, listener, options);
    try {
      await this.ask(watchRequest(record), options);
      record.isRegistered = true;
    } catch (error) {
      this.#watches.remove(record);
      // The daemon may have it all the same; it would send events, and count it.
      if (hasCode(error, 'TIMEOUT', 'ABORTED') && error.outcomeUnknown) this.#forget(record);
      throw error;
    }
    return {
      path,
      token: record.token,
      unwatch: (unwatchOptions) => this.#unwatch(record, unwatchOptions),
    };
  }

  /** Ends a watch by its path and token. @throws XenstoreError `ENOENT` when there is none. */
  async unwatch(path: string, token: string, options: RequestOptions = {}): Promise<void> {
    const record = this.#watches.find(path, token);
    if (record !== undefined) this.#watches.remove(record);
    return this.ask(unwatchRequest(path, token), options);
  }

  /** Ends all watches and all transactions of this client. */
  async resetWatches(options: RequestOptions = {}): Promise<void> {
    const before = this.#watches.all();
    await this.ask({ type: 'RESET_WATCHES', text: '\0', parse: parseOk }, options);
    for (const record of before) this.#watches.remove(record);
  }

  /**
   * Does `work` in a transaction and commits it; again, as long as others' changes are in the way. When `work` throws,
   * the transaction is aborted.
   *
   * @throws XenstoreError `CONFLICT` after `attempts` (default 50).
   */
  async transaction<T>(work: (tx: NodeAccess) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return runTransaction(() => this.startTransaction(options), work, options);
  }

  /** Opens a transaction to be ended by the caller. It fails with the connection. */
  async startTransaction(options: RequestOptions = {}): Promise<Transaction> {
    const connection = this.#connected('TRANSACTION_START');
    const wrap = (id: number): Transaction =>
      new Transaction(id, (ask, transactionId, limits) =>
        connection.request(ask, transactionId, this.#withDefaults(limits)),
      );
    // A transaction that opens after its caller has gone must not stay open.
    const late = (id: number): void => void wrap(id).abort().catch(ignore);
    const ask: Ask<number> = { type: 'TRANSACTION_START', text: '\0', parse: parseTransactionId, late };
    return wrap(await connection.request(ask, 0, this.#withDefaults(options)));
  }

  protected async ask<T>(ask: Ask<T>, options: RequestOptions): Promise<T> {
    return this.#connected(ask.type, ask.path).request(ask, 0, this.#withDefaults(options));
  }

  #connected(request: string, path?: string): Connection {
    if (this.#connection !== undefined) return this.#connection;
    throw new XenstoreError('DISCONNECTED', `not sent: no connection to ${this.#transport.name}`, { request, path });
  }

  #withDefaults({ signal, timeoutMilliseconds }: RequestOptions): RequestOptions {
    return { signal, timeoutMilliseconds: timeoutMilliseconds ?? this.#options.timeoutMilliseconds };
  }

  async #unwatch(record: WatchRecord, options: RequestOptions = {}): Promise<void> {
    if (!this.#watches.remove(record)) return;
    return this.ask(unwatchRequest(record.path, record.token), options);
  }

  #forget({ path, token }: WatchRecord): void {
    if (this.#watches.find(path, token) === undefined) this.ask(unwatchRequest(path, token), {}).catch(ignore);
  }

  async #open(): Promise<Connection> {
    const { connectTimeoutMilliseconds = CONNECT_TIMEOUT_MILLISECONDS } = this.#options;
    const connection = await openInTime(connectTimeoutMilliseconds, this.#stop.signal, this.#transport, {
      onWatchEvent: this.#onWatchEvent,
      onEnd: this.#onEnd,
    });
    if (this.#stop.signal.aborted) connection.close();
    // It may have ended since, when nobody was interested yet.
    if (connection.hasEnded) {
      throw new XenstoreError('DISCONNECTED', `connection to ${this.#transport.name}: lost as soon as it was made`);
    }
    this.#connection = connection;
    return connection;
  }

  /** Connects again; resolves when the watches are registered, too. */
  async #reopen(): Promise<void> {
    const connection = await this.#open();
    const records = this.#watches.all().filter((record) => record.isRegistered);
    const refused = records.map(async (record) => {
      try {
        await connection.request(watchRequest(record), 0, this.#withDefaults({}));
      } catch (error) {
        if (connection.hasEnded || !(error instanceof XenstoreError)) return;
        this.#watches.remove(record);
        this.#report(error);
      }
    });
    await Promise.all(refused);
    if (!connection.hasEnded) outside(() => this.events.emit('reconnected'));
  }

  readonly #onWatchEvent = (path: string, token: string): void => {
    const records = this.#watches.matching(path, token);
    if (records.length === 0) return;
    outside(() => this.events.emit('watch', path, token));
    for (const { listener } of records) outside(() => listener(path, token));
  };

  readonly #onEnd = (connection: Connection, reason: XenstoreError): void => {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    if (reason.code === 'PROTOCOL') this.#report(reason);
    outside(() => this.events.emit('disconnected', reason));
    if (this.#reconnector === undefined) this.close();
    else this.#reconnector.start();
  };

  readonly #close = (): void => {
    this.#options.signal?.removeEventListener('abort', this.#close);
    this.#stop.abort();
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close();
  };

  #report(error: XenstoreError): void {
    outside(() => this.events.emit('error', error));
  }
}

function watchRequest({ path, token, depth }: WatchRecord): Ask<void> {
  const type = 'WATCH';
  const levels = depth === undefined ? '' : numberString(depth, 'depth', type);
  return { type, text: pathString(path, type) + terminated(token, 'token', type) + levels, path, parse: parseOk };
}

function unwatchRequest(path: string, token: string): Ask<void> {
  const type = 'UNWATCH';
  return { type, text: pathString(path, type) + terminated(token, 'token', type), path, parse: parseOk };
}
