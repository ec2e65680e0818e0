/**
 * TRANSACTION_START.
 */
import type { Connection } from './connections.js';
import type { Draft } from './draft.js';
import { OcamlTransaction } from './ocaml-transactions.js';
import { failure, type Reply } from './requests.js';
import { CTransaction } from './transactions.js';

/** Largest id oxenstored gives; the C daemon's wrap much later. */
const ID_MAX = 0x3ffffffe;

/**
 * Open transactions that a privileged connection may have: the real daemons have no such limit, and a client could use up
 * the memory of everybody.
 */
const PRIVILEGED_TRANSACTIONS_MAX = 4096;

/** Opens a transaction of `caller`; the reply is its id in decimal. */
export function startTransaction(draft: Draft, caller: Connection): Reply {
  const { policy } = draft;
  if (caller.transactions.length >= Math.min(draft.limit(caller, 'transactions'), PRIVILEGED_TRANSACTIONS_MAX))
    return failure(policy.errors.tooManyTransactions);
  const first = policy.finite ? 1 : caller.nextTransaction;
  let id = first;
  while (caller.transaction(id) !== undefined) id = id < ID_MAX ? id + 1 : 1;
  const transaction =
    policy.rules === 'c'
      ? CTransaction.start(id, policy.finite, draft.owner)
      : OcamlTransaction.start(id, draft.tree, draft.domains, policy.finite);
  const nextTransaction = policy.finite ? caller.nextTransaction : id < ID_MAX ? id + 1 : 1;
  draft.setConnection(caller.with({ transactions: [...caller.transactions, transaction], nextTransaction }));
  return { kind: 'value', value: String(id) };
}
