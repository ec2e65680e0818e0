/**
 * Whom oxenstored tells of a change, and in which order.
 */
import type { Draft } from './draft.js';
import { specialNode } from './ocaml-nodes.js';
import type { Change } from './ocaml-transactions.js';
import { type Path, ROOT, specialPath } from './path.js';
import { type PermissionList, READ, type Subject } from './permissions.js';
import type { KnownTree } from './tree.js';
import type { Watch } from './watches.js';

/**
 * Tells the watchers of `changes`, one event per change. `before` and `after` are the trees around all of them: for a
 * removal the old permissions decide, for changed permissions both, else the new ones.
 */
export function announceOcaml(draft: Draft, changes: readonly Change[], before: KnownTree, after: KnownTree): void {
  for (const { kind, path } of changes) {
    const trees = kind === 'rm' ? [before] : kind === 'setPerms' ? [before, after] : [after];
    for (const watches of watchesAbove(draft, path)) draft.notify(watches, path.text, readers(trees, path));
    if (kind !== 'rm') continue;
    for (const watch of watchesBelow(draft, path))
      draft.notify([watch], watch.path.text, readers([before], watch.path));
  }
}

/**
 * Tells the watchers of a special name who can read its node, or the root. False once the control domain is released: in
 * its name the daemon sends these events, and whatever it was doing ends in an error.
 */
export function announceOcamlSpecial(draft: Draft, name: string): boolean {
  const path = specialPath(name);
  if (path === null || draft.domains.get(0)?.introduced !== true) return false;
  for (const watch of draft.watches.at(path).toReversed()) {
    draft.notify([watch], name, readers([draft.tree], specialNode(name)));
  }
  return true;
}

/** From the shortest watched path to `path` itself; on each, the newest watch first. One list per event. */
function watchesAbove(draft: Draft, path: Path): Watch[][] {
  const lists: Watch[][] = [];
  for (let at: Path | null = path; at !== null; at = at.parent) {
    for (const watch of draft.watches.at(at)) lists.push([watch]);
  }
  return lists.reverse();
}

/** Watches on paths below `path`, whether or not there is a node: by path, and on each the newest first. */
function watchesBelow(draft: Draft, path: Path): Watch[] {
  const found: Watch[] = [];
  for (const { watches } of draft.connections.items) {
    for (const watch of watches.items) {
      if (!watch.path.equals(path) && watch.path.isWithin(path)) found.push(watch);
    }
  }
  return found.sort((one, other) => comparePaths(one.path, other.path) || other.serial - one.serial);
}

/** Parents before children, names in byte order. */
function comparePaths(one: Path, other: Path): number {
  const a = one.text.split('/');
  const b = other.text.split('/');
  for (let i = 0; i < a.length && i < b.length; i++) {
    const left = a[i] ?? '';
    const right = b[i] ?? '';
    if (left !== right) return left < right ? -1 : 1;
  }
  return a.length - b.length;
}

/** Who may be told: whoever can read the node or its parent in one of `trees`. Of the root nobody is ever told. */
function readers(trees: readonly KnownTree[], path: Path): (subject: Subject) => boolean {
  const lists: PermissionList[] = [];
  for (const tree of trees) {
    const parent = path === ROOT || path.parent === null ? undefined : tree.get(path.parent);
    if (parent === undefined) continue;
    lists.push(parent.permissions);
    const node = tree.get(path);
    if (node !== undefined) lists.push(node.permissions);
  }
  return (subject) => lists.some((list) => (list.allowsEither(subject) & READ) !== 0);
}
