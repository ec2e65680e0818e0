/**
 * WATCH and UNWATCH.
 */
import type { Connection } from './connections.js';
import type { Draft } from './draft.js';
import { domainDirectory, isSpecial, type Path, resolvePath } from './path.js';
import { mayWatch } from './quota.js';
import { failure, OK, type Reply } from './requests.js';
import { enqueue, Watch } from './watches.js';

/**
 * Registers a watch and queues its first event, whether or not the node exists or may be read (xenstore.txt). Relative
 * and absolute spellings of one path are the same watch.
 */
export function addWatch(draft: Draft, caller: Connection, text: string, token: string): Reply {
  const { policy } = draft;
  let path: Path | null = null;
  let skip = 0;
  if (isSpecial(text)) {
    if (text.length > policy.specialLengthMax) return failure('EINVAL');
  } else {
    path = resolvePath(text, caller.domid);
    if (path === null || path.countedLength > policy.pathLengthMax) return failure('EINVAL');
    if (!text.startsWith('/')) skip = domainDirectory(caller.domid).length + 1;
  }
  const watch = new Watch(path, path === null ? text : path.text, token, skip);
  if (caller.watches.some((other) => other.text === watch.text && other.token === token)) return failure('EEXIST');
  if (!mayWatch(policy.quota, caller)) return failure('E2BIG');
  const pending = enqueue(caller.pending, watch.event(watch.text), policy);
  draft.setConnection(caller.withWatches([...caller.watches, watch]).withPending(pending));
  return OK;
}

/** Removes a watch. Its events that are pending already are still delivered. */
export function removeWatch(draft: Draft, caller: Connection, text: string, token: string): Reply {
  const absolute = isSpecial(text) || text.startsWith('/') ? text : `${domainDirectory(caller.domid)}/${text}`;
  const left = caller.watches.filter((watch) => watch.text !== absolute || watch.token !== token);
  if (left.length === caller.watches.length) return failure('ENOENT');
  draft.setConnection(caller.withWatches(left));
  return OK;
}
