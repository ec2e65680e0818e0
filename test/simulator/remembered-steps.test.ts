import t from 'tap';
import { ALL_AGENTS, JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { depthFirst } from '../../simulator/explore/depth-first.js';
import { RememberedSteps, RUNS, rememberedOf, type Stepping } from '../../simulator/remembered/remembered-steps.js';
import { worldOf } from '../support/worlds.js';

/** A world of one actor whose step is given; it counts how often its code runs. */
class OneStep implements Stepping {
  readonly memory = new JournaledMemory(4);
  readonly steps = { positionWord: () => -1, actorOf: (choice: number) => choice };
  violations = 0;
  lastFault: string | null = null;
  runs = 0;
  readonly #body: (memory: JournaledMemory, world: OneStep) => void;

  constructor(body: (memory: JournaledMemory, world: OneStep) => void) {
    this.#body = body;
    this.memory.reset();
  }

  step(): void {
    this.runs++;
    this.lastFault = null;
    this.#body(this.memory, this);
  }
}

const A = PAGE_SIZE;
const B = PAGE_SIZE + 4;

t.test('the code of a step runs once before the same, and its effect is the same afterwards', async (t) => {
  const world = new OneStep((memory) => memory.write32(B, memory.read32(A) * 2));
  const { memory } = world;
  const remembered = new RememberedSteps(world);
  const outcomes: string[] = [];
  for (const value of [5, 6, 5, 6, 5]) {
    memory.write32(A, value);
    const { journalLength, hashLow, hashHigh } = memory;
    remembered.step(0);
    outcomes.push(`${memory.read32(B)} ${memory.hashLow} ${memory.hashHigh}`);
    memory.undo(journalLength, hashLow, hashHigh);
    t.equal(memory.read32(B), 0, 'an effect is taken back as a step is');
  }
  t.equal(world.runs, 2);
  t.strictSame(outcomes.slice(2), [outcomes[0], outcomes[1], outcomes[0]]);
  t.match(outcomes, [/^10 /, /^12 /]);
});

t.test('what a store finds is looked at too: by it the hash changes, and whether anything does', async (t) => {
  const world = new OneStep((memory) => memory.write32(B, 9));
  const { memory } = world;
  const remembered = new RememberedSteps(world);
  const hashes = new Set<string>();
  for (const old of [1, 2, 9]) {
    memory.write32(B, old);
    remembered.step(0);
    t.equal(memory.read32(B), 9);
    hashes.add(`${memory.hashLow} ${memory.hashHigh}`);
  }
  t.equal(world.runs, 3);
  t.equal(hashes.size, 1, 'equal states have equal hashes');
});

t.test('the page table is looked at where an agent loads', async (t) => {
  const world = new OneStep((memory, world) => {
    memory.current = 2;
    try {
      memory.write32(B, memory.read32(A) + 1);
    } catch {
      world.lastFault = 'fault';
    }
    memory.current = ALL_AGENTS;
  });
  const { memory } = world;
  const remembered = new RememberedSteps(world);
  memory.protect(1, 2);
  remembered.step(0);
  t.equal(world.lastFault, null);
  memory.protect(1, 4);
  t.equal(remembered.effectOf(0), RUNS);
  remembered.step(0);
  t.equal(world.lastFault, 'fault');
});

t.test('what fails is not remembered: its code runs each time, and says why', async (t) => {
  const world = new OneStep((_, world) => {
    world.lastFault = `run ${world.runs}`;
  });
  const remembered = new RememberedSteps(world);
  for (let run = 1; run <= 3; run++) {
    remembered.step(0);
    t.equal(world.lastFault, `run ${run}`);
  }
  const violating = new OneStep((_, world) => {
    world.violations = 1;
  });
  const other = new RememberedSteps(violating);
  for (let run = 0; run < 3; run++) {
    violating.violations = 0;
    other.step(0);
  }
  t.equal(violating.runs, 3);
});

t.test('a block that was passed over because it had never been stored to is looked at when it has been', async (t) => {
  for (const [what, act] of [
    ['copying a page', (memory: JournaledMemory) => memory.copyPage(1, 2)],
    ['clearing a page', (memory: JournaledMemory) => memory.clearPage(1)],
    ['clearing words', (memory: JournaledMemory) => memory.clear(A, PAGE_SIZE)],
  ] as const) {
    const world = new OneStep(act);
    const { memory } = world;
    const remembered = new RememberedSteps(world);
    memory.write32(A, 1);
    const { journalLength, hashLow, hashHigh } = memory;
    remembered.step(0);
    memory.undo(journalLength, hashLow, hashHigh);
    remembered.step(0);
    t.equal(world.runs, 1, what);
    memory.undo(journalLength, hashLow, hashHigh);
    memory.write32(A + 2048, 3);
    remembered.step(0);
    t.equal(world.runs, 2, `${what} runs again`);
    t.equal(memory.read32(A + 2048), what === 'copying a page' ? 3 : 0);
    t.equal(memory.read32(2 * PAGE_SIZE + 2048), what === 'copying a page' ? 3 : 0);
  }
});

t.test('cells are looked at by the hash of their value, and assigned', async (t) => {
  const values = [1, 2, 3].map((hashLow) => ({ hashLow, hashHigh: -hashLow }));
  const [one, two, three] = values as [(typeof values)[0], (typeof values)[0], (typeof values)[0]];
  const world = new OneStep((memory) => memory.assignCell(0, memory.cell(0).hashLow === 1 ? two : three));
  const { memory } = world;
  const cell = memory.addCell(one);
  const remembered = new RememberedSteps(world);
  for (const [before, after] of [
    [one, two],
    [two, three],
    [{ hashLow: 1, hashHigh: -1 }, two],
    [three, three],
  ] as const) {
    memory.assignCell(cell, before);
    remembered.step(0);
    t.equal(memory.cell(cell), after);
  }
  t.equal(world.runs, 3, 'an equal value is the same');
  memory.undo(0, 0, 0);
  t.equal(memory.cell(cell), one);
});

t.test('whoever listens hears the code of each step before the same once', async (t) => {
  const world = new OneStep((memory) => memory.write32(B, memory.read32(A)));
  const remembered = new RememberedSteps(world);
  remembered.step(0);
  remembered.step(0);
  const effect = remembered.effectOf(0);
  t.not(effect, RUNS);
  const first = remembered.newListener();
  remembered.listener = first;
  t.notOk(remembered.heard(effect), 'it ran when nobody listened');
  const { runs } = world;
  remembered.runAgain(0, effect);
  t.equal(world.runs, runs + 1);
  t.ok(remembered.heard(effect));
  remembered.listener = remembered.newListener();
  t.notOk(remembered.heard(effect), 'not by the next');
  remembered.listener = first;
  t.ok(remembered.heard(effect), 'who goes on has heard it');
});

t.test(
  'where nothing more can be remembered everything is forgotten, and where nothing is gained no more is',
  async (t) => {
    const world = new OneStep((memory) => memory.write32(A, memory.read32(A) + 1));
    const remembered = new RememberedSteps(world, 50);
    for (let step = 0; step < 200; step++) remembered.step(0);
    t.equal(world.memory.read32(A), 200);
    t.equal(remembered.forgotten, 1, 'no state came again');
    world.memory.write32(A, 0);
    const again = new RememberedSteps(world, 50);
    for (let step = 0; step < 400; step++) {
      if (step % 10 === 0) world.memory.write32(A, Math.floor(step / 40) * 100);
      again.step(0);
    }
    t.ok(again.forgotten > 1, `forgotten ${again.forgotten} times`);
  },
);

t.test('a search sees the same however little is remembered', { timeout: 300_000 }, async (t) => {
  const search = (nodes: number | null): string => {
    const world = worldOf({ front: 'sequenced', scenario: 'clean-migration', commands: 2 });
    world.reducing = false;
    const remembered = nodes === null ? null : new RememberedSteps(world, nodes);
    const found = depthFirst({ world, mask: 0, maxStates: 6000, onProgress: () => {}, remembered });
    const often = remembered?.forgotten ?? 0;
    if (nodes !== null)
      t.ok(nodes === 4000 ? often > 3 : often > 0, `${nodes} nodes: everything was forgotten ${often} times`);
    return JSON.stringify(found);
  };
  const all = search(null);
  for (const nodes of [100, 4000, 6000]) t.equal(search(nodes), all, `${nodes} nodes`);
});

t.test('of a world whose loads and stores are not all heard nothing is remembered', async (t) => {
  const { memory } = new OneStep(() => {});
  const world = { memory, violations: 0, lastFault: null, step: () => {} };
  t.equal(rememberedOf(world), null);
});
