/**
 * A driver's xenstore, over a real connection.
 */
import { QuiesceError } from '../../protocol/errors.js';
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

export class LiveStore implements StoreAccess {
  readonly #portal: Portal;
  readonly #name: string;
  #transaction = 0;

  /** `name` is whose it is, for messages. */
  constructor(portal: Portal, name: string) {
    this.#portal = portal;
    this.#name = name;
  }

  read(path: string): string | null {
    const answer = this.#request('read', path, '');
    return answer.kind === 'text' ? answer.text : null;
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
    const started = this.#ask('start', '', '');
    this.#transaction = started.kind === 'result' ? started.result : 0;
    try {
      body();
      this.#ask('commit', '', '');
    } catch (error) {
      if (!(error instanceof StoreFailure)) this.#ask('abort', '', '');
      throw error;
    } finally {
      this.#transaction = 0;
    }
  }

  #request(operation: StoreOperation, path: string, argument: string): PortalReply {
    try {
      return this.#ask(operation, path, argument);
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
