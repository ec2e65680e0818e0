/**
 * Executes requests.
 */
import { unreachable } from '../protocol/assert.js';
import { performC } from './c-nodes.js';
import type { Connection } from './connections.js';
import { control } from './control.js';
import { domainRequest } from './domain-requests.js';
import { Draft } from './draft.js';
import { announceOcaml } from './ocaml-events.js';
import { newFootprint, performOcaml } from './ocaml-nodes.js';
import { domainDirectory } from './path.js';
import type { Owner } from './path-map.js';
import type { Policy } from './policy.js';
import { failure, type KnownType, type NodeRequest, OK, type Reply, type Request } from './requests.js';
import { settingRequest } from './setting-requests.js';
import type { Store } from './store.js';
import { endTransaction, noteInside, performInside } from './transaction-requests.js';
import { startTransaction } from './transaction-start.js';
import type { Transaction } from './transactions.js';
import { keptTree } from './tree.js';
import { NO_WATCHES } from './watch-index.js';
import { addWatch, dropWatches, removeWatch } from './watch-requests.js';

export interface Outcome {
  /** The store after the request; the same object if nothing changed, but for what its owner had changed in place. */
  readonly store: Store;
  readonly reply: Reply;
  /** Connections whose queue of events has grown; null for none. */
  readonly notified: readonly number[] | null;
}

const PRIVILEGED: ReadonlySet<KnownType> = new Set<KnownType>([
  'introduce',
  'release',
  'resume',
  'setTarget',
  'isDomainIntroduced',
  'control',
  'setFeature',
  'getQuota',
  'setQuota',
]);

export interface ExecuteOptions {
  /** Id of the transaction, if the request itself does not name it. */
  readonly transactionId?: number;
  /** Who gives `store` up: it may then be changed in place, and must not be used any more (`PathMap`). */
  readonly owner?: Owner | null;
}

/**
 * Executes `request` for the open connection with number `connection`. Mistakes of the client give an error reply, never
 * an exception. Events the request causes are appended to the queues of their connections, the caller's included;
 * whether those go before or after the reply on the wire is `Policy.repliesFirst`.
 */
export function execute(
  store: Store,
  connection: number,
  request: Request,
  { transactionId = request.transaction ?? 0, owner = null }: ExecuteOptions = {},
): Outcome {
  const caller = store.connection(connection);
  const draft = new Draft(store, owner);
  const reply = answer(draft, caller, request, transactionId);
  return { store: draft.finish(store), reply, notified: draft.notified };
}

/**
 * The C daemon checks in this order: whether it knows the type (ENOSYS), privilege (EACCES), the transaction id, the
 * request itself. oxenstored looks at the transaction id first.
 */
function answer(draft: Draft, caller: Connection, request: Request, transactionId: number): Reply {
  const { policy } = draft;
  const known = request.type === 'malformed' ? request.of : request.type;
  const id = known === 'watch' || known === 'unwatch' ? 0 : transactionId;
  const transaction = id === 0 ? undefined : caller.transaction(id);
  const lost = id !== 0 && transaction === undefined;
  if (policy.rules === 'ocaml' && lost) return failure(policy.errors.unknownTransaction);
  const refused = refusal(policy, caller, known);
  if (policy.rules === 'c' && refused === null && lost) return failure(policy.errors.unknownTransaction);
  if (transaction === undefined) {
    return refused ?? perform(draft, caller, request);
  }
  return refused === null
    ? inside(draft, caller, transaction, request)
    : noteInside(draft, caller, transaction, request, refused);
}

function refusal(policy: Policy, caller: Connection, type: KnownType | 'unknown'): Reply | null {
  if (type === 'unknown') return failure('ENOSYS');
  if (caller.privileged || !PRIVILEGED.has(type)) return null;
  // oxenstored answers a guest's CONTROL as if it had done something.
  return type === 'control' && policy.rules === 'ocaml' ? OK : failure('EACCES');
}

function inside(draft: Draft, caller: Connection, transaction: Transaction, request: Request): Reply {
  switch (request.type) {
    case 'transactionEnd':
      return endTransaction(draft, caller, transaction, request.commit);
    case 'transactionStart':
      return noteInside(draft, caller, transaction, request, failure('EBUSY'));
    case 'malformed':
      return noteInside(draft, caller, transaction, request, malformed(draft, caller, request));
    default:
      return isNodeRequest(request)
        ? performInside(draft, caller, transaction, request)
        : noteInside(draft, caller, transaction, request, perform(draft, caller, request));
  }
}

function isNodeRequest(request: Request): request is NodeRequest {
  switch (request.type) {
    case 'directory':
    case 'directoryPart':
    case 'read':
    case 'write':
    case 'mkdir':
    case 'rm':
    case 'getPerms':
    case 'setPerms':
      return true;
    default:
      return false;
  }
}

function perform(draft: Draft, caller: Connection, request: Request): Reply {
  switch (request.type) {
    case 'directory':
    case 'directoryPart':
    case 'read':
    case 'write':
    case 'mkdir':
    case 'rm':
    case 'getPerms':
    case 'setPerms':
      return draft.policy.rules === 'c' ? performC(draft, caller, request) : performAlone(draft, caller, request);
    case 'watch':
      return addWatch(draft, caller, request);
    case 'unwatch':
      return removeWatch(draft, caller, request);
    case 'resetWatches':
      dropWatches(draft, caller);
      draft.setConnection(caller.with({ watches: NO_WATCHES, transactions: [] }));
      return OK;
    case 'transactionStart':
      draft.forgetTrees();
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
    case 'getFeature':
    case 'setFeature':
    case 'getQuota':
    case 'setQuota':
      return settingRequest(draft, caller, request);
    case 'control':
      return control(draft, request.words);
    case 'malformed':
      return malformed(draft, caller, request);
    case 'unknown':
      return failure('ENOSYS');
    default:
      return unreachable(request);
  }
}

function malformed(draft: Draft, caller: Connection, request: Request & { readonly type: 'malformed' }): Reply {
  if ((request.entries ?? 0) > draft.limit(caller, 'permissions')) return failure('ENOSPC');
  return failure(request.error ?? 'EINVAL');
}

/** A request on nodes outside of any transaction, by the rules of oxenstored: its changes are announced at once. */
function performAlone(draft: Draft, caller: Connection, request: NodeRequest): Reply {
  // Only these events are about nodes as they were before.
  const before = request.type === 'rm' || request.type === 'setPerms' ? keptTree(draft.tree) : draft.tree;
  const footprint = newFootprint();
  const reply = performOcaml(draft, caller, request, footprint);
  if (reply.kind !== 'error') announceOcaml(draft, footprint.changes, before, draft.tree);
  return reply;
}
