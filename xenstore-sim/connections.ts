/**
 * A connection: the watches, pending events and open transactions of one client. Immutable.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW, mixListHigh, mixListLow } from './hash.js';
import type { IdList } from './id-list.js';
import type { Transaction } from './transactions.js';
import { NO_WATCHES } from './watch-index.js';
import type { Watch, WatchEvent } from './watches.js';

export interface ConnectionState {
  /** In order of registration. */
  readonly watches: IdList<Watch>;
  /** Events not yet taken by the client, oldest first. */
  readonly pending: readonly WatchEvent[];
  /** Open transactions, in order of their start. */
  readonly transactions: readonly Transaction[];
  /** Id of the next transaction where ids count up. */
  readonly nextTransaction: number;
}

const NEW: ConnectionState = { watches: NO_WATCHES, pending: [], transactions: [], nextTransaction: 1 };

export class Connection implements Hashed, ConnectionState {
  readonly id: number;
  readonly domid: number;
  readonly privileged: boolean;
  /** In order of registration. */
  readonly watches: IdList<Watch>;
  readonly pending: readonly WatchEvent[];
  readonly transactions: readonly Transaction[];
  readonly nextTransaction: number;

  private constructor(who: Pick<Connection, 'id' | 'domid' | 'privileged'>, state: ConnectionState) {
    this.id = who.id;
    this.domid = who.domid;
    this.privileged = who.privileged;
    this.watches = state.watches;
    this.pending = state.pending;
    this.transactions = state.transactions;
    this.nextTransaction = state.nextTransaction;
  }

  static open(id: number, domid: number, privileged: boolean): Connection {
    return new Connection({ id, domid, privileged }, NEW);
  }

  get #who(): number {
    return (this.domid << 1) | (this.privileged ? 1 : 0);
  }

  get hashLow(): number {
    const base = mixListLow(mix(mix(LOW, this.id), this.#who), this.watches.items);
    return mix(mixListLow(mixListLow(base, this.pending), this.transactions), this.nextTransaction);
  }

  get hashHigh(): number {
    const base = mixListHigh(mix(mix(HIGH, this.id), this.#who), this.watches.items);
    return mix(mixListHigh(mixListHigh(base, this.pending), this.transactions), this.nextTransaction);
  }

  with({ watches, pending, transactions, nextTransaction }: Partial<ConnectionState>): Connection {
    return new Connection(this, {
      watches: watches ?? this.watches,
      pending: pending ?? this.pending,
      transactions: transactions ?? this.transactions,
      nextTransaction: nextTransaction ?? this.nextTransaction,
    });
  }

  /** The connection without anything that was done on it. */
  reset(): Connection {
    return new Connection(this, NEW);
  }

  transaction(id: number): Transaction | undefined {
    return this.transactions.find((transaction) => transaction.id === id);
  }

  withTransaction(old: Transaction, transaction: Transaction): Connection {
    return this.with({ transactions: this.transactions.map((open) => (open === old ? transaction : open)) });
  }
}
