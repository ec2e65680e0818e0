/**
 * What ends with a domain, and the events that tell of domains.
 */
import { removeSubtree } from './c-nodes.js';
import { NO_TARGET } from './domains.js';
import type { Draft } from './draft.js';
import { announceOcamlSpecial } from './ocaml-events.js';
import { childPath, type Path, ROOT, specialPath } from './path.js';
import { CONTROL_ONLY, READ, type Subject } from './permissions.js';
import { INTRODUCE_DOMAIN, RELEASE_DOMAIN } from './store.js';
import { dropWatches } from './watch-requests.js';
import { ANY_DEPTH } from './watches.js';

/**
 * Ends everything of a domain but the knowledge that it exists. The daemon drops the connection, then the nodes, then
 * tells. Returns whether it could tell.
 */
export function endDomain(draft: Draft, domid: number): boolean {
  const { rules, deadEntries } = draft.policy;
  const domain = draft.domains.get(domid);
  const introduced = domain?.introduced === true;
  if (domain !== undefined) draft.setDomain(domain.with({ introduced: false }));
  for (const connection of draft.connections.items) {
    // The sockets of the control domain are not its connection.
    if (connection.domid !== domid || domid === 0) continue;
    dropWatches(draft, connection);
    draft.connections = draft.connections.delete(connection.id);
  }
  removeOwned(draft, domid, ROOT);
  forget(draft, domid, ROOT);
  for (const path of [INTRODUCE_DOMAIN, RELEASE_DOMAIN]) forget(draft, domid, path);
  for (const connection of draft.connections.items) {
    if (connection.transactions.length === 0) continue;
    const transactions = connection.transactions.map((open) => open.withoutDomain(domid, deadEntries));
    draft.setConnection(connection.with({ transactions }));
  }
  for (const domain of draft.domains.items) {
    if (rules === 'c' && domain.target === domid) draft.setDomain(domain.with({ target: NO_TARGET }));
  }
  return !introduced || announceSpecial(draft, '@releaseDomain', domid);
}

/** Tells of domain `domid` whoever watches the special name and may know. False if the daemon failed to. */
export function announceSpecial(draft: Draft, name: '@introduceDomain' | '@releaseDomain', domid: number): boolean {
  if (draft.policy.specialNames === 'children') return announceOcamlSpecial(draft, name);
  const top = name === '@introduceDomain' ? INTRODUCE_DOMAIN : RELEASE_DOMAIN;
  const { above } = top;
  const { watchDepth } = draft.policy;
  const node = draft.tree.get(top);
  const parent = watchDepth && above !== null ? draft.tree.get(above) : undefined;
  const permitted = (subject: Subject): boolean =>
    [node, parent].some((each) => each !== undefined && (each.permissions.allows(subject) & READ) !== 0);
  draft.notify(
    draft.watches.at(top).filter(({ depth }) => depth === ANY_DEPTH),
    name,
    permitted,
  );
  if (watchDepth) announceNumber(draft, top, domid, permitted);
  return true;
}

/** Since Xen 4.22: `@releaseDomain/N` for those who watch that name, or the one above with a depth. */
function announceNumber(draft: Draft, top: Path, domid: number, permitted: (subject: Subject) => boolean): void {
  const path = specialPath(`${top.text}/${domid}`);
  if (path === null) return;
  const watches = [...draft.watches.at(path), ...draft.watches.at(top).filter(({ depth }) => depth > 0)];
  watches.sort((one, other) => one.id - other.id);
  draft.notify(watches, path.text, permitted);
}

/** The C daemon tells the watchers of each topmost node that it removes; oxenstored tells nobody. */
function removeOwned(draft: Draft, domid: number, path: Path): void {
  const node = draft.tree.get(path);
  if (node === undefined) return;
  if (node.permissions.owner !== domid || path.parent === null) {
    for (const child of node.children) removeOwned(draft, domid, childPath(path, child));
  } else if (draft.policy.rules === 'c') removeSubtree(draft, path, path.parent, node);
  else {
    removeSilently(draft, path);
    const parent = draft.tree.get(path.parent);
    if (parent !== undefined)
      draft.put(path.parent, parent.withoutChild(path.name, draft.policy.childOrder, node.birth));
  }
}

function removeSilently(draft: Draft, path: Path): void {
  for (const child of draft.tree.get(path)?.children ?? []) removeSilently(draft, childPath(path, child));
  draft.put(path, null);
}

/**
 * The entries for `domid` mean nothing any more. No transaction is disturbed by that, so the tree is changed directly.
 * The root and the special nodes cannot be removed: if the domain owned one, it goes to the control domain, closed to
 * everybody else, or a later domain with that number would own it (XSA-322).
 */
function forget(draft: Draft, domid: number, path: Path): void {
  const node = draft.tree.get(path);
  if (node === undefined) return;
  const permissions = node.permissions.withoutDomain(domid, draft.policy.deadEntries);
  if (permissions.owner === domid && domid !== 0) draft.put(path, node.withPermissions(CONTROL_ONLY));
  else if (permissions !== node.permissions) draft.replace(path, node.withPermissions(permissions));
  for (const child of node.children) forget(draft, domid, childPath(path, child));
}
