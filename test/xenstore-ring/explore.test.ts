/**
 * A guest talks with its xenstored through a small ring while it is suspended, resumed in place, restored or migrated:
 * every order of the steps of both, from every index.
 */
import t from 'tap';
import { LINUX, RESENDS } from '../../frontend/xenstore-ring/rules.js';
import { RingWorld, type RingWorldOptions } from '../../simulator/xenstore-ring/world.js';
import { holdsEverywhere, visitStates } from '../support/explorable.js';
import { READ_A, TRANSACTION } from '../support/ring-worlds.js';

const DAEMONS = ['c', 'ocaml'] as const;
const PLANS = ['none', 'cancel', 'restore', 'migrate'] as const;

const world = (options: Partial<RingWorldOptions>): RingWorld =>
  new RingWorld({ daemon: 'c', plan: 'none', asks: [READ_A], writes: null, grain: 'chunk', ...options });

t.test(
  'every byte, index and event is a step of its own: a request and its reply come through whatever happens',
  async (t) => {
    for (const daemon of DAEMONS) {
      for (const plan of PLANS) {
        for (const rules of [LINUX, RESENDS]) {
          for (const ringBytes of rules === LINUX ? [1, 4, 16] : [8, 16]) {
            const name = `${daemon}, ${plan}, ${rules.name}, ring of ${ringBytes}`;
            t.ok(holdsEverywhere(world({ daemon, plan, rules, ringBytes, grain: 'fine' })), name);
          }
        }
      }
    }
  },
);

t.test('watch events come unasked, the handler asks back, and the last change is always seen', async (t) => {
  for (const daemon of DAEMONS) {
    for (const plan of PLANS) {
      t.ok(holdsEverywhere(world({ daemon, plan, writes: 1 })), `${daemon}, ${plan}: with a user that asks`);
      t.ok(
        holdsEverywhere(world({ daemon, plan, writes: 2, asks: [], rules: RESENDS })),
        `${daemon}, ${plan}: resends`,
      );
    }
  }
});

t.test('the same in the finest steps', async (t) => {
  for (const plan of ['cancel', 'migrate'] as const) {
    for (const daemon of DAEMONS) {
      t.ok(holdsEverywhere(world({ daemon, plan, writes: 1, asks: [], grain: 'fine' })), `${daemon}, ${plan}`);
    }
  }
});

t.test('it does not matter at which index a ring stands, nor that indices wrap at 2^32', async (t) => {
  for (const daemon of DAEMONS) {
    for (const rules of [LINUX, RESENDS]) {
      for (let offset = 0; offset < 16; offset++) {
        for (const startIndex of [offset, 2 ** 32 - 32 + offset]) {
          const name = `${daemon}, ${rules.name}, from ${startIndex}`;
          t.ok(holdsEverywhere(world({ daemon, rules, plan: 'migrate', startIndex })), name);
        }
      }
      for (const startIndex of [2 ** 32 - 17, 2 ** 32 - 1]) {
        const name = `${daemon}, ${rules.name}, from ${startIndex}`;
        t.ok(holdsEverywhere(world({ daemon, rules, plan: 'cancel', startIndex, writes: 0 })), name);
        t.ok(holdsEverywhere(world({ daemon, rules, plan: 'none', startIndex, writes: 1 })), name);
      }
    }
  }
});

t.test('an event after every chunk is enough too', async (t) => {
  const rules = { ...LINUX, notifiesSparingly: false };
  for (const plan of PLANS) {
    t.ok(holdsEverywhere(world({ plan, rules, writes: 1, asks: [] })), `${plan}: events`);
    t.ok(holdsEverywhere(world({ plan, rules, ringBytes: 4, grain: 'fine' })), `${plan}: requests`);
  }
});

t.test('a suspend waits for the end of a transaction; one that is lost is begun anew', async (t) => {
  for (const daemon of DAEMONS) {
    const strict = TRANSACTION.map((ask) => ({ ...ask, mayBeLost: false }));
    t.ok(holdsEverywhere(world({ daemon, plan: 'migrate', asks: strict })), `${daemon}: linux`);
    t.ok(
      holdsEverywhere(world({ daemon, plan: 'cancel', asks: strict, rules: RESENDS })),
      `${daemon}: resends, cancelled`,
    );
    t.ok(holdsEverywhere(world({ daemon, plan: 'migrate', asks: TRANSACTION, rules: RESENDS })), `${daemon}: resends`);
    t.notOk(holdsEverywhere(world({ daemon, plan: 'migrate', asks: strict, rules: RESENDS })), 'it can be lost');
  }
});

t.test('a guest that resends is suspended, and saved, at every byte of a request and of a reply', async (t) => {
  const small = world({ plan: 'migrate', rules: RESENDS, ringBytes: 1 });
  const [source] = small.guests;
  const [daemon] = small.daemons;
  const guestWritten = new Set<number>();
  const guestRead = new Set<number>();
  const daemonRead = new Set<number>();
  const daemonWritten = new Set<number>();
  visitStates(small, () => {
    if (source?.suspended !== true || daemon === undefined) return;
    const { state } = source.ring;
    if (state.writing > 0) guestWritten.add(state.written);
    guestRead.add(state.read);
    daemonRead.add(daemon.state.in_used);
    daemonWritten.add(daemon.state.out_sent);
  });
  const range = (first: number, last: number): number[] =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const sorted = (set: Set<number>): number[] => [...set].sort((one, other) => one - other);
  // READ of `a` is 16 + 2 bytes, its reply 16 + 1. A whole one is handled at once, and writing begins with a byte.
  t.strictSame(sorted(guestWritten), range(1, 17));
  t.strictSame(sorted(daemonRead), range(0, 17));
  t.strictSame(sorted(daemonWritten), range(0, 16));
  t.strictSame(sorted(guestRead), range(0, 16));
});

t.test('Linux is suspended with nothing open, but half an event may lie in the ring', async (t) => {
  const small = world({ plan: 'migrate', writes: 1, asks: [] });
  const [source] = small.guests;
  const [daemon] = small.daemons;
  let open = 0;
  const halves = new Set<number>();
  visitStates(small, () => {
    if (source?.suspended !== true || daemon === undefined) return;
    const { state, replies } = source.ring;
    if (state.users > 0 || state.writing > 0 || state.read > 0) open++;
    if (replies.waiting() > 0 && daemon.state.out_length > 0) halves.add(daemon.state.out_sent);
  });
  t.equal(open, 0);
  t.ok(halves.size > 0);
  // The event is `w|t|`, 16 + 4 bytes.
  for (const half of halves) t.ok(half > 0 && half < 20);
});
