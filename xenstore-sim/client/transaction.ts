/**
 * Transactions: requests that take effect together or not at all.
 *
 * What a transaction sees of changes made outside while it is open differs between daemons, and so does what counts as
 * a conflict; even one that only reads can meet `EAGAIN`. So the work is done again, and must bear that.
 */
import { ignore } from './callbacks.js';
import { hasCode, XenstoreError } from './errors.js';
import { NodeAccess } from './node-access.js';
import type { Ask, RequestOptions } from './pending.js';
import { malformed, parseOk } from './text.js';

/** Sends a request with a transaction id on the connection the transaction was opened on. */
export type TransactionSender = <T>(ask: Ask<T>, transactionId: number, options: RequestOptions) => Promise<T>;

export class Transaction extends NodeAccess {
  readonly id: number;
  readonly #send: TransactionSender;
  #ended = false;

  constructor(id: number, send: TransactionSender) {
    super();
    this.id = id;
    this.#send = send;
  }

  /** @throws XenstoreError `EAGAIN` on a conflict; nothing has taken effect then. */
  async commit(options: RequestOptions = {}): Promise<void> {
    return this.#end('T\0', options);
  }

  async abort(options: RequestOptions = {}): Promise<void> {
    return this.#end('F\0', options);
  }

  protected ask<T>(ask: Ask<T>, options: RequestOptions): Promise<T> {
    if (!this.#ended) return this.#send(ask, this.id, options);
    const { type: request, path } = ask;
    const message = `expected an open transaction, found ${this.id}, which has ended`;
    return Promise.reject(new XenstoreError('BAD_ARGUMENT', message, { request, path }));
  }

  async #end(text: string, options: RequestOptions): Promise<void> {
    const answer = this.ask({ type: 'TRANSACTION_END', text, parse: parseOk }, options);
    this.#ended = true;
    return answer;
  }
}

export interface TransactionOptions extends RequestOptions {
  /** How often the work is done at most. */
  readonly attempts?: number | undefined;
}

export const ATTEMPTS_DEFAULT = 50;

/**
 * Does `work` in transactions from `start` until one is committed. When `work` throws, its transaction is aborted and
 * the error passed on.
 *
 * @throws XenstoreError `CONFLICT` when all attempts met others' changes.
 */
export async function runTransaction<T>(
  start: () => Promise<Transaction>,
  work: (transaction: NodeAccess) => Promise<T>,
  { attempts = ATTEMPTS_DEFAULT, ...options }: TransactionOptions,
): Promise<T> {
  let conflict: unknown;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const transaction = await start();
    const result = await workOrAbort(transaction, work);
    try {
      await transaction.commit(options);
      return result;
    } catch (error) {
      if (!hasCode(error, 'EAGAIN')) throw error;
      conflict = error;
    }
  }
  const message = `expected a commit within ${attempts} attempts, found conflicts: try later`;
  throw new XenstoreError('CONFLICT', message, { request: 'TRANSACTION_END', cause: conflict });
}

async function workOrAbort<T>(transaction: Transaction, work: (transaction: NodeAccess) => Promise<T>): Promise<T> {
  try {
    return await work(transaction);
  } catch (error) {
    // Not waited for: it leaves before anything that is sent later, and the caller's error must not wait for it.
    transaction.abort().catch(ignore);
    throw error;
  }
}

/** The id in a reply to TRANSACTION_START. */
export function parseTransactionId(payload: string): number {
  if (!/^[1-9]\d{0,9}\0$/.test(payload)) throw malformed('a transaction id', payload);
  const id = Number(payload.slice(0, -1));
  if (id > 0xffff_ffff) throw malformed('a transaction id of 32 bits', payload);
  return id;
}
