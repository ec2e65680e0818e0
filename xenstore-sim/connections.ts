/**
 * A connection: the watches, pending events and open transactions of one client. Immutable.
 */
import { mix } from '../protocol/digest.js';
import type { Hashed } from '../protocol/hashed.js';
import { HIGH, LOW, mixListHigh, mixListLow } from './hash.js';
import type { Transaction } from './transactions.js';
import type { Watch, WatchEvent } from './watches.js';

export interface ConnectionState {
  /** In order of registration. */
  readonly watches: readonly Watch[];
  /** Events not yet taken by the client, oldest first. */
  readonly pending: readonly WatchEvent[];
  /** Open transactions, in order of their start. */
  readonly transactions: readonly Transaction[];
  /** Id of the next transaction where ids count up. */
  readonly nextTransaction: number;
}

export class Connection implements Hashed, ConnectionState {
  readonly id: number;
  readonly domid: number;
  readonly privileged: boolean;
  readonly watches: readonly Watch[];
  readonly pending: readonly WatchEvent[];
  readonly transactions: readonly Transaction[];
  readonly nextTransaction: number;
  readonly hashLow: number;
  readonly hashHigh: number;
  readonly #watchesLow: number;
  readonly #watchesHigh: number;

  private constructor(id: number, domid: number, privileged: boolean, state: ConnectionState, old: Connection | null) {
    this.id = id;
    this.domid = domid;
    this.privileged = privileged;
    this.watches = state.watches;
    this.pending = state.pending;
    this.transactions = state.transactions;
    this.nextTransaction = state.nextTransaction;
    // Watches are many and change rarely, events are few and change often: hence the cached half of the hash.
    const kept = old !== null && old.watches === state.watches;
    const who = (domid << 1) | (privileged ? 1 : 0);
    this.#watchesLow = kept ? old.#watchesLow : mixListLow(mix(mix(LOW, id), who), state.watches);
    this.#watchesHigh = kept ? old.#watchesHigh : mixListHigh(mix(mix(HIGH, id), who), state.watches);
    const low = mixListLow(this.#watchesLow, state.pending);
    const high = mixListHigh(this.#watchesHigh, state.pending);
    this.hashLow = mix(mixListLow(low, state.transactions), state.nextTransaction);
    this.hashHigh = mix(mixListHigh(high, state.transactions), state.nextTransaction);
  }

  static open(id: number, domid: number, privileged: boolean): Connection {
    return new Connection(
      id,
      domid,
      privileged,
      { watches: [], pending: [], transactions: [], nextTransaction: 1 },
      null,
    );
  }

  withPending(pending: readonly WatchEvent[]): Connection {
    return this.#with({ pending });
  }

  withWatches(watches: readonly Watch[]): Connection {
    return this.#with({ watches });
  }

  withTransactions(transactions: readonly Transaction[], nextTransaction = this.nextTransaction): Connection {
    return this.#with({ transactions, nextTransaction });
  }

  transaction(id: number): Transaction | undefined {
    return this.transactions.find((transaction) => transaction.id === id);
  }
  #with(change: Partial<ConnectionState>): Connection {
    const { watches, pending, transactions, nextTransaction } = this;
    const state = { watches, pending, transactions, nextTransaction, ...change };
    return new Connection(this.id, this.domid, this.privileged, state, this);
  }
}
