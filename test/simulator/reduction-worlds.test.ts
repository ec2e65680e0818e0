/**
 * The reductions on the worlds there are: what they leave out, pinned, and that nothing is lost by it.
 */
import t, { type Test } from 'tap';
import { BLOCK_ROWS } from '../../scenarios/block-data.js';
import { IDENTITY_SCENARIOS } from '../../scenarios/device-identity.js';
import { SCENARIOS } from '../../scenarios/scenarios.js';
import { BlockWorld } from '../../simulator/block-data/world.js';
import { IdentityWorld } from '../../simulator/block-identity/world.js';
import { TPMFRONTS } from '../../simulator/drivers.js';
import { type Explorable, explore, REDUCTIONS } from '../../simulator/explore/explore.js';
import { RingWorld } from '../../simulator/xenstore-ring/world.js';
import { outcomesOf } from '../support/outcomes.js';
import { type Agent, ProgramWorld } from '../support/program-world.js';
import { READ_A } from '../support/ring-worlds.js';
import { readSources } from '../support/source.js';
import { type Situation, worldOf } from '../support/worlds.js';

const SLOW = { timeout: 300_000 };

/** Worlds of more states are left to the rest of the suite. */
const SMALL = 10_000;

function sizes(make: () => Explorable): Record<string, string> {
  return Object.fromEntries(
    REDUCTIONS.map((reduction) => {
      const { states, transitions, complete } = explore(make(), { order: 'dfs', oracles: [], reduction });
      return [reduction, complete ? `${states} states, ${transitions} transitions` : 'not complete'];
    }),
  );
}

/** `agents` agents, each of which stores four times to a word of its own. */
function strangers(agents: number): () => ProgramWorld {
  const code = (word: number): Agent['code'] => [1, 2, 1, 2].map((value) => ({ op: 'store', word, value }));
  const all = Array.from({ length: agents }, (_, word): Agent => {
    return { kind: 'urgent', gate: null, starts: true, code: code(word) };
  });
  return () => new ProgramWorld({ agents: all, kills: 0 });
}

t.test('agents that share nothing: one order is enough', async (t) => {
  // n agents of 4 steps: 5^n states, each with a step for each agent that is not at its end, 4 n 5^(n-1) in all. Of those,
  // sleep sets take one into each state but the first; one order has 4 n steps.
  t.strictSame(sizes(strangers(2)), {
    none: '25 states, 40 transitions',
    hosts: '25 states, 40 transitions',
    sleep: '25 states, 24 transitions',
    stubborn: '9 states, 8 transitions',
    dpor: '9 states, 8 transitions',
  });
  t.strictSame(sizes(strangers(4)), {
    none: '625 states, 2000 transitions',
    hosts: '625 states, 2000 transitions',
    sleep: '625 states, 624 transitions',
    stubborn: '17 states, 16 transitions',
    dpor: '17 states, 16 transitions',
  });
});

t.test('agents that all store to one word: every order counts', async (t) => {
  const agent: Agent = {
    kind: 'urgent',
    gate: null,
    starts: true,
    code: [1, 2].map((value) => ({ op: 'store', word: 0, value })),
  };
  const { none, dpor } = sizes(() => new ProgramWorld({ agents: [agent, agent], kills: 0 }));
  t.equal(dpor, none);
});

/** As measured; a change here is a change of the reduction or of the drivers, and wants to be looked at. */
const PINNED: readonly (readonly [Situation, Record<string, string>])[] = [
  [
    { front: 'sequenced', scenario: 'clean-migration', commands: 1 },
    {
      none: '20816 states, 75528 transitions',
      hosts: '1749 states, 3505 transitions',
      sleep: '20816 states, 41088 transitions',
      stubborn: '1749 states, 3491 transitions',
      dpor: '1638 states, 2786 transitions',
    },
  ],
  [
    { front: 'linux', scenario: 'cancelled-suspend', commands: 1 },
    {
      none: '341 states, 705 transitions',
      hosts: '341 states, 705 transitions',
      sleep: '341 states, 477 transitions',
      stubborn: '332 states, 609 transitions',
      dpor: '332 states, 395 transitions',
    },
  ],
  [
    { front: 'ring-handoff', scenario: 'both-copies-run', commands: 1 },
    {
      none: '94340 states, 390040 transitions',
      hosts: '94340 states, 390040 transitions',
      sleep: '94340 states, 187077 transitions',
      stubborn: '6193 states, 12724 transitions',
      dpor: '5891 states, 10001 transitions',
    },
  ],
  [
    { front: 'quiesce', scenario: 'backend-restart', commands: 1 },
    {
      none: '668 states, 1305 transitions',
      hosts: '668 states, 1305 transitions',
      sleep: '668 states, 1084 transitions',
      stubborn: '668 states, 1284 transitions',
      dpor: '650 states, 1000 transitions',
    },
  ],
];

t.test('states and transitions of small worlds, with and without', SLOW, async (t) => {
  for (const [situation, expected] of PINNED)
    t.strictSame(
      sizes(() => worldOf(situation)),
      expected,
      `${situation.front} ${situation.scenario}`,
    );
});

t.test(
  'where nothing is asked for, small worlds are explored plainly, and large ones with what pays',
  SLOW,
  async (t) => {
    const reductionOf = (situation: Situation): string =>
      explore(worldOf(situation), { order: 'dfs', oracles: [] }).reduction;
    t.equal(reductionOf({ front: 'sequenced', scenario: 'clean-migration', commands: 1 }), 'hosts');
    t.equal(reductionOf({ front: 'ring-handoff', scenario: 'both-copies-run', commands: 1 }), 'dpor');
    t.equal(
      reductionOf({ front: 'sequenced', scenario: 'toolstack-dies', commands: 8 }),
      'hosts',
      'too little is left out',
    );
  },
);

/** The same ends and failures are seen with each reduction as without. */
function nothingIsLost(t: Test, name: string, make: () => Explorable): boolean {
  const none = outcomesOf(make(), 'none', SMALL);
  if (!none.exploration.complete) return false;
  const { ends, failures } = none;
  const sleep = outcomesOf(make(), 'sleep');
  t.strictSame([sleep.ends, sleep.failures], [ends, failures], `${name}, sleep sets`);
  t.equal(sleep.exploration.states, none.exploration.states, `${name}: sleep sets see every state`);
  for (const reduction of ['stubborn', 'dpor'] as const) {
    const world = make();
    // The footprints have to tell by themselves what hosts do not touch.
    world.reducing = false;
    const found = outcomesOf(world, reduction);
    t.strictSame([found.ends, found.failures], [ends, failures], `${name}, ${reduction}`);
  }
  return true;
}

t.test('nothing is lost: every row of the race table of devices', SLOW, async (t) => {
  let worlds = 0;
  for (const { name, setting } of IDENTITY_SCENARIOS)
    for (const design of ['P', 'I', 'O'] as const)
      if (nothingIsLost(t, `${name} ${design}`, () => new IdentityWorld(design, setting))) worlds++;
  t.ok(worlds >= IDENTITY_SCENARIOS.length * 3, `${worlds} worlds`);
});

t.test('nothing is lost: block data', SLOW, async (t) => {
  const worlds = BLOCK_ROWS.filter(({ name, options }) => nothingIsLost(t, name, () => new BlockWorld(options)));
  t.ok(worlds.length >= 10, `${worlds.length} worlds`);
});

t.test('nothing is lost: every tpmfront in every scenario', SLOW, async (t) => {
  let worlds = 0;
  for (const { name: front } of TPMFRONTS)
    for (const { name: scenario } of SCENARIOS)
      if (nothingIsLost(t, `${front} ${scenario}`, () => worldOf({ front, scenario, commands: 1 }))) worlds++;
  t.ok(worlds >= 60, `${worlds} worlds`);
});

t.test('nothing is lost: the store over its ring', SLOW, async (t) => {
  let worlds = 0;
  for (const daemon of ['c', 'ocaml'] as const)
    for (const plan of ['none', 'cancel', 'restore', 'migrate'] as const)
      for (const writes of [null, 1]) {
        const make = (): RingWorld => new RingWorld({ daemon, plan, asks: [READ_A], writes, grain: 'chunk' });
        if (nothingIsLost(t, `${daemon}, ${plan}, ${writes} writes`, make)) worlds++;
      }
  t.ok(worlds >= 10, `${worlds} worlds`);
});

t.test('whatever a condition or a step looks at, a learner of footprints sees', async (t) => {
  // Traces, runs that are followed, numbers of steps, where a state is kept, and the bits that the search itself looks at after a
  // step decide nothing in a world.
  const mayLook = [
    'hypervisor/journaled-memory.ts',
    'simulator/block-data/world.ts',
    'simulator/conformance/live/live-world.ts',
    'simulator/explore/footprints.ts',
    'simulator/explore/partition.ts',
    'simulator/field-changes.ts',
    'simulator/fuzz/coverage.ts',
    'simulator/remembered/remembered-steps.ts',
    'simulator/world.ts',
    'simulator/xenstore-ring/world.ts',
  ];
  const looking = readSources(process.cwd()).filter(
    ({ path, text }) =>
      /^(hypervisor|frontend|backend|simulator|protocol)\//.test(path) && /memory\.words\b/i.test(text),
  );
  t.strictSame(
    looking.map(({ path }) => path).filter((path) => !mayLook.includes(path)),
    [],
  );
});
