/**
 * TRANSACTION_END, and requests inside a transaction.
 */
import { commitC } from './c-commit.js';
import { performC } from './c-nodes.js';
import { append } from './chain.js';
import type { Connection } from './connections.js';
import type { Draft } from './draft.js';
import { commitOcaml } from './ocaml-commit.js';
import { performOcaml } from './ocaml-nodes.js';
import type { OcamlTransaction } from './ocaml-transactions.js';
import { failure, type NodeRequest, OK, type Reply, type Request } from './requests.js';
import type { Transaction } from './transactions.js';

/** Ends a transaction of `caller`, whatever becomes of it; `committing` makes its changes real, if that can be. */
export function endTransaction(draft: Draft, caller: Connection, transaction: Transaction, committing: boolean): Reply {
  const closed = caller.with({ transactions: caller.transactions.filter((open) => open !== transaction) });
  draft.setConnection(closed);
  if (transaction.rules === 'c') return committing ? commitC(draft, caller, transaction) : OK;
  if (isFull(draft, caller, transaction)) return failure('EQUOTA');
  return committing ? commitOcaml(draft, closed, transaction) : OK;
}

/** Performs a request on nodes with what the transaction has of them. */
export function performInside(draft: Draft, caller: Connection, transaction: Transaction, request: NodeRequest): Reply {
  if (transaction.rules === 'ocaml') return performInOcaml(draft, caller, transaction, request);
  draft.enter(caller, transaction);
  let reply = performC(draft, caller, request);
  let after = draft.transaction ?? transaction;
  if (draft.overflown) {
    // A removal takes a node that it may not access for one that is missing.
    if (reply.kind !== 'error' || reply.error !== 'EIO') reply = failure('ENOSPC');
    // What it has accessed before it was refused stays accessed.
    after = after.fail();
  }
  draft.leave();
  if (after !== transaction) draft.setConnection(caller.withTransaction(transaction, after));
  return reply;
}

function performInOcaml(draft: Draft, caller: Connection, transaction: OcamlTransaction, request: NodeRequest): Reply {
  if (isFull(draft, caller, transaction)) return failure('EQUOTA');
  const { state } = transaction;
  const outside = { tree: draft.tree, domains: draft.domains, generation: draft.generation };
  draft.isolated = true;
  draft.tree = state.tree;
  draft.domains = state.domains;
  const footprint = {
    readLow: state.readLow,
    writeLow: state.writeLow,
    changes: [],
    touched: [],
  };
  const reply = performOcaml(draft, caller, request, footprint);
  const { tree, domains } = draft;
  const { readLow, writeLow } = footprint;
  const operations = append(state.operations, { request, reply });
  const changes = append(state.changes, ...footprint.changes);
  const touched = append(state.touched, ...footprint.touched);
  Object.assign(draft, outside, { isolated: false });
  draft.setConnection(
    caller.withTransaction(
      transaction,
      transaction.with({ readLow, writeLow, changes, touched, tree, domains, operations }),
    ),
  );
  return reply;
}

/** Notes a request in the transaction that does not concern its nodes: oxenstored counts it, and cannot perform it again. */
export function noteInside(
  draft: Draft,
  caller: Connection,
  transaction: Transaction,
  request: Request,
  reply: Reply,
): Reply {
  if (transaction.rules === 'c') return reply;
  if (isFull(draft, caller, transaction)) return failure('EQUOTA');
  const now = draft.connections.get(caller.id);
  const operations = append(transaction.state.operations, { request, reply });
  if (now !== undefined) draft.setConnection(now.withTransaction(transaction, transaction.with({ operations })));
  return reply;
}

function isFull(draft: Draft, caller: Connection, { state }: OcamlTransaction): boolean {
  return !draft.subject(caller).privileged && (state.operations?.count ?? 0) >= draft.quota.quota.transactionRequests;
}
