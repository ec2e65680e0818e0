/**
 * A driver's xenstore, over a real connection.
 */
import { QuiesceError } from '../../protocol/errors.js';
import type { TracedRequest } from '../../protocol/live-trace.js';
import type { StoreAccess } from '../../xenstore-sim/store-access.js';
import type { PortalReply, StoreOperation } from './messages.js';
import type { Portal } from './portal.js';

/** How often a transaction is tried while others change the same nodes, or the daemon is started again. */
const ATTEMPTS_MAX = 100;

/** What ends a transaction without effect, so that it is to be tried again. */
const TRY_AGAIN: ReadonlySet<string> = new Set(['EAGAIN', 'DISCONNECTED', 'UNREACHABLE']);

class StoreFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Operations as the log of a xenstored names them. */
const TRACED_NAMES: { readonly [O in StoreOperation]: string } = {
  read: 'READ',
  directory: 'DIRECTORY',
  write: 'WRITE',
  mkdir: 'MKDIR',
  rm: 'RM',
  setPermissions: 'SET_PERMS',
  watch: 'WATCH',
  unwatch: 'UNWATCH',
  start: 'TRANSACTION_START',
  commit: 'TRANSACTION_END',
  abort: 'TRANSACTION_END',
};

/** Who writes requests down. */
export interface RequestLog {
  /** Those of the present step. */
  readonly requests: TracedRequest[];
}

export class LiveStore implements StoreAccess {
  readonly #portal: Portal;
  readonly #name: string;
  readonly #log: RequestLog | null;
  readonly #onCommit: (changed: string | null) => void;
  #transaction = 0;
  /** The last path that the transaction changes. */
  #changed: string | null = null;

  /**
   * `name` is whose it is, for messages. `onCommit` is called with null when a transaction is begun, and before it ends with
   * the last path that it changes, if it does.
   */
  constructor(
    portal: Portal,
    name: string,
    log: RequestLog | null = null,
    onCommit: (changed: string | null) => void = () => undefined,
  ) {
    this.#portal = portal;
    this.#name = name;
    this.#log = log;
    this.#onCommit = onCommit;
  }

  read(path: string): string | null {
    const answer = this.#request('read', path, '');
    const text = answer.kind === 'text' ? answer.text : null;
    this.#log?.requests.push([TRACED_NAMES.read, path, text ?? '']);
    return text;
  }

  list(path: string): readonly string[] | null {
    const answer = this.#request('directory', path, '');
    return answer.kind === 'names' ? answer.names : null;
  }

  write(path: string, value: string): void {
    this.#request('write', path, value);
  }

  mkdir(path: string): void {
    this.#request('mkdir', path, '');
  }

  remove(path: string): void {
    this.#request('rm', path, '');
  }

  setPermissions(path: string, permissions: readonly string[]): void {
    this.#request('setPermissions', path, permissions.join(' '));
  }

  watch(path: string, token: string): void {
    this.#request('watch', path, token);
  }

  unwatch(path: string, token: string): void {
    this.#request('unwatch', path, token);
  }

  transaction(body: () => void): void {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#once(body);
        return;
      } catch (error) {
        if (!(error instanceof StoreFailure)) throw error;
        if (attempt === ATTEMPTS_MAX || !TRY_AGAIN.has(error.code)) throw this.#refusal(error, 'a transaction', '');
      }
    }
  }

  #once(body: () => void): void {
    const before = this.#log?.requests.length ?? 0;
    this.#onCommit(null);
    this.#changed = null;
    const started = this.#ask('start', '', '');
    this.#transaction = started.kind === 'result' ? started.result : 0;
    try {
      body();
      if (this.#changed !== null) this.#onCommit(this.#changed);
      this.#ask('commit', '', '');
    } catch (error) {
      this.#log?.requests.splice(before);
      if (!(error instanceof StoreFailure)) this.#ask('abort', '', '');
      throw error;
    } finally {
      this.#transaction = 0;
    }
  }

  #request(operation: StoreOperation, path: string, argument: string): PortalReply {
    try {
      if (operation !== 'read' && operation !== 'directory') this.#changed = path;
      const answer = this.#ask(operation, path, argument);
      if (operation !== 'read') this.#log?.requests.push([TRACED_NAMES[operation], path, argument]);
      return answer;
    } catch (error) {
      // Inside a transaction it is for the transaction to say what becomes of it.
      if (!(error instanceof StoreFailure) || this.#transaction !== 0) throw error;
      throw this.#refusal(error, operation, path);
    }
  }

  #ask(operation: StoreOperation, path: string, argument: string): PortalReply {
    const answer = this.#portal.ask({ kind: 'store', operation, path, argument, transaction: this.#transaction });
    if (answer.kind === 'error') throw new StoreFailure(answer.code, answer.message);
    return answer;
  }

  #refusal({ code, message }: StoreFailure, operation: string, path: string): QuiesceError {
    return new QuiesceError(
      'DRIVER_FAULT',
      `${this.#name}: xenstore refuses ${operation} ${path} with ${code}: ${message}`,
    );
  }
}
