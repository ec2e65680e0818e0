/**
 * A search that divides what it has visited sees what one sees that does not; and what it sees of worlds whose states can
 * be counted on paper is all there is.
 */
import fc from 'fast-check';
import t from 'tap';
import { Counters } from '../../bench/counters.js';
import { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { beginDepthFirst, type DepthFirst } from '../../simulator/explore/depth-first.js';
import { Discoveries } from '../../simulator/explore/discoveries.js';
import { DIVIDE_AFTER, type Division, divide } from '../../simulator/explore/divide.js';
import { ReducedDepthFirst } from '../../simulator/explore/dpor.js';
import { type Explorable, explore, type Search } from '../../simulator/explore/explore.js';
import { Partition } from '../../simulator/explore/partition.js';
import { type RememberedSteps, RUNS, rememberedOf } from '../../simulator/remembered/remembered-steps.js';
import { ProgramWorld } from '../support/program-world.js';
import { anyProgram } from '../support/programs.js';
import { worldOf } from '../support/worlds.js';

type Begin = (search: Search) => DepthFirst;

const SEARCHES: Readonly<Record<string, Begin>> = {
  plain: (search) => beginDepthFirst(search),
  dpor: (search) => new ReducedDepthFirst(search, search.world.steps as NonNullable<Explorable['steps']>, true),
};

function searchOf(world: Explorable, divideAfter: number): Search {
  const remembered = rememberedOf(world);
  const maxStates = Number.POSITIVE_INFINITY;
  return { world, mask: 0, maxStates, onProgress: () => {}, remembered, divideAfter };
}

/** What a search says at its end, but for the room of its table; interrupted after each `stride` states. */
function said(begin: Begin, world: Explorable, divideAfter: number, stride: number): string {
  const { hashLow, hashHigh, journalLength } = world.memory;
  const running = begin(searchOf(world, divideAfter));
  for (let limit = stride; ; limit += stride) {
    const { tableBytes: _, ...found } = running.run(limit);
    const { memory } = world;
    if (memory.hashLow !== hashLow || memory.hashHigh !== hashHigh || memory.journalLength !== journalLength)
      return 'the world is not as it was';
    if (found.complete) return JSON.stringify(found);
    if (found.states < limit) return 'it ended, and was not complete';
  }
}

const UNDIVIDED = Number.POSITIVE_INFINITY;

for (const [name, begin] of Object.entries(SEARCHES))
  t.test(`${name}: random programs`, async () => {
    const programs = anyProgram({ loops: true, variables: 4 });
    const early = fc.integer({ min: 2, max: 60 });
    fc.assert(
      fc.property(programs, early, fc.integer({ min: 2, max: 90 }), (program, divideAfter, stride) => {
        const whole = said(begin, new ProgramWorld(program), UNDIVIDED, UNDIVIDED);
        const world = new ProgramWorld(program);
        // Once more in the same world: what steps do to the part is learned anew.
        for (const after of [divideAfter, divideAfter + 7])
          if (said(begin, world, after, UNDIVIDED) !== whole) return false;
        return said(begin, world, divideAfter, stride) === whole;
      }),
      { numRuns: 200 },
    );
  });

t.test('worlds of drivers', async (t) => {
  for (const [name, begin] of Object.entries(SEARCHES))
    for (const scenario of ['cancelled-suspend', 'backend-restart', 'toolstack-dies']) {
      const world = () => worldOf({ front: 'sequenced', scenario, commands: 1 });
      const whole = said(begin, world(), UNDIVIDED, UNDIVIDED);
      for (const after of [100, 300]) t.equal(said(begin, world(), after, UNDIVIDED), whole, `${name}, ${scenario}`);
    }
});

t.test('every state of 6 counters up to 6 is found', async (t) => {
  // 7^6 states; in each, every counter that is not at its end can count.
  const found = explore(new Counters(6, 6), { order: 'dfs', reduction: 'none' });
  t.match(found, { complete: true, holds: true, states: 117_649, transitions: 6 * 6 * 16_807 });
  t.not(Math.log2(found.tableBytes) % 1, 0, 'they are divided');
  const interrupted = beginDepthFirst(searchOf(new Counters(6, 6), DIVIDE_AFTER));
  interrupted.run(1000);
  const { states, tableBytes } = interrupted.run(UNDIVIDED);
  t.strictSame([states, tableBytes], [found.states, found.tableBytes], 'with an interruption before, too');
});

/** What a depth-first search finds in a world of counters until there are so many `states`. */
function discoveries(world: Counters, states: number): Discoveries {
  const remembered = rememberedOf(world) as RememberedSteps;
  const found = new Discoveries(remembered);
  const { memory } = world;
  const seen = new Set<string>();
  const walk = (depth: number): void => {
    const choices = new Int32Array(64);
    const count = world.enumerate(choices);
    const mark = memory.journalLength;
    const { hashLow, hashHigh } = memory;
    for (let i = 0; i < count && found.size < states; i++) {
      const choice = choices[i] as number;
      const effect = remembered.effectOf(choice);
      if (effect === RUNS) remembered.run(choice);
      else remembered.apply(effect);
      const key = `${memory.hashLow} ${memory.hashHigh}`;
      if (!seen.has(key)) {
        seen.add(key);
        found.add(depth, effect === RUNS ? remembered.ran : effect);
        walk(depth + 1);
      }
      memory.undo(mark, hashLow, hashHigh);
    }
  };
  walk(0);
  return found;
}

function divided(world: Counters, states: number): Division | null {
  return divide(searchOf(world, 1), rememberedOf(world) as RememberedSteps, discoveries(world, states));
}

t.test('the part of a state is told by the words that seldom change', async (t) => {
  const world = new Counters(5, 9);
  // Of 9000 steps, nine of ten change the last counter, 900 the one before, 90 the next, and few the first two.
  const { partition, table } = divided(world, 9000) as Division;
  const change = (counter: number): number => partition.change(world.word(counter), 1, 2);
  for (const counter of [0, 1]) t.not(change(counter), 0, `counter ${counter} tells parts apart`);
  for (const counter of [2, 3, 4]) t.equal(change(counter), 0, `counter ${counter} does not`);
  t.equal(table.size, 9001);
  t.ok(table.has(0, 0, 0), 'the first state is in part 0');
});

t.test('how the part changes by a step is the same from the journal, whatever the step stores in between', async () => {
  const memory = new JournaledMemory(2);
  const partition = new Partition(memory, new Int32Array(0), 1);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(3)), { maxLength: 30 }), fc.nat(30), (stores, cut) => {
      memory.undo(0, 0, 0);
      const before = memory.words.slice();
      let steps = 0;
      let changes = 0;
      let mark = 0;
      for (const [word, value] of stores) {
        memory.write32(4096 + word * 4, value);
        if (++steps !== cut) continue;
        changes ^= partition.changeSince(mark);
        mark = memory.journalLength;
      }
      changes ^= partition.changeSince(mark);
      let expected = 0;
      for (let word = 1024; word < 1030; word++)
        expected ^= partition.change(word, before[word] as number, memory.words[word] as number);
      return changes === expected;
    }),
  );
});

t.test('states that would nearly all be in one part are not divided', async (t) => {
  // Two counters alone, both of which change all the time.
  const world = new Counters(2, 99);
  t.equal(divided(world, 3000), null);
  t.strictSame([world.memory.hashLow, world.memory.hashHigh, world.memory.journalLength], [0, 0, 0]);
});

t.test('nor are they where it is not known what a step did', async (t) => {
  const world = new Counters(5, 9);
  const remembered = rememberedOf(world) as RememberedSteps;
  const found = discoveries(world, 9000);
  t.not(divide(searchOf(world, 1), remembered, found), null);
  found.add(0, RUNS);
  t.equal(divide(searchOf(world, 1), remembered, found), null);
  const before = discoveries(world, 9000);
  remembered.forgotten++;
  t.equal(divide(searchOf(world, 1), remembered, before), null, 'everything was forgotten since');
});
