/**
 * A store that is written as a state stream and read again is the same store: it has the same records, and it answers the
 * same requests with the same replies and events.
 */
import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import {
  connect,
  domainCreated,
  domainDestroyed,
  domainShutdown,
  execute,
  finite,
  nextEvent,
  POLICIES,
  type Policy,
  type Reply,
  type Request,
  Store,
  takeEvent,
  withQuota,
} from '../../xenstore-sim/index.js';
import { dumpStore, hostDomains } from '../../xenstore-sim/state/dump.js';
import { loadStore } from '../../xenstore-sim/state/load.js';
import { readStateStream } from '../../xenstore-sim/state/read-stream.js';
import { NO_TARGET_DOMAIN, type StateStream } from '../../xenstore-sim/state/records.js';
import { writeStateStream } from '../../xenstore-sim/state/write-stream.js';
import { nodeRequest, path } from '../support/xenstore-random.js';
import { guest, Story } from '../support/xenstore-story.js';

/** Numbers of domains by number of connection: two clients of the control domain and two guests. */
const DOMIDS: readonly number[] = [0, 0, 1, 2];
const who = fc.nat(DOMIDS.length - 1);

type Step =
  | { readonly who: number; readonly request: Request }
  /** A request in the connection's `open`-th transaction. */
  | { readonly who: number; readonly request: Request; readonly open: number }
  | { readonly who: number; readonly end: boolean; readonly open: number }
  | { readonly host: 'shutdown' | 'restart'; readonly domid: number };

const relative = fc.oneof(
  path,
  path.map((text) => text.slice(1) || 'a'),
);
const request: fc.Arbitrary<Request> = fc.oneof(
  { weight: 6, arbitrary: nodeRequest },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom('watch' as const, 'unwatch' as const),
      path: fc.oneof(relative, fc.constantFrom('@releaseDomain', '@introduceDomain')),
      token: fc.constantFrom('t', 'u'),
      depth: fc.constantFrom(undefined, undefined, 0, 1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('setPerms' as const),
      // The root, if given away, would stay when its owner ends, uncounted.
      path: relative.filter((text) => text !== '/'),
      permissions: fc.constantFrom(
        [{ access: 'n', domid: 1 }] as const,
        [{ access: 'b', domid: 0 }] as const,
        [
          { access: 'n', domid: 0 },
          { access: 'r', domid: 1 },
          { access: 'b', domid: 2 },
        ] as const,
        [
          { access: 'r', domid: 0 },
          { access: 'w', domid: 9 },
        ] as const,
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Request>(
      { type: 'setPerms', path: '@releaseDomain', permissions: [{ access: 'r', domid: 0 }] },
      {
        type: 'setPerms',
        path: '@introduceDomain',
        permissions: [
          { access: 'n', domid: 0 },
          { access: 'r', domid: 1 },
        ],
      },
      { type: 'setTarget', domid: 2, target: 1 },
      { type: 'resume', domid: 1 },
      { type: 'isDomainIntroduced', domid: 2 },
    ),
  },
  { weight: 2, arbitrary: fc.constant<Request>({ type: 'transactionStart' }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ who, request }) },
  { weight: 6, arbitrary: fc.record({ who, request: nodeRequest, open: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ who, end: fc.boolean(), open: fc.nat(2) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      host: fc.constantFrom('shutdown' as const, 'restart' as const),
      domid: fc.constantFrom(1, 2),
    }),
  },
);

/** A store with everybody connected, whose tree is open to the guests. */
function begin(policy: Policy): Store {
  let store = Store.empty(policy);
  DOMIDS.forEach((domid, id) => {
    store = domid === 0 ? connect(store, { domid, id }).store : appear(store, domid, id);
  });
  const permissions = [{ access: 'b', domid: 0 }] as const;
  return execute(store, 0, { type: 'setPerms', path: '/', permissions }).store;
}

function appear(store: Store, domid: number, id: number): Store {
  const introduced = execute(domainCreated(store, domid), 0, {
    type: 'introduce',
    domid,
    gfn: 100 + domid,
    port: domid,
  }).store;
  return connect(introduced, { domid, id }).store;
}

interface Played {
  readonly store: Store;
  /** Replies, with ids of transactions left out, and events, as they were taken after each step. */
  readonly heard: readonly unknown[];
}

function play(from: Store, steps: readonly Step[]): Played {
  let store = from;
  const heard: unknown[] = [];
  for (const each of steps) {
    if ('host' in each) {
      if (each.host === 'shutdown') store = domainShutdown(store, each.domid);
      else store = appear(domainDestroyed(store, each.domid), each.domid, DOMIDS.indexOf(each.domid));
    } else {
      const asked = requestOf(store, each);
      const outcome = execute(store, each.who, asked);
      store = outcome.store;
      heard.push(asked.type === 'transactionStart' && outcome.reply.kind === 'value' ? 'started' : outcome.reply);
    }
    for (const id of DOMIDS.keys()) {
      for (let event = nextEvent(store, id); event !== undefined; event = nextEvent(store, id)) {
        heard.push([id, event.path, event.token]);
        store = takeEvent(store, id);
      }
    }
  }
  return { store, heard };
}

function requestOf(store: Store, step: Exclude<Step, { readonly host: string }>): Request {
  const open = 'open' in step ? store.connection(step.who).transactions[step.open]?.id : undefined;
  if ('end' in step) return { type: 'transactionEnd', commit: step.end, transaction: open };
  const { request } = step;
  // The others do not read a depth from the payload.
  if (request.type === 'watch' && !store.policy.watchDepth) return { ...request, depth: undefined };
  return { ...request, transaction: open };
}

const NOTHING = { input: '', output: '', partialReply: 0 };
const dump = (store: Store): StateStream => dumpStore(store, () => NOTHING);
const reload = (store: Store): Store =>
  loadStore(readStateStream(writeStateStream(dump(store))), store.policy, hostDomains(store)).store;

/** By connection, the transactions of which only the conflict is carried. */
function conflicts({ records }: StateStream): { readonly who: number; readonly transaction: number }[] {
  return records.flatMap((record) =>
    record.type === 'NODE_DATA' && record.path === '/' && record.connection !== 0 && record.permissions.length === 0
      ? [{ who: record.connection - 1, transaction: record.transaction }]
      : [],
  );
}

const end = (
  store: Store,
  each: { readonly who: number; readonly transaction: number },
  commit: boolean,
): { store: Store; reply: Reply } =>
  execute(store, each.who, { type: 'transactionEnd', commit, transaction: each.transaction });

/** Long enough for transactions to meet. */
const history = fc.array(step, { maxLength: 60, size: 'max' });
/** At the end, whatever is open is committed. */
const COMMITS: readonly Step[] = [...DOMIDS.keys()].flatMap((id) =>
  [0, 0, 0].map((open) => ({ who: id, end: true, open })),
);
const few = fc.array(step, { maxLength: 16, size: 'max' }).map((steps) => [...steps, ...COMMITS]);

for (const policy of Object.values(POLICIES)) {
  t.test(`${policy.name}: what is loaded has the same records`, async () => {
    fc.assert(
      fc.property(history, (steps) => {
        const { store } = play(begin(policy), steps);
        deepStrictEqual(dump(reload(store)), dump(store));
      }),
    );
  });

  t.test(`${policy.name}: what is loaded answers and tells the same`, async (t) => {
    const carried = { exactly: 0, asConflict: 0 };
    fc.assert(
      fc.property(history, few, (steps, more) => {
        let { store } = play(begin(withQuota(policy, { nodes: 12 })), steps);
        let loaded = reload(store);
        const open = store.connections.items.reduce((sum, { transactions }) => sum + transactions.length, 0);
        const lost = conflicts(dump(store));
        carried.exactly += open - lost.length;
        carried.asConflict += lost.length;
        for (const each of lost) {
          store = end(store, each, false).store;
          loaded = end(loaded, each, false).store;
        }
        deepStrictEqual(play(loaded, more).heard, play(store, more).heard);
      }),
      { numRuns: 300 },
    );
    t.ok(carried.exactly > (policy.rules === 'c' ? carried.asConflict : 0), JSON.stringify(carried));
  });

  t.test(`${policy.name}: what is loaded is the same state, where states can be compared`, async () => {
    fc.assert(
      fc.property(history, (steps) => {
        let { store } = play(begin(finite(policy)), steps);
        for (const each of conflicts(dump(store))) store = end(store, each, false).store;
        const loaded = reload(store);
        deepStrictEqual([loaded.hashLow, loaded.hashHigh], [store.hashLow, store.hashHigh]);
      }),
    );
  });

  t.test(`${policy.name}: a transaction of which only the conflict is carried fails with EAGAIN`, async (t) => {
    let seen = 0;
    fc.assert(
      fc.property(history, few, (steps, more) => {
        const { store } = play(begin(policy), steps);
        const inside = more.filter((each) => 'open' in each && !('end' in each));
        const { store: later } = play(reload(store), inside);
        for (const each of conflicts(dump(store))) {
          seen++;
          deepStrictEqual(end(later, each, true).reply, { kind: 'error', error: 'EAGAIN' });
        }
      }),
    );
    t.ok(seen > 10, `${seen} conflicts`);
  });
}

/** Requests of one transaction, and whether it is carried as it is. */
const TRANSACTIONS: readonly (readonly [exactly: boolean, requests: readonly string[]])[] = [
  [true, []],
  [true, ['read /s/b']],
  [true, ['read /none/below']],
  [true, ['directory /s']],
  [true, ['write /s/b other']],
  [true, ['write /s/b v']],
  [true, ['write /new/deep/node v']],
  [true, ['mkdir /s/b/below']],
  [true, ['setPerms /s/c r0']],
  [true, ['rm /s']],
  [true, ['write /new v', 'rm /new']],
  [true, ['rm /s/b', 'write /s/z v', 'write /s/y v']],
  // That the first removal is told to those above, too.
  [false, ['rm /s/b', 'rm /s']],
  // The removed child comes back at the end of the list, which no record tells.
  [false, ['rm /s/b', 'write /s/b v']],
];

for (const policy of Object.values(POLICIES)) {
  if (policy.rules !== 'c') continue;
  t.test(`${policy.name}: which transactions are carried as they are, and what they do at commit`, async (t) => {
    for (const [exactly, requests] of TRANSACTIONS) {
      const story = new Story(policy);
      for (const line of [
        'write /s/b v',
        'write /s/b/x v',
        'write /s/c v',
        'watch / t',
        'watch /s/b/x u',
        'transactionStart',
      ]) {
        t.match(story.play('a', line), /^OK$|^"1"$/, line);
      }
      story.play('a', 'events');
      for (const line of requests) story.play('a', `#1 ${line}`);
      const what = requests.join(', ');
      t.equal(conflicts(dump(story.store)).length, exactly ? 0 : 1, what);
      const loaded = new Story(policy);
      loaded.store = reload(story.store);
      t.equal(loaded.play('a', '#1 commit'), exactly ? 'OK' : 'EAGAIN', what);
      if (!exactly) continue;
      story.play('a', '#1 commit');
      t.equal(loaded.play('a', 'events'), story.play('a', 'events'), what);
      t.strictSame(dump(loaded.store), dump(story.store), what);
    }
  });
}

t.test('ids of transactions go on above those that are open', async (t) => {
  const story = new Story(POLICIES.c);
  story.tell(t, [
    ['a', 'transactionStart', '"1"'],
    ['a', 'transactionStart', '"2"'],
    ['a', '#1 abort'],
  ]);
  story.store = reload(story.store);
  story.tell(t, [['a', 'transactionStart', '"3"']]);
});

t.test('a transaction that a quota has broken does not succeed after the change of daemons', async (t) => {
  const story = new Story(withQuota(POLICIES.c, { transactionNodes: 2 }));
  story.tell(t, [
    ...guest(1),
    ['g1', 'transactionStart', '"1"'],
    ['g1', '#1 write k v'],
    ['g1', '#1 read l', 'ENOSPC'],
  ]);
  story.store = reload(story.store);
  story.tell(t, [
    ['g1', '#1 commit', 'EAGAIN'],
    ['g1', 'read k', 'ENOENT'],
  ]);
});

t.test('an entry for a number that no domain can have is carried as one for nobody', async (t) => {
  const story = new Story(POLICIES.c);
  story.tell(t, [
    ['a', 'write /x v'],
    ['a', 'setPerms /x n0 r4294967295'],
  ]);
  story.store = reload(story.store);
  story.tell(t, [['a', 'getPerms /x', `n0 r${NO_TARGET_DOMAIN}`]]);
});
