/**
 * The store against models that are too simple to be wrong.
 */
import fc from 'fast-check';
import t from 'tap';
import { connect, execute, type Reply, type Request, Store } from '../xenstore-sim/index.js';
import { executeAll, nodeRequest } from './support/xenstore-random.js';

/** Values by path; children are found by looking at all keys, which are in the order of creation. */
class Model {
  readonly #values = new Map([
    ['/', ''],
    ['/tool', ''],
    ['/tool/xenstored', ''],
  ]);

  execute(request: Request): Reply | undefined {
    switch (request.type) {
      case 'read': {
        const value = this.#values.get(textOf(request.path));
        return value === undefined ? { kind: 'error', error: 'ENOENT' } : { kind: 'value', value };
      }
      case 'directory': {
        const names = [...this.#values.keys()]
          .filter((path) => path !== '/' && parentOf(path) === textOf(request.path))
          .map(nameOf);
        return this.#values.has(textOf(request.path)) ? { kind: 'list', names } : { kind: 'error', error: 'ENOENT' };
      }
      case 'write':
        this.#create(textOf(request.path));
        this.#values.set(textOf(request.path), request.value);
        return { kind: 'ok' };
      case 'mkdir':
        this.#create(textOf(request.path));
        return { kind: 'ok' };
      case 'rm':
        return this.#remove(textOf(request.path));
      default:
        return undefined;
    }
  }

  #create(path: string): void {
    if (this.#values.has(path)) return;
    this.#create(parentOf(path));
    this.#values.set(path, '');
  }

  #remove(path: string): Reply {
    if (path === '/') return { kind: 'error', error: 'EINVAL' };
    if (!this.#values.has(parentOf(path))) return { kind: 'error', error: 'ENOENT' };
    for (const other of this.#values.keys()) if (`${other}/`.startsWith(`${path}/`)) this.#values.delete(other);
    return { kind: 'ok' };
  }
}

/** The requests of these tests name their paths by text. */
function textOf(path: string | object): string {
  if (typeof path !== 'string') throw new Error('expected a path as text');
  return path;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

const { store: fresh, connection: a } = connect(Store.empty(), { domid: 0 });
const { store: both, connection: b } = connect(fresh, { domid: 0 });

t.test('any sequence of requests gives the replies of a plain map', async () => {
  fc.assert(
    fc.property(fc.array(nodeRequest, { maxLength: 40 }), (requests) => {
      const model = new Model();
      let store = fresh;
      for (const request of requests) {
        const outcome = execute(store, a, request);
        store = outcome.store;
        const expected = model.execute(request);
        if (expected !== undefined && JSON.stringify(outcome.reply) !== JSON.stringify(expected)) return false;
      }
      return true;
    }),
    { numRuns: 300, seed: 1 },
  );
});

t.test('a transaction that nobody disturbs does what its requests do outside', async (t) => {
  const requests = fc.array(nodeRequest, { maxLength: 12 });
  fc.assert(
    fc.property(requests, requests, (before, inside) => {
      const { store } = executeAll(fresh, a, before);
      const outside = executeAll(store, a, inside);
      const started = execute(store, a, { type: 'transactionStart' });
      const done = executeAll(
        started.store,
        a,
        inside.map((request) => ({ ...request, transaction: 1 })),
      );
      const ended = execute(done.store, a, { type: 'transactionEnd', commit: true, transaction: 1 });
      return (
        JSON.stringify(done.replies) === JSON.stringify(outside.replies) &&
        ended.reply.kind === 'ok' &&
        sameTree(ended.store, outside.store)
      );
    }),
    { numRuns: 400, seed: 2 },
  );
  t.pass();
});

t.test('a commit that succeeds is as if all had been done at its moment', async (t) => {
  // Each step belongs to a transaction of a, or to b outside of transactions.
  const step = fc.record({ mine: fc.boolean(), request: nodeRequest });
  const counts = { ok: 0, EAGAIN: 0 };
  fc.assert(
    fc.property(fc.array(nodeRequest, { maxLength: 6 }), fc.array(step, { maxLength: 6 }), (before, steps) => {
      let { store } = executeAll(both, b, before);
      store = execute(store, a, { type: 'transactionStart' }).store;
      const replies: Reply[] = [];
      for (const { mine, request } of steps) {
        const outcome = mine ? execute(store, a, { ...request, transaction: 1 }) : execute(store, b, request);
        store = outcome.store;
        if (mine) replies.push(outcome.reply);
      }
      const ended = execute(store, a, { type: 'transactionEnd', commit: true, transaction: 1 });
      if (ended.reply.kind === 'error') {
        counts.EAGAIN++;
        return ended.reply.error === 'EAGAIN' && sameTree(ended.store, store);
      }
      counts.ok++;
      const atOnce = executeAll(
        store,
        a,
        steps.filter(({ mine }) => mine).map(({ request }) => request),
      );
      return JSON.stringify(atOnce.replies) === JSON.stringify(replies) && sameTree(ended.store, atOnce.store);
    }),
    { numRuns: 3000, seed: 3 },
  );
  t.ok(counts.ok > 500 && counts.EAGAIN > 500, `both ends are met often: ${JSON.stringify(counts)}`);
});

function sameTree(one: Store, other: Store): boolean {
  return one.tree.hashLow === other.tree.hashLow && one.tree.hashHigh === other.tree.hashHigh;
}
