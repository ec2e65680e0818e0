/** In which order the fuzzer asks its questions of a mutant. */
import t from 'tap';
import { Turns } from '../../bench/mutants/ask.js';
import type { Area, Question } from '../../scenarios/mutants/questions.js';
import { Random } from '../../simulator/random.js';

function question(name: string, area: Area): Question {
  return {
    name,
    area,
    faults: 0,
    world: () => {
      throw new Error('nobody builds it');
    },
  };
}

const MANY = ['a', 'b', 'c', 'd'].map((name) => question(name, 'tpm'));
const ONE = question('other', 'store');
const ALL = [...MANY, ONE];

/** The first `count` questions, each with 8 runs of which `fresh` show something new. */
function asked(count: number, fresh: (name: string) => number, seed = 1): readonly string[] {
  const turns = new Turns(new Random(seed), ALL);
  return Array.from({ length: count }, () => {
    const next = turns.next();
    for (let run = 0; run < 8; run++) turns.count(next, run < fresh(next.name));
    return next.name;
  });
}

t.test('areas take turns, and within one every question has its turn before any has another', async (t) => {
  const names = asked(32, () => 0);
  t.ok(names.every((name, turn) => (name === 'other') === (turn % 2 === 1)));
  const fair = names.filter((_, turn) => turn % 4 === 0);
  t.strictSame(fair.slice(0, 4).sort(), ['a', 'b', 'c', 'd']);
  t.strictSame(fair.slice(4, 8).sort(), ['a', 'b', 'c', 'd']);
});

t.test('every other turn goes to the question that still shows something new', async (t) => {
  const between = asked(64, (name) => (name === 'c' ? 6 : 1)).filter((_, turn) => turn % 4 === 2);
  const first = between.indexOf('c');
  t.ok(first >= 0 && first <= 4, `${between}`);
  t.ok(between.slice(first).every((name) => name === 'c'));
});

t.test('one seed gives one order', async (t) => {
  t.strictSame(
    asked(40, () => 1, 7),
    asked(40, () => 1, 7),
  );
  t.not(asked(40, () => 1, 7).join(), asked(40, () => 1, 8).join());
});
