/**
 * What steps are remembered to do is what they do: whatever the world, a search that remembers sees the same states in the
 * same order as one in which the code of every step runs. And it does not where a single kind of access is kept from it.
 */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { AccessObserver } from '../../hypervisor/journaled-memory.js';
import { BLOCK_ROWS } from '../../scenarios/block-data.js';
import { IDENTITY_SCENARIOS } from '../../scenarios/device-identity.js';
import { SCENARIOS } from '../../scenarios/scenarios.js';
import { BlockWorld } from '../../simulator/block-data/world.js';
import { IdentityWorld } from '../../simulator/block-identity/world.js';
import { TPMFRONTS } from '../../simulator/drivers.js';
import { type Explorable, type Exploration, type ExploreOptions, explore } from '../../simulator/explore/explore.js';
import { RingWorld } from '../../simulator/xenstore-ring/world.js';
import { type Program, ProgramWorld } from '../support/program-world.js';
import { anyProgram } from '../support/programs.js';
import { READ_A } from '../support/ring-worlds.js';
import { worldOf } from '../support/worlds.js';

const SLOW = { timeout: 300_000 };

const ASKED: readonly ExploreOptions[] = [
  { order: 'dfs', reduction: 'none' },
  { order: 'bfs', reduction: 'none' },
  { order: 'dfs', reduction: 'none', oracles: [] },
  { order: 'dfs', reduction: 'dpor', oracles: [] },
  { order: 'dfs', reduction: 'sleep', oracles: [] },
];

/** All that the searches say, one after the other in one world. */
function said(make: () => Explorable, remember: boolean, maxStates: number): string {
  const world = make();
  return JSON.stringify(ASKED.map((asked) => explore(world, { ...asked, remember, maxStates })));
}

function agrees(make: () => Explorable, maxStates: number): boolean {
  return said(make, true, maxStates) === said(make, false, maxStates);
}

function sameInWorld(t: Test, name: string, make: () => Explorable, maxStates = 3000): void {
  t.equal(said(make, true, maxStates), said(make, false, maxStates), name);
}

for (const loops of [false, true])
  t.test(`random programs ${loops ? 'with' : 'without'} loops`, SLOW, async () => {
    fc.assert(
      fc.property(anyProgram({ loops, variables: 4 }), (program) => agrees(() => new ProgramWorld(program), 5000)),
      { numRuns: 600 },
    );
  });

type Kept = 'loads' | 'stores' | 'silent stores';

/** A world whose memory's observer does not hear of some of what happens. */
function deafWorld(program: Program, kept: Kept): ProgramWorld {
  const world = new ProgramWorld(program);
  let hearing: AccessObserver | null = null;
  Object.defineProperty(world.memory, 'observer', {
    get: () => hearing,
    set: (observer: AccessObserver | null) => {
      hearing = observer === null ? null : deafened(observer, kept);
    },
  });
  return world;
}

function deafened(observer: AccessObserver, kept: Kept): AccessObserver {
  return {
    load: (address, size) => {
      if (kept !== 'loads') observer.load(address, size);
    },
    store: (address, size) => observer.store(address, size),
    stored: (word, value, changed) => {
      if (kept === 'stores' && changed) return;
      if (kept === 'silent stores' && !changed) return;
      observer.stored?.(word, value, changed);
    },
  };
}

t.test('what is kept from the recorder shows', SLOW, async (t) => {
  for (const kept of ['loads', 'stores', 'silent stores'] as const) {
    const property = fc.property(anyProgram({ loops: false, variables: 3 }), (program) => {
      const deaf = explore(deafWorld(program, kept), { order: 'dfs', reduction: 'none', maxStates: 5000 });
      const all = explore(new ProgramWorld(program), { order: 'dfs', reduction: 'none', maxStates: 5000 });
      return JSON.stringify(deaf) === JSON.stringify(all);
    });
    t.ok(fc.check(property, { numRuns: 5000, seed: 1, endOnFailure: true }).failed, kept);
  }
});

t.test('every tpmfront in every scenario', SLOW, async (t) => {
  for (const { name: front } of TPMFRONTS)
    for (const { name: scenario } of SCENARIOS)
      sameInWorld(t, `${front} ${scenario}`, () => worldOf({ front, scenario, commands: 2 }));
});

t.test('a world of more states', SLOW, async (t) => {
  const made = (remember: boolean): Partial<Exploration> => {
    const world = worldOf({ front: 'sequenced', scenario: 'clean-migration', commands: 3 });
    const { tableBytes: _, ...found } = explore(world, { order: 'dfs', reduction: 'none', remember });
    return found;
  };
  // Where the code of every step runs, a table of more states is not divided.
  t.strictSame(made(true), made(false));
});

t.test('with the detector of double fetches', SLOW, async (t) => {
  for (const front of ['linux', 'sequenced'] as const)
    sameInWorld(t, front, () => worldOf({ front, scenario: 'clean-migration', sanitize: true, grain: 'coarse' }));
});

t.test('the race table of devices, block data, the store over its ring', SLOW, async (t) => {
  for (const { name, setting } of IDENTITY_SCENARIOS)
    for (const design of ['P', 'I', 'O'] as const)
      sameInWorld(t, `${name} ${design}`, () => new IdentityWorld(design, setting));
  for (const { name, options } of BLOCK_ROWS) sameInWorld(t, name, () => new BlockWorld(options), 1500);
  for (const daemon of ['c', 'ocaml'] as const)
    for (const plan of ['none', 'cancel', 'restore', 'migrate'] as const) {
      const make = (): RingWorld => new RingWorld({ daemon, plan, asks: [READ_A], writes: 1, grain: 'chunk' });
      sameInWorld(t, `${daemon} ${plan}`, make);
    }
});
