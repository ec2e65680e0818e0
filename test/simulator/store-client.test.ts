import fc from 'fast-check';
import t from 'tap';
import { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { StoreClient, type StoreOperation } from '../../simulator/store-client.js';
import { StoreValue, StoreValues } from '../../simulator/store-value.js';
import { C_4_17, finite, Store } from '../../xenstore-sim/index.js';
import { contentOf } from '../support/xenstore-random.js';

const EMPTY = Store.empty(finite(C_4_17));
/** Connections: the toolstack's, and one of each of two guests. */
const CLIENTS = [
  { name: 'toolstack', id: 1, domid: 0 },
  { name: 'guest5', id: 2, domid: 5 },
  { name: 'guest6', id: 3, domid: 6 },
] as const;
const HOSTS = 2;

/** Remembers no store, so that every outcome is computed. */
class Forgetful extends StoreValues {
  override of(store: Store): StoreValue {
    return new StoreValue(store);
  }
}

/** One call, of a client of a host. */
interface Call {
  readonly host: number;
  readonly who: number;
  readonly label: string;
  readonly run: (client: StoreClient) => unknown;
}

const path = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('/a', '/local/domain/5/own') },
  { weight: 1, arbitrary: fc.constantFrom('/a/b', 'own', '//bad', '@releaseDomain') },
);
const value = fc.constantFrom('', '1', '2');
const token = fc.constantFrom('t', 'u');
const domid = fc.constantFrom(5, 6);
const permissions = fc.constantFrom(['n0'], ['n0', 'b5'], ['b5'], ['n6', 'r5'], ['x']);

type Action = Pick<Call, 'label' | 'run'>;
const action = (label: string, run: (client: StoreClient) => unknown): Action => ({ label, run });

const request: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: path.map((at) => action(`read ${at}`, (client) => client.read(at))) },
  { weight: 1, arbitrary: path.map((at) => action(`list ${at}`, (client) => client.list(at))) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(path, value)
      .map(([at, text]) => action(`write ${at} '${text}'`, (client) => client.write(at, text))),
  },
  { weight: 1, arbitrary: path.map((at) => action(`mkdir ${at}`, (client) => client.mkdir(at))) },
  { weight: 2, arbitrary: path.map((at) => action(`rm ${at}`, (client) => client.remove(at))) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(path, permissions)
      .map(([at, list]) => action(`perms ${at} ${list}`, (client) => client.setPermissions(at, list))),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(path, token).map(([at, mark]) => action(`watch ${at}`, (client) => client.watch(at, mark))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(path, token).map(([at, mark]) => action(`unwatch ${at}`, (client) => client.unwatch(at, mark))),
  },
);

const transaction: fc.Arbitrary<Action> = fc.array(request, { maxLength: 4 }).map((all) =>
  action(`transaction(${all.map(({ label }) => label)})`, (client) => {
    const answers: unknown[] = [];
    client.transaction(() => {
      for (const { run } of all) answers.push(run(client));
    });
    return answers;
  }),
);

/** What conditions look at: in no transaction, where even a read would leave a trace. */
const event: fc.Arbitrary<Action> = fc.oneof(
  path.map((at) => action(`peek ${at}`, (client) => client.peek(at))),
  path.map((at) => action(`peek ${at}`, (client) => client.peek(at))),
  fc.constant(action('has event', (client) => client.hasEvent)),
  fc.constant(action('next event', (client) => client.hasEvent && client.nextEvent())),
  fc.constant(action('take event', (client) => client.hasEvent && client.takeEvent())),
  fc.constant(action('take events', (client) => client.takeEvents())),
  fc.constant(action('connected', (client) => client.connected)),
);

/** What the toolstack and the hypervisor do, and what happens to a guest's connection. */
const outside: fc.Arbitrary<Action> = fc.oneof(
  domid.map((each) => action(`created ${each}`, (client) => client.domainCreated(each))),
  domid.map((each) => action(`shutdown ${each}`, (client) => client.domainShutdown(each))),
  domid.map((each) => action(`destroyed ${each}`, (client) => client.domainDestroyed(each))),
  domid.map((each) => action(`introduce ${each}`, (client) => client.introduce(each))),
  domid.map((each) => action(`resume ${each}`, (client) => client.resumeDomain(each))),
  fc.constant(action('reconnect', (client) => client.name !== 'toolstack' && reconnect(client))),
);

function reconnect(client: StoreClient): void {
  if (client.connected) client.disconnect();
  else client.connect();
}

const call: fc.Arbitrary<Call> = fc
  .tuple(
    fc.nat(HOSTS - 1),
    fc.nat(CLIENTS.length - 1),
    fc.oneof(
      { weight: 12, arbitrary: request },
      { weight: 3, arbitrary: transaction },
      { weight: 6, arbitrary: event },
      { weight: 3, arbitrary: outside },
    ),
  )
  .map(([host, who, { label, run }]) => ({ host, who, label: `${host}.${who} ${label}`, run }));

/** A few calls, done in an order in which each comes many times; -1 goes back to an earlier state. */
const story = fc.tuple(
  fc.array(call, { minLength: 3, maxLength: 6, size: 'max' }),
  fc.array(fc.oneof({ weight: 3, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.constant(-1) }), {
    minLength: 20,
    maxLength: 60,
    size: 'max',
  }),
);

/** What the call gave, or what it threw, as text. */
function outcome(client: StoreClient, { run }: Call): string {
  try {
    return JSON.stringify(run(client)) ?? 'nothing';
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string };
    return `${name} ${code} ${message}`;
  }
}

interface Machine {
  readonly memory: JournaledMemory;
  readonly client: (host: number, who: number) => StoreClient;
  readonly store: (host: number) => Store;
}

function machine(stores: readonly Store[], values: StoreValues): Machine {
  const memory = new JournaledMemory(1);
  const cells = stores.map((store) => memory.addCell(values.of(store)));
  const clients = cells.map((cell) => CLIENTS.map((place) => new StoreClient(memory, { ...place, cell, values })));
  return {
    memory,
    client: (host, who) => (clients[host] as StoreClient[])[who] as StoreClient,
    store: (host) => (memory.cell(cells[host] as number) as StoreValue).store,
  };
}

/** The stores of the hosts, their toolstacks and guests connected. */
function begin(): Store[] {
  return Array.from({ length: HOSTS }, () => {
    const { client, store } = machine([EMPTY], new Forgetful());
    client(0, 0).connect();
    for (const [who, guest] of CLIENTS.entries()) {
      if (who === 0) continue;
      const home = `/local/domain/${guest.domid}`;
      client(0, 0).domainCreated(guest.domid);
      client(0, 0).introduce(guest.domid);
      client(0, 0).mkdir(home);
      client(0, 0).setPermissions(home, [`n${guest.domid}`]);
      client(0, who).connect();
    }
    return store(0);
  });
}

t.test('an outcome that is remembered is the one that would be computed, over any requests and undo', async (t) => {
  const start = begin();
  let computed = 0;
  fc.assert(
    fc.property(story, ([calls, order]) => {
      const { memory, client, store } = machine(start, new StoreValues());
      let expected: readonly Store[] = start;
      const past: { length: number; low: number; high: number; stores: readonly Store[] }[] = [];
      for (const choice of order) {
        if (choice < 0) {
          const back = past[past.length >> 1];
          past.length >>= 1;
          if (back === undefined) continue;
          memory.undo(back.length, back.low, back.high);
          expected = back.stores;
        } else {
          past.push({
            length: memory.journalLength,
            low: memory.hashLow,
            high: memory.hashHigh,
            stores: expected,
          });
          const next = calls[choice % calls.length] as Call;
          const fresh = machine(expected, new Forgetful());
          const wanted = outcome(fresh.client(next.host, next.who), next);
          const found = outcome(client(next.host, next.who), next);
          if (found !== wanted) throw new Error(`${next.label}: expected ${wanted}, found ${found}`);
          expected = start.map((_, host) => fresh.store(host));
          computed++;
        }
        for (const [host, wanted] of expected.entries()) {
          const found = store(host);
          if (found.hashLow !== wanted.hashLow || found.hashHigh !== wanted.hashHigh) return false;
        }
      }
      return expected.every((wanted, host) => contentOf(store(host), 1) === contentOf(wanted, 1));
    }),
    { numRuns: 800 },
  );
  t.ok(computed > 10_000, `${computed} calls`);
});

/** One host, its toolstack and guest 5. */
function pair() {
  const values = new StoreValues();
  const { memory, client, store } = machine(begin().slice(0, 1), values);
  return { memory, store: () => store(0), toolstack: client(0, 0), guest: client(0, 1) };
}

t.test('a request seen before leads to the very same value, and is not executed again', async (t) => {
  const { memory, store, toolstack } = pair();
  toolstack.write('/a', '1');
  const one = store();
  memory.undo(0, 0, 0);
  toolstack.write('/a', '1');
  t.equal(store(), one, 'after undo');
  toolstack.write('/a', '2');
  toolstack.write('/a', '1');
  t.equal(store(), one, 'and by another way');
});

t.test('a request that the store refuses is a fault of the driver, each time it is made', async (t) => {
  const { memory, store, toolstack, guest } = pair();
  toolstack.write('/secret', 'x');
  toolstack.watch('/a', 't');
  const before = store();
  const { journalLength } = memory;
  const refused: readonly (readonly [() => void, string])[] = [
    [() => guest.write('/secret', 'y'), 'guest5: xenstore refuses WRITE /secret y with EACCES'],
    [() => guest.read('/secret'), 'guest5: xenstore refuses READ /secret  with EACCES'],
    [() => guest.peek('/secret'), 'guest5: xenstore refuses READ /secret  with EACCES'],
    [() => guest.list('/secret'), 'guest5: xenstore refuses DIRECTORY /secret  with EACCES'],
    [() => guest.mkdir('/new'), 'guest5: xenstore refuses MKDIR /new  with EACCES'],
    [() => guest.introduce(6), 'guest5: xenstore refuses INTRODUCE  6 with EACCES'],
    [() => toolstack.watch('/a', 't'), 'toolstack: xenstore refuses WATCH /a t with EEXIST'],
    [() => toolstack.unwatch('/b', 't'), 'toolstack: xenstore refuses UNWATCH /b t with ENOENT'],
    [() => toolstack.setPermissions('/none', ['n0']), 'toolstack: xenstore refuses SET_PERMS /none n0 with ENOENT'],
    [() => toolstack.resumeDomain(77), 'toolstack: xenstore refuses RESUME  77 with ENOENT'],
    [() => toolstack.setPermissions('/secret', ['z0']), 'malformed permission z0'],
  ];
  for (let round = 1; round <= 2; round++) {
    for (const [ask, message] of refused)
      t.throws(ask, { name: 'QuiesceError', code: 'DRIVER_FAULT', message }, `${message}, time ${round}`);
  }
  t.equal(store(), before, 'and changes nothing');
  t.equal(memory.journalLength, journalLength);
});

t.test('a node that is missing is an answer', async (t) => {
  const { store, toolstack, guest } = pair();
  const before = store();
  for (let round = 1; round <= 2; round++) {
    t.equal(toolstack.read('/none'), null);
    t.equal(toolstack.peek('/none'), null);
    t.equal(toolstack.list('/none'), null);
    toolstack.remove('/local/none');
    t.equal(guest.read('none'), null);
  }
  t.equal(store(), before);
});

t.test('a transaction takes effect at its end, and its requests are told from those outside', async (t) => {
  const { memory, toolstack, guest } = pair();
  toolstack.write('/local/domain/5/x', '1');
  toolstack.setPermissions('/local/domain/5/x', ['n5']);
  const { journalLength, hashLow, hashHigh } = memory;
  for (let round = 1; round <= 2; round++) {
    toolstack.transaction(() => {
      toolstack.write('/local/domain/5/x', '2');
      t.equal(toolstack.read('/local/domain/5/x'), '2', 'inside');
      t.equal(guest.read('x'), '1', 'outside, before its end');
    });
    t.equal(guest.read('x'), '2');
    memory.undo(journalLength, hashLow, hashHigh);
    t.equal(guest.read('x'), '1');
  }
});

t.test('of a transaction with a fault in it nothing is left in the nodes, and the client goes on', async (t) => {
  const { toolstack, guest } = pair();
  const body = (): void => {
    guest.write('x', '1');
    for (let round = 1; round <= 2; round++) t.equal(guest.read('x'), '1', 'inside');
    guest.write('/not/mine', '1');
  };
  t.throws(() => guest.transaction(body), { code: 'DRIVER_FAULT' });
  t.equal(guest.read('x'), null);
  t.equal(toolstack.read('/local/domain/5/x'), null);
  guest.write('x', '2');
  t.equal(toolstack.read('/local/domain/5/x'), '2');
});

t.test('the value of a store is forgotten when there are too many, and nothing is lost by that', async (t) => {
  const { memory, toolstack } = pair();
  toolstack.watch('/n', 't');
  toolstack.takeEvents();
  const places: { length: number; low: number; high: number }[] = [];
  const count = 5000;
  for (let i = 0; i < count; i++) {
    places.push({ length: memory.journalLength, low: memory.hashLow, high: memory.hashHigh });
    toolstack.write('/n', String(i));
    toolstack.takeEvents();
  }
  let wrong = 0;
  for (const [i, { length, low, high }] of [...places.entries()].reverse()) {
    memory.undo(length, low, high);
    if (toolstack.read('/n') !== (i === 0 ? null : String(i - 1))) wrong++;
    if (toolstack.hasEvent) wrong++;
    toolstack.write('/n', String(i));
    if (toolstack.read('/n') !== String(i) || !toolstack.hasEvent) wrong++;
  }
  t.equal(wrong, 0);
});

t.test('a condition sees each change, and each undoing of it, at once', async (t) => {
  const { memory, toolstack, guest } = pair();
  const seen = (): unknown[] => [guest.peek('x'), guest.peek('x'), guest.peek('y'), toolstack.peek('x')];
  t.strictSame(seen(), [null, null, null, null]);
  guest.write('x', '1');
  t.equal(guest.peek('x'), '1');
  const { journalLength, hashLow, hashHigh } = memory;
  guest.write('x', '2');
  t.equal(guest.peek('x'), '2');
  memory.undo(journalLength, hashLow, hashHigh);
  t.equal(guest.peek('x'), '1');
  t.strictSame(seen(), ['1', '1', null, null], 'paths are those of the client');
});

t.test('watch events wait until they are taken, each by its own client', async (t) => {
  const { memory, toolstack, guest } = pair();
  guest.watch('x', 'mark');
  t.ok(guest.hasEvent, 'a watch fires when it is set');
  guest.takeEvents();
  t.notOk(guest.hasEvent);
  const { journalLength, hashLow, hashHigh } = memory;
  toolstack.write('/local/domain/5/x', '1');
  t.strictSame([guest.hasEvent, toolstack.hasEvent], [true, false]);
  t.match(guest.nextEvent(), { path: 'x', token: 'mark' });
  memory.undo(journalLength, hashLow, hashHigh);
  t.notOk(guest.hasEvent, 'undone with the store');
});

t.test('a listener is told of every request but peeks, with what was read', async (t) => {
  const { toolstack } = pair();
  const heard: StoreOperation[] = [];
  toolstack.listener = (operation) => void heard.push(operation);
  toolstack.write('/a', '1');
  toolstack.peek('/a');
  toolstack.read('/a');
  toolstack.read('/none');
  toolstack.transaction(() => toolstack.remove('/a'));
  toolstack.setPermissions('/tool', ['n0', 'r5']);
  toolstack.listener = null;
  toolstack.mkdir('/b');
  t.strictSame(
    heard.map(({ operation, path: at, value: text }) => [operation, at, text].join(' ')),
    [
      'WRITE /a 1',
      'READ /a 1',
      'READ /none ',
      'TRANSACTION_START  ',
      'RM /a ',
      'TRANSACTION_END  T',
      'SET_PERMS /tool n0 r5',
    ],
  );
  t.ok(heard.every(({ client }) => client === 'toolstack'));
});
