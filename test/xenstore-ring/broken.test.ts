/**
 * What breaks when a guest leaves out one of the rules of `frontend/xenstore-ring/rules.ts` (hazards 36, 37 and 39 of
 * the ring: a message across save and restore, leftovers at resume, watches).
 */
import t from 'tap';
import { BROKEN, type XsRules } from '../../frontend/xenstore-ring/rules.js';
import type { OracleName } from '../../simulator/world-state.js';
import type { RingPlan } from '../../simulator/xenstore-ring/toolstack.js';
import { RingWorld } from '../../simulator/xenstore-ring/world.js';
import type { DaemonName } from '../../xenstore-sim/policy.js';
import { holdsEverywhere, type ShortestFailure, shortestFailure } from '../support/explorable.js';
import { READ_A } from '../support/ring-asks.js';

const DAEMONS = ['c', 'ocaml'] as const;

function rules(name: string): XsRules {
  const found = BROKEN.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`there are no rules ${name}`);
  return found;
}

const world = (name: string, daemon: DaemonName, plan: RingPlan, writes = 1): RingWorld =>
  new RingWorld({ daemon, plan, rules: rules(name), asks: [READ_A], writes, grain: 'chunk' });

const failure = (name: string, daemon: DaemonName, oracle?: OracleName): ShortestFailure =>
  shortestFailure(world(name, daemon, 'migrate'), oracle === undefined ? undefined : [oracle]);

/** Whether `wanted` come in `steps` in this order. */
function inOrder(steps: readonly string[], wanted: readonly string[]): boolean {
  let at = 0;
  for (const step of steps) if (step === wanted[at]) at++;
  return at === wanted.length;
}

t.test('no rule is missed where the suspend is cancelled: the connection is as it was', async (t) => {
  for (const { name } of BROKEN) {
    for (const daemon of DAEMONS) t.ok(holdsEverywhere(world(name, daemon, 'cancel', 0)), `${name}, ${daemon}`);
  }
});

t.test('a guest that suspends with a request open waits for its reply for ever', async (t) => {
  for (const daemon of DAEMONS) {
    const { steps, why } = failure('suspends-with-open-requests', daemon, 'no-hang');
    t.match(why, /^the (user|kernel) waits/);
    t.ok(inOrder(steps, ['guest1.user/submit', 'guest1.xb_write/copy', 'guest1.kernel/suspend']), steps.join('\n'));
  }
});

t.test('the rest of a half written request is a header to the new daemon, and a wrong one', async (t) => {
  const { steps, why } = failure('suspends-with-open-requests', 'c', 'in-step');
  t.equal(why, 'xenstored2 has given the ring up');
  t.ok(inOrder(steps, ['guest1.xb_write/copy', 'guest1.kernel/suspend', 'guest2.xb_write/copy']), steps.join('\n'));
});

t.test('a guest that suspends inside a message takes the new daemon’s bytes for the rest of it', async (t) => {
  for (const daemon of DAEMONS) {
    const { exploration, why } = failure('suspends-inside-a-message', daemon);
    t.equal(exploration.oracle, 'in-step');
    t.equal(why, 'guest2 reads nonsense');
  }
  const { steps } = failure('suspends-inside-a-message', 'c');
  t.ok(inOrder(steps, ['guest1.xb_read/copy', 'guest1.kernel/suspend', 'guest2.xb_read/copy']), steps.join('\n'));
});

t.test('leftovers matter only where INTRODUCE leaves the indices alone', async (t) => {
  t.ok(holdsEverywhere(world('keeps-leftovers', 'c', 'migrate')));
  const { exploration, why } = failure('keeps-leftovers', 'ocaml');
  t.equal(exploration.oracle, 'in-step');
  t.equal(why, 'guest2 reads nonsense');
});

t.test('a guest that does not register its watches again misses what happens to the new store', async (t) => {
  for (const daemon of DAEMONS) {
    const { exploration, why } = failure('forgets-watches', daemon);
    t.equal(exploration.oracle, 'no-hang');
    t.equal(why, 'the guest has seen 0, the store has 1');
  }
});

t.test('a guest that drops leftovers after it has sent again drops the first new replies', async (t) => {
  for (const daemon of DAEMONS) {
    const { exploration, steps } = failure('drops-new-replies', daemon);
    t.ok(exploration.oracle === 'in-step' || exploration.oracle === 'no-hang', `${exploration.oracle}`);
    t.ok(inOrder(steps, ['guest2.kernel/syscore_resume', 'guest2.xb_write/copy', 'guest2.kernel/xs_resume']));
  }
});

t.test(
  'a guest that sends again without a reconnection leaves half a request in a ring that nobody empties',
  async (t) => {
    const options = { daemon: 'ocaml', plan: 'migrate', asks: [READ_A], writes: null, grain: 'chunk' } as const;
    const resends = { ...rules('drops-new-replies'), dropsLeftovers: false };
    t.ok(holdsEverywhere(new RingWorld({ ...options, rules: resends })));
    const world = new RingWorld({ ...options, rules: { ...resends, reconnects: false } });
    t.notOk(holdsEverywhere(world));
    t.ok(holdsEverywhere(new RingWorld({ ...options, daemon: 'c', rules: { ...resends, reconnects: false } })));
  },
);

t.test(
  'a guest that runs before it is introduced loses to C what it has put into the ring by then (hazard 38)',
  async (t) => {
    const late = { plan: 'migrate', asks: [READ_A], writes: 0, grain: 'chunk', introducesLate: true } as const;
    const { exploration, steps, why } = shortestFailure(new RingWorld({ ...late, daemon: 'c' }), ['no-hang']);
    t.equal(exploration.oracle, 'no-hang');
    t.match(why, /^the (user|kernel) waits/);
    t.ok(inOrder(steps, ['toolstack.run/unpause_first', 'guest2.xb_write/copy', 'toolstack.run/introduce_late']));
    // OCaml finds the bytes where they are, and the event of the binding makes it look.
    t.ok(holdsEverywhere(new RingWorld({ ...late, daemon: 'ocaml' })));
  },
);
