import t from 'tap';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { CHOICES_MAX } from '../../simulator/explore/search.js';
import { OfferTable } from '../../simulator/fuzz/offer-table.js';
import { RandomWalk } from '../../simulator/fuzz/random-walk.js';
import { Runner } from '../../simulator/fuzz/runner.js';
import type { Fuzzable, Offer } from '../../simulator/fuzz/scheduler.js';
import { Random } from '../../simulator/random.js';
import { OrderedThreads } from '../support/toy-worlds.js';

const worlds = [new OrderedThreads(2, 2, []), new OrderedThreads(2, 2, [])] as const;

function emptyOffer(world: Fuzzable): Offer {
  const choices = new Int32Array(CHOICES_MAX);
  const ids = new Int32Array(CHOICES_MAX);
  return { world, choices, ids, usual: 0, count: 0, atRest: false, step: 0 };
}

function state(low: number, high: number): JournaledMemory {
  return { hashLow: low | 0, hashHigh: high | 0 } as JournaledMemory;
}

/** What is offered in a made-up state: a function of the world and of each half of the hash. */
function offered(
  world: number,
  low: number,
  high: number,
): Pick<Offer, 'count' | 'usual' | 'atRest'> & { seed: number } {
  const seed = ((low & 0xff) << 12) ^ ((high & 0xff) << 4) ^ world;
  const count = seed % 9;
  return { count, usual: seed % (count + 1), atRest: (seed & 16) !== 0, seed };
}

function fill(offer: Offer, world: number, low: number, high: number): void {
  const { seed, ...known } = offered(world, low, high);
  Object.assign(offer, known);
  for (let i = 0; i < known.count; i++) {
    offer.choices[i] = seed + i;
    offer.ids[i] = seed * 2 + i;
  }
}

t.test('what is found is what was added for that state of that world, and nothing else', async (t) => {
  const table = new OfferTable();
  const [a, b] = worlds.map((world) => table.numberOf(world)) as [number, number];
  t.not(a, b);
  t.equal(table.numberOf(worlds[0]), a);
  const offer = emptyOffer(worlds[0]);
  const expected = emptyOffer(worlds[0]);
  const added = new Set<string>();
  let found = 0;
  let wrong = 0;
  // More than the table holds; few values of each half, so that halves of hashes are often alike.
  const random = new Random(1);
  for (let i = 0; i < 400_000; i++) {
    const world = random.index(2) === 0 ? a : b;
    const low = random.index(200);
    const high = random.index(200);
    const key = `${world} ${low} ${high}`;
    if (table.find(world, state(low, high), offer)) {
      found++;
      fill(expected, world, low, high);
      const { count } = expected;
      const same =
        offer.count === count &&
        offer.usual === expected.usual &&
        offer.atRest === expected.atRest &&
        offer.choices.subarray(0, count).every((choice, at) => choice === expected.choices[at]) &&
        offer.ids.subarray(0, count).every((id, at) => id === expected.ids[at]);
      if (!same || !added.has(key)) wrong++;
      continue;
    }
    fill(offer, world, low, high);
    table.add(world, state(low, high), offer);
    added.add(key);
  }
  t.equal(wrong, 0);
  t.ok(found > 10_000, `${found} found`);
});

/** Counts how often it is asked what there is to choose from. */
class Asked extends OrderedThreads {
  asked = 0;

  override enumerate(choices: Int32Array, first?: number): number {
    this.asked++;
    return super.enumerate(choices, first);
  }
}

t.test('a runner asks a world once in each state', async (t) => {
  // Three threads of two steps each: 3 x 3 x 3 states, however they are ordered.
  const world = new Asked(3, 2, []);
  const runner = new Runner();
  const settings = { scheduler: new RandomWalk(), length: 6, faults: 0, coverage: null };
  for (let seed = 0; seed < 2000; seed++) runner.run(world, { ...settings, random: new Random(seed) });
  t.equal(world.asked, 27);
});
