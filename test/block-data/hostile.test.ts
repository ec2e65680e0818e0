/**
 * Ends of a block pair that lie, beside the rows of `scenarios/block-hostile.ts`: what the sanitizers see that nothing else
 * does, what they do not see, and what an end does that notices.
 */
import t from 'tap';
import { LINUX_BACK } from '../../backend/blkback/rules.js';
import { LINUX } from '../../frontend/blkfront/rules.js';
import { FLUSH, read, write } from '../../frontend/blkfront/user.js';
import { believingBack, believingFront } from '../../scenarios/block-hostile.js';
import type { TrustingBlkback } from '../../scenarios/hazards/designs/trusting-blkback.js';
import type { TrustingBlkfront } from '../../scenarios/hazards/designs/trusting-blkfront.js';
import { BlockWorld, type BlockWorldOptions } from '../../simulator/block-data/world.js';
import { explore } from '../../simulator/explore/explore.js';
import { oracleBit } from '../../simulator/world-state.js';
import { BlockRun } from '../support/block-run.js';
import { shortestFailure } from '../support/explorable.js';

const HONEST: BlockWorldOptions = { plan: 'none', frontend: LINUX, operations: [write(0), FLUSH, read(0)] };

/** Names of what an end that stores what it likes can do now. */
function deeds(options: BlockWorldOptions): readonly string[] {
  return new BlockRun(options).possible.filter((name) => name.startsWith('fault/'));
}

t.test('a hostile frontend stores into every field that it shares, and a hostile backend too', async (t) => {
  const ring = ['req_prod', 'rsp_prod', 'req_event', 'rsp_event'];
  const entry = ['operation', 'nr_segments', 'id', 'sector_number', 'gref', 'first_sect', 'last_sect'];
  const entries = [0, 1].flatMap((number) => entry.map((field) => `entry ${number}: ${field}`));
  const front = deeds({ ...HONEST, hostile: 'frontend' });
  const grants = [8, 9].flatMap((ref) => ['flags', 'domid', 'frame'].map((field) => [field, `grant ${ref}`] as const));
  for (const field of [...ring, ...entries])
    t.ok(
      front.some((name) => name.startsWith(`fault/guest1 stores ${field}`)),
      `frontend, ${field}`,
    );
  for (const [field, where] of grants)
    t.ok(
      front.some((name) => name.includes(` stores ${field}=`) && name.endsWith(where)),
      `frontend, ${field} of ${where}`,
    );
  for (const node of ['ring-ref', 'event-channel', 'protocol', 'state'])
    t.ok(front.includes(`fault/guest1 writes ${node}=''`), `frontend, ${node}`);
  const back = deeds({ ...HONEST, hostile: 'backend' });
  const response = ['id', 'id, high', 'operation'].map((field) => `response ${field}`);
  const answers = [0, 1].flatMap((number) => [...response, 'status'].map((field) => `entry ${number}: ${field}`));
  for (const field of [...ring, ...entries, ...answers])
    t.ok(
      back.some((name) => name.startsWith(`fault/blkback1 stores ${field}`)),
      `backend, ${field}`,
    );
  for (const node of ['state', 'sectors', 'sector-size'])
    t.ok(
      back.some((name) => name.startsWith(`fault/blkback1 writes ${node}=`)),
      `backend, ${node}`,
    );
  t.strictSame(deeds(HONEST), [], 'and an honest one into none');
});

t.test('a store that nobody was to make is made once, and again where there is budget for it', async (t) => {
  for (const hostileStores of [1, 2]) {
    const run = new BlockRun({ ...HONEST, hostile: 'frontend', hostileStores });
    for (let left = hostileStores; left > 0; left--) run.take('fault/guest1 stores rsp_event=0 in ring page 0');
    t.notOk(run.possible.some((name) => name.startsWith('fault/')));
  }
});

/** Designs that only a sanitizer sees: with the peer honest, where they fail, and at what they were caught. */
const SANITIZED: readonly (readonly [name: string, options: BlockWorldOptions, fault: RegExp, step: string])[] = [
  ['blkback', believingBack('looks-in-place'), /^guest1 ring page \d: byte 64 is loaded twice/, 'blkback1.serve/take'],
  [
    'blkfront',
    believingFront('looks-in-place'),
    /^guest1 ring page \d: byte 64 is loaded twice/,
    'guest1.blkfront.receive/take',
  ],
];

for (const [who, options, fault, step] of SANITIZED) {
  t.test(`a ${who} that looks at an entry in place is caught without any lie, and only by the sanitizer`, async (t) => {
    const { hostile: _, ...honest } = options;
    const world = new BlockWorld(honest);
    const { exploration, why, steps } = shortestFailure(world);
    t.equal(exploration.oracle, 'stray-memory');
    t.match(why, fault);
    t.equal(steps.at(-1), step);
    t.match(explore(new BlockWorld({ ...options, sanitize: false }), { order: 'dfs' }), {
      holds: true,
      complete: true,
    });
  });
}

t.test('a second copy in a later step is no double load in one: a lie between them shows it', async (t) => {
  const { hostile: _, ...honest } = believingBack('reads-again');
  t.match(explore(new BlockWorld(honest), { order: 'dfs' }), { holds: true, complete: true });
});

t.test('who believes the producer is seen at the first entry that is none', async (t) => {
  const ends: readonly (readonly [BlockWorldOptions, store: RegExp])[] = [
    [believingBack('believes-the-producer'), /guest1 stores req_prod\+=3 in/],
    [believingFront('believes-the-producer'), /blkback1 stores rsp_prod\+=3 in/],
  ];
  for (const [options, store] of ends) {
    const { why, steps } = shortestFailure(new BlockWorld(options));
    t.match(why, /takes an entry that a producer beyond the ring offers$/);
    t.equal(steps.filter((step) => step.startsWith('fault/')).length, 1);
    t.ok(
      steps.some((step) => store.test(step)),
      steps.join(', '),
    );
    const { hostile: _, ...honest } = options;
    t.match(explore(new BlockWorld(honest), { order: 'dfs' }), { holds: true, complete: true });
  }
});

t.test('without the sanitizer a backend that believes the producer goes on for ever', async (t) => {
  // Half way round the indices there are 2^31 entries to take.
  const back = { ...believingBack('believes-the-producer'), sanitize: false };
  t.match(explore(new BlockWorld(back), { order: 'dfs', maxStates: 20_000 }), { oracle: null, complete: false });
  const front = { ...believingFront('believes-the-producer'), sanitize: false };
  const found = explore(new BlockWorld(front), { order: 'dfs' });
  t.match(found, { oracle: null, complete: true }, 'a frontend stops at a number that is none');
});

t.test(
  'no end is accused that attaches to a ring in use, takes many entries in one step, or two in any order',
  async (t) => {
    const some: readonly BlockWorldOptions[] = [
      HONEST,
      { ...HONEST, backend: LINUX_BACK, user: 'streams', operations: [write(0), write(1), write(2)], grain: 'coarse' },
      { ...HONEST, plan: 'restore', operations: [write(0), FLUSH], grain: 'coarse' },
      { ...HONEST, plan: 'destroy', grain: 'coarse' },
      { ...HONEST, kills: 1, killsBetween: 'steps', backend: { ...LINUX_BACK, depth: 1, notifiesOnConnect: true } },
    ];
    for (const options of some) {
      const made = { ...options, sanitize: true };
      const found = explore(new BlockWorld(made), { order: 'dfs' });
      t.match(
        { ...found, choices: null },
        { holds: true, complete: true, fault: null },
        `${options.plan} ${options.kills}`,
      );
    }
  },
);

t.test('what an end does to itself by lying does not count', async (t) => {
  const fronts: readonly TrustingBlkfront[] = [
    'believes-the-producer',
    'believes-the-number',
    'ends-what-the-page-says',
  ];
  for (const name of fronts) {
    const options = { ...believingFront(name), hostile: 'frontend' } as const;
    const found = explore(new BlockWorld(options), { order: 'dfs', maxStates: 5_000 });
    t.equal(found.oracle, null, `${name}: ${found.fault}`);
  }
  const backs: readonly TrustingBlkback[] = ['asserts', 'no-limit', 'ignores-the-map'];
  for (const name of backs) {
    const options = { ...believingBack(name), hostile: 'backend' } as const;
    const found = explore(new BlockWorld(options), { order: 'dfs', maxStates: 5_000 });
    t.equal(found.oracle, null, `${name}: ${found.fault}`);
  }
});

t.test(
  'a user that is told twice of one operation, or of one it never asked for, is seen in every world',
  async (t) => {
    for (const twice of [true, false]) {
      const run = new BlockRun({ ...HONEST, operations: [write(0), write(1)], user: 'waits' });
      const { guest } = run.world.machine.slots[0];
      run.go(['guest1.user', 'guest1.blkfront.send', 'blkback1'], 'guest1.blkfront/interrupt');
      const number = twice ? 0 : 9;
      run.world.memory.current = run.world.machine.slots[0].domain.agent;
      if (twice) guest.front.services.answered(0, 0);
      guest.front.services.answered(number, 0);
      t.equal(run.world.violations & oracleBit('right-answer'), oracleBit('right-answer'));
      t.equal(run.world.lastFault, `slot 1: a response to operation ${number + 1}, which is not open`);
    }
  },
);
