/**
 * Executes requests.
 */
import { unreachable } from '../protocol/assert.js';
import { commit } from './commit.js';
import type { Connection } from './connections.js';
import { Draft } from './draft.js';
import { domainRequest } from './lifecycle.js';
import { directory, getPermissions, makeDirectory, read, remove, setPermissions, write } from './nodes.js';
import { domainDirectory, resolvePath } from './path.js';
import { mayStartTransaction } from './quota.js';
import { failure, OK, type Reply, type Request, type RequestType } from './requests.js';
import type { Store } from './store.js';
import { Transaction } from './transactions.js';
import { addWatch, removeWatch } from './watch-requests.js';

export interface Outcome {
  /** The store after the request; the same object if nothing changed. */
  readonly store: Store;
  readonly reply: Reply;
}

const PRIVILEGED: ReadonlySet<RequestType> = new Set<RequestType>([
  'introduce',
  'release',
  'resume',
  'setTarget',
  'isDomainIntroduced',
]);

/** Requests that a transaction concerns. Of the others, only the id is checked. */
const ON_NODES: ReadonlySet<RequestType> = new Set<RequestType>([
  'directory',
  'read',
  'write',
  'mkdir',
  'rm',
  'getPerms',
  'setPerms',
]);

/**
 * Executes `request` for the open connection with number `connection`. Mistakes of the client give an error reply, never
 * an exception. Events the request causes are appended to the queues of their connections, the caller's included;
 * whether those go before or after the reply on the wire is `Policy.repliesFirst`.
 *
 * Checked in this order: privilege (EACCES), transaction id (ENOENT), the request itself (C xenstored 4.17).
 */
export function execute(store: Store, connection: number, request: Request): Outcome {
  const caller = store.connection(connection);
  const { type } = request;
  const id = type === 'watch' || type === 'unwatch' ? 0 : (request.transaction ?? 0);
  if (id === 0 && caller.privileged && type === 'read') return privilegedRead(store, caller, request.path);
  if (!caller.privileged && PRIVILEGED.has(type)) return { store, reply: failure('EACCES') };

  if (id !== 0) {
    const transaction = caller.transaction(id);
    if (transaction === undefined) return { store, reply: failure('ENOENT') };
    if (type === 'transactionStart') return { store, reply: failure('EBUSY') };
    if (type === 'transactionEnd') return endTransaction(store, caller, transaction, request.commit);
    if (ON_NODES.has(type)) return performInside(store, caller, transaction, request);
  }
  const draft = new Draft(store);
  const reply = perform(draft, caller, request);
  return { store: draft.finish(store), reply };
}

function endTransaction(store: Store, caller: Connection, transaction: Transaction, committing: boolean): Outcome {
  const draft = new Draft(store);
  draft.setConnection(caller.withTransactions(caller.transactions.filter((open) => open !== transaction)));
  const reply = committing ? commit(draft, caller, transaction) : OK;
  return { store: draft.finish(store), reply };
}

/** Performs a request on nodes with the copies of a transaction. */
function performInside(store: Store, caller: Connection, transaction: Transaction, request: Request): Outcome {
  const draft = new Draft(store);
  draft.enter(caller, transaction);
  let reply = perform(draft, caller, request);
  let after = draft.transaction ?? transaction;
  if (draft.overflown) {
    reply = failure('ENOSPC');
    after = transaction.fail();
  }
  if (after !== transaction) {
    draft.setConnection(
      caller.withTransactions(caller.transactions.map((open) => (open === transaction ? after : open))),
    );
  }
  return { store: draft.finish(store), reply };
}

/** The most frequent request on the shortest way: it checks only the path and changes nothing. */
function privilegedRead(store: Store, caller: Connection, text: string): Outcome {
  const path = resolvePath(text, caller.domid);
  if (path === null || path.countedLength > store.policy.pathLengthMax) return { store, reply: failure('EINVAL') };
  const node = store.tree.get(path);
  return { store, reply: node === undefined ? failure('ENOENT') : { kind: 'value', value: node.value } };
}

function perform(draft: Draft, caller: Connection, request: Request): Reply {
  switch (request.type) {
    case 'read':
      return read(draft, caller, request.path);
    case 'write':
      return write(draft, caller, request.path, request.value);
    case 'directory':
      return directory(draft, caller, request.path);
    case 'mkdir':
      return makeDirectory(draft, caller, request.path);
    case 'rm':
      return remove(draft, caller, request.path);
    case 'getPerms':
      return getPermissions(draft, caller, request.path);
    case 'setPerms':
      return setPermissions(draft, caller, request.path, request.permissions);
    case 'watch':
      return addWatch(draft, caller, request.path, request.token);
    case 'unwatch':
      return removeWatch(draft, caller, request.path, request.token);
    case 'resetWatches':
      draft.setConnection(caller.withWatches([]).withTransactions([]));
      return OK;
    case 'transactionStart':
      return startTransaction(draft, caller);
    case 'transactionEnd':
      return failure('ENOENT');
    case 'getDomainPath':
      return { kind: 'value', value: domainDirectory(request.domid) };
    case 'introduce':
    case 'release':
    case 'resume':
    case 'setTarget':
    case 'isDomainIntroduced':
      return domainRequest(draft, request);
    default:
      return unreachable(request);
  }
}

function startTransaction(draft: Draft, caller: Connection): Reply {
  if (!mayStartTransaction(draft.policy.quota, caller)) return failure('ENOSPC');
  const counting = draft.policy.transactionIds === 'counting';
  let id = counting ? caller.nextTransaction : 1;
  while (caller.transaction(id) !== undefined) id++;
  const next = counting ? id + 1 : caller.nextTransaction;
  draft.setConnection(caller.withTransactions([...caller.transactions, Transaction.start(id)], next));
  return { kind: 'value', value: String(id) };
}
