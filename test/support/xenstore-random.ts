/**
 * Random requests on a handful of nodes, for property tests. Paths and values are few, so that requests meet.
 */
import fc from 'fast-check';
import { execute, type Reply, type Request, type Store } from '../../xenstore-sim/index.js';

/** Paths up to three levels deep, the root now and then. */
export const path: fc.Arbitrary<string> = fc
  .array(fc.constantFrom('a', 'b', 'c'), { minLength: 0, maxLength: 3 })
  .map((names) => `/${names.join('/')}`);

const value = fc.constantFrom('', '1', '2');

export const nodeRequest: fc.Arbitrary<Request> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant('write' as const), path, value }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('read', 'directory', 'mkdir', 'rm', 'getPerms'), path }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('setPerms' as const),
      path,
      permissions: fc.constantFrom([{ access: 'n', domid: 0 }] as const, [{ access: 'r', domid: 0 }] as const),
    }),
  },
);

/** Executes `requests` of one connection in order. */
export function executeAll(
  store: Store,
  connection: number,
  requests: readonly Request[],
): { readonly store: Store; readonly replies: Reply[] } {
  const replies: Reply[] = [];
  let now = store;
  for (const request of requests) {
    const outcome = execute(now, connection, request);
    now = outcome.store;
    replies.push(outcome.reply);
  }
  return { store: now, replies };
}

/** Everything a store contains, as text: the reference for its hash. */
export function contentOf(store: Store, connection: number): string {
  const nodes: string[] = [];
  const ask = (request: Request): string => JSON.stringify(execute(store, connection, request).reply);
  const visit = (at: string): void => {
    nodes.push(`${at} ${ask({ type: 'read', path: at })} ${ask({ type: 'getPerms', path: at })}`);
    const { reply } = execute(store, connection, { type: 'directory', path: at });
    if (reply.kind === 'list') for (const name of reply.names) visit(at === '/' ? `/${name}` : `${at}/${name}`);
  };
  visit('/');
  const connections = store.connections.items.map(({ id, domid, watches, pending, transactions, nextTransaction }) => [
    [id, domid, nextTransaction],
    watches.items.map(({ path, token }) => [path.text, token]),
    pending.map((event) => [event.path, event.token]),
    transactions
      .filter((open) => open.rules === 'c')
      .map((open) => [
        [open.id, open.doomed],
        open.entries.map((entry) => [
          [entry.path.text, entry.modified, entry.reach],
          entry.before?.list(),
          entry.node && [entry.node.value, entry.node.permissions.list(), entry.node.children],
        ]),
      ]),
  ]);
  const domains = store.domains.items.map(({ id: domid, introduced, shutdown, target, nodes: owned }) => [
    domid,
    introduced,
    shutdown,
    target,
    owned,
  ]);
  return JSON.stringify([nodes, connections, domains]);
}
