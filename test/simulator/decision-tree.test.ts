import fc from 'fast-check';
import t from 'tap';
import { DecisionTree, UNSEEN, type Way } from '../../simulator/remembered/decision-tree.js';

const PLACES = 6;

/** What a made-up step looks at: where it goes on depends on what it has seen. */
interface Looks {
  readonly first: number;
  readonly salt: number;
  readonly count: number;
}

/** A way through `places`; looks at no place twice. */
class MadeUpWay implements Way {
  readonly reads: Int32Array;
  readonly readCount: number;
  readonly #places: Int32Array;
  readonly #passed = new Set<number>();

  constructor(places: Int32Array, { first, salt, count }: Looks, shuffled: boolean) {
    this.#places = places.slice();
    const seen: number[] = [];
    let at = first;
    for (let look = 0; look < count; look++) {
      if (!seen.includes(at)) seen.push(at);
      at = (at + salt + (places[at] as number) * 3 + 1) % PLACES;
    }
    this.reads = Int32Array.from(shuffled ? seen.reverse() : seen);
    this.readCount = seen.length;
  }

  /** What was read, and where: equal keys, equal steps. */
  get key(): string {
    return [...this.reads.subarray(0, this.readCount)]
      .sort()
      .map((place) => `${place}=${this.#places[place]}`)
      .join();
  }
  before(place: number): number {
    return this.#places[place] as number;
  }
  pass(place: number): void {
    this.#passed.add(place);
  }
  passed(place: number): boolean {
    return this.#passed.has(place);
  }
}

const looks: fc.Arbitrary<Looks> = fc.record({
  first: fc.nat(PLACES - 1),
  salt: fc.nat(PLACES - 1),
  count: fc.integer({ min: 0, max: PLACES }),
});
const states = fc.array(fc.array(fc.nat(40), { minLength: PLACES, maxLength: PLACES }), { maxLength: 120 });

t.test('what is found was written for the same values of all that was read, and is found from then on', async () => {
  fc.assert(
    fc.property(fc.array(looks, { minLength: 1, maxLength: 3 }), states, fc.boolean(), (roots, all, shuffles) => {
      const places = new Int32Array(PLACES);
      const tree = new DecisionTree(places);
      const written: string[] = [];
      for (const [number, state] of all.entries()) {
        places.set(state);
        for (const [root, look] of roots.entries()) {
          // In what order a step was seen to look at its places does not matter.
          const way = new MadeUpWay(places, look, shuffles && number % 2 === 1);
          const key = `${root}: ${way.key}`;
          const found = tree.find(root);
          const known = written.indexOf(key);
          if (found !== UNSEEN) {
            if (written[found] !== key) return false;
            continue;
          }
          if (known >= 0 && !shuffles) return false;
          tree.add(root, way, written.push(key) - 1);
          const again = tree.find(root);
          if (again === UNSEEN || written[again] !== key) return false;
        }
      }
      return true;
    }),
    { numRuns: 1000 },
  );
});

t.test('what holds no longer is replaced, whatever else is read then', async (t) => {
  const places = Int32Array.from([7, 8, 9, 0, 0, 0]);
  const tree = new DecisionTree(places);
  const way = (...reads: readonly number[]): Way => {
    const passed = new Set<number>();
    return {
      reads: Int32Array.from(reads),
      readCount: reads.length,
      before: (place) => places[place] as number,
      pass: (place) => void passed.add(place),
      passed: (place) => passed.has(place),
    };
  };
  tree.add(3, way(0), 1);
  t.equal(tree.find(3), 1);
  tree.add(3, way(0, 1, 2), 2);
  t.equal(tree.find(3), 2);
  places[2] = 1;
  t.equal(tree.find(3), UNSEEN);
  t.equal(tree.find(2), UNSEEN, 'another root');
  tree.add(3, way(0, 1, 2), 3);
  t.equal(tree.find(3), 3);
  places[2] = 9;
  t.equal(tree.find(3), 2);
  tree.clear();
  t.equal(tree.find(3), UNSEEN);
});

t.test('a tree is full when it has as many nodes as it may', async (t) => {
  const places = new Int32Array(1);
  const tree = new DecisionTree(places, 100);
  let written = 0;
  for (; !tree.full; written++) {
    places[0] = written;
    tree.add(0, new MadeUpWay(places, { first: 0, salt: 0, count: 1 }, false), written);
  }
  t.ok(written >= 40 && written <= 50, `${written} ways of one node and a leaf`);
  tree.clear();
  t.notOk(tree.full);
});
