/**
 * WATCH, UNWATCH and RESET_WATCHES.
 */
import { pathLengthMax } from './c-nodes.js';
import type { Connection } from './connections.js';
import type { Draft } from './draft.js';
import { domainDirectory, isSpecial, type Path, resolvePath, specialPath } from './path.js';
import { failure, OK, type Reply } from './requests.js';
import { ANY_DEPTH, Watch } from './watches.js';

/**
 * Watches that a privileged connection may have. The real daemons have no such limit; without one a client could use up
 * the memory of everybody, and make each removal slow.
 */
export const PRIVILEGED_WATCHES_MAX = 1 << 17;

export interface WatchRequest {
  readonly path: string;
  readonly token: string;
  readonly depth?: number | undefined;
}

/**
 * Registers a watch and queues its first event, whether or not the node exists or may be read (xenstore.txt). Relative
 * and absolute spellings of one path are the same watch.
 */
export function addWatch(draft: Draft, caller: Connection, { path: text, token, depth }: WatchRequest): Reply {
  const { policy } = draft;
  const path = watchedPath(draft, caller, text);
  if (path === null) return failure('EINVAL');
  // The C daemon looks for a watch of that name first, oxenstored at the quota.
  const exists = draft.watches.find(caller.id, path, token) !== null;
  const full = caller.watches.count >= Math.min(draft.limit(caller, 'watches'), PRIVILEGED_WATCHES_MAX);
  if (exists && (policy.rules === 'c' || !full)) return failure('EEXIST');
  if (full) return failure(policy.errors.tooManyWatches);
  const relative = !text.startsWith('/') && !isSpecial(text);
  const watch = new Watch({
    connection: caller.id,
    path,
    token,
    skip: relative ? domainDirectory(caller.domid).length + 1 : 0,
    depth: depth ?? ANY_DEPTH,
    serial: (caller.watches.last?.serial ?? -1) + 1,
  });
  draft.watches = draft.watches.add(watch);
  draft.setConnection(caller.with({ watches: caller.watches.set(watch) }));
  draft.queue(caller, watch.event(path.text));
  return OK;
}

/** Removes a watch. Its events that are pending already are still delivered. */
export function removeWatch(draft: Draft, caller: Connection, { path: text, token }: WatchRequest): Reply {
  const path = watchedPath(draft, caller, text);
  // Only the newest looks at the syntax of a path that is not to be watched any more.
  if (path === null)
    return failure(
      draft.policy.unwatchChecksPath || (draft.policy.rules === 'ocaml' && text === '') ? 'EINVAL' : 'ENOENT',
    );
  const watch = draft.watches.find(caller.id, path, token);
  if (watch === null) return failure('ENOENT');
  draft.watches = draft.watches.remove(watch);
  draft.setConnection(caller.with({ watches: caller.watches.delete(watch.id) }));
  return OK;
}

/** Takes the watches of `connection` out of the store's index; the connection itself is the caller's business. */
export function dropWatches(draft: Draft, connection: Connection): void {
  for (const watch of connection.watches.items) draft.watches = draft.watches.remove(watch);
}

function watchedPath(draft: Draft, caller: Connection, text: string): Path | null {
  const { watchLengthLimited, specialLengthMax } = draft.policy;
  if (isSpecial(text)) return text.length > specialLengthMax ? null : specialPath(text);
  const path = resolvePath(text, caller.domid);
  return path === null || (watchLengthLimited && path.countedLength > pathLengthMax(draft, caller)) ? null : path;
}
