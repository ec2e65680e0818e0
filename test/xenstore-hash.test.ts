/**
 * The hash of a store is a function of its content, and tells different contents apart.
 */
import fc from 'fast-check';
import t from 'tap';
import {
  C_4_17,
  connect,
  domainCreated,
  finite,
  nextEvent,
  type Request,
  Store,
  takeEvent,
} from '../xenstore-sim/index.js';
import { contentOf, executeAll, nodeRequest, path } from './support/xenstore-random.js';

const policy = finite(C_4_17);
const { store: one, connection: a } = connect(Store.empty(policy), { domid: 0 });
const { store: fresh, connection: w } = connect(domainCreated(one, 1), { domid: 0 });

type Step = Request | 'take';

const token = fc.constantFrom('t', 'u');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(nodeRequest, fc.constantFrom(0, 0, 0, 1))
      .map(([request, transaction]) => ({ ...request, transaction })),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('watch', 'unwatch'), path, token }) },
  { weight: 1, arbitrary: fc.constant({ type: 'transactionStart' } as const) },
  { weight: 1, arbitrary: fc.constant({ type: 'transactionEnd', commit: true, transaction: 1 } as const) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { type: 'introduce', domid: 1, gfn: 1, port: 1 } as const,
      { type: 'release', domid: 1 } as const,
    ),
  },
  { weight: 3, arbitrary: fc.constant('take' as const) },
);

/** Node requests are those of client a, all others of w. */
function run(steps: readonly Step[]): Store {
  let store = fresh;
  for (const each of steps) {
    if (each === 'take') {
      if (nextEvent(store, w) !== undefined) store = takeEvent(store, w);
    } else {
      store = executeAll(store, each.type === 'watch' || each.type === 'unwatch' ? w : a, [each]).store;
    }
  }
  return store;
}

const hashOf = ({ hashLow, hashHigh }: Store): string => `${hashLow} ${hashHigh}`;

function after(...requests: Request[]): Store {
  return executeAll(fresh, a, requests).store;
}

const write = (at: string, value: string): Request => ({ type: 'write', path: at, value });

t.test('equal hashes if and only if equal contents, along random histories', async (t) => {
  const contents = new Map<string, string>();
  const hashes = new Map<string, string>();
  let again = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const store = run(steps);
      const content = contentOf(store, a);
      const hash = hashOf(store);
      if (hashes.has(content)) again++;
      const same = (hashes.get(content) ?? hash) === hash && (contents.get(hash) ?? content) === content;
      hashes.set(content, hash);
      contents.set(hash, content);
      return same;
    }),
    { numRuns: 3000, seed: 4 },
  );
  t.ok(again > 50, `the same content came again ${again} times`);
});

t.test('each half of the hash tells contents apart', async (t) => {
  const stores = Array.from({ length: 20000 }, (_, i) => after(write('/k', String(i))));
  t.equal(new Set(stores.map((store) => store.hashLow)).size > 19990, true);
  t.equal(new Set(stores.map((store) => store.hashHigh)).size > 19990, true);
});

t.test('what is restored has the old hash', async (t) => {
  const before = after(write('/k', '1'));
  t.equal(hashOf(executeAll(before, a, [write('/k', '2'), write('/k', '1')]).store), hashOf(before));
  t.equal(hashOf(executeAll(before, a, [write('/x/y', '1'), { type: 'rm', path: '/x' }]).store), hashOf(before));
  t.not(hashOf(executeAll(before, a, [write('/k', '2')]).store), hashOf(before));
});

t.test('the order of independent writes does not show, that of creation does', async (t) => {
  const made = [write('/p/x', ''), write('/q/x', '')] as const;
  const ordered = [...made, write('/p/x', '1'), write('/q/x', '2')];
  const swapped = [...made, write('/q/x', '2'), write('/p/x', '1')];
  t.equal(hashOf(after(...ordered)), hashOf(after(...swapped)));

  const [first, second] = [write('/d/x', ''), write('/d/y', '')];
  const mkdir: Request = { type: 'mkdir', path: '/d' };
  t.not(hashOf(after(mkdir, first, second)), hashOf(after(mkdir, second, first)), 'DIRECTORY tells them apart');
  const sorted = connect(Store.empty({ ...policy, childOrder: 'name' }), { domid: 0 });
  const sortedAfter = (...requests: Request[]) => hashOf(executeAll(sorted.store, sorted.connection, requests).store);
  t.equal(sortedAfter(mkdir, first, second), sortedAfter(mkdir, second, first));
});

t.test('a transaction that will fail differs from one that will not', async (t) => {
  const seen: Request[] = [
    write('/k', '1'),
    { type: 'transactionStart' },
    { type: 'read', path: '/k', transaction: 1 },
  ];
  const doomed = after(...seen, write('/k', '1'));
  t.equal(doomed.tree.hashLow, after(...seen).tree.hashLow);
  t.not(hashOf(doomed), hashOf(after(...seen)));
});

t.test('a transaction that a request broke differs from one that only stopped short of it', async (t) => {
  const small = domainCreated(Store.empty({ ...policy, quota: { ...policy.quota, transactionNodes: 2 } }), 1);
  const { store, connection } = connect(small, { domid: 1 });
  const look: Request = { type: 'read', path: '/a/b', transaction: 1 };
  const started = executeAll(store, connection, [
    { type: 'transactionStart' },
    { type: 'read', path: '/', transaction: 1 },
  ]).store;
  const broken = executeAll(started, connection, [look]);
  t.strictSame(broken.replies, [{ kind: 'error', error: 'ENOSPC' }]);
  t.not(hashOf(broken.store), hashOf(started));
});

t.test('an operation leaves the store it was given as it was', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 10 }), fc.array(step, { maxLength: 5 }), (before, more) => {
      const store = run(before);
      const content = contentOf(store, a);
      const requests = more.filter((each): each is Request => each !== 'take');
      executeAll(store, a, requests);
      executeAll(store, w, requests);
      return contentOf(store, a) === content;
    }),
    { numRuns: 300, seed: 5 },
  );
});

t.test('a request that changes nothing gives the same store', async (t) => {
  const store = after(write('/k', '1'));
  const idle: Request[] = [
    { type: 'read', path: '/k' },
    { type: 'mkdir', path: '/k' },
    { type: 'rm', path: '/none' },
    write('//', ''),
  ];
  for (const request of idle) t.equal(executeAll(store, a, [request]).store, store, request.type);
});
