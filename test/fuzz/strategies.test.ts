/** The strategies: what they promise of the probability of finding a bug, on worlds in which it can be counted. */
import t from 'tap';
import { Coverage, emptyTables } from '../../simulator/fuzz/coverage.js';
import { usualLength } from '../../simulator/fuzz/open-world.js';
import { Pct } from '../../simulator/fuzz/pct.js';
import { Plot, type StrategyName } from '../../simulator/fuzz/plot.js';
import { RandomWalk } from '../../simulator/fuzz/random-walk.js';
import { Runner } from '../../simulator/fuzz/runner.js';
import type { Fuzzable, Scheduler } from '../../simulator/fuzz/scheduler.js';
import { checkAgain } from '../../simulator/fuzz/self-check.js';
import { Random } from '../../simulator/random.js';
import { CombinationLock, ForgetfulWorld, OrderedThreads } from '../support/toy-worlds.js';

const SEEDS = 10_000;

/** The part of the seeds with which a scheduler finds the failure. */
function foundBy(scheduler: Scheduler, world: Fuzzable, length: number): number {
  const runner = new Runner();
  let found = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const settings = { scheduler, random: new Random(seed), length, faults: 0, coverage: null };
    if (runner.run(world, settings) !== 0) found++;
  }
  return found / SEEDS;
}

/** Three standard deviations of a frequency over `SEEDS` seeds. */
const slack = (p: number): number => 3 * Math.sqrt((p * (1 - p)) / SEEDS);

t.test('a bug of depth d is found with PCT at least as often as its bound says', async (t) => {
  // n threads of s steps, k = n s. Depth 1: one thread runs whole before another begins. Depth 2 and 3: each event must
  // come before the one after it, and the threads swap d - 1 times in between.
  const cases = [
    {
      d: 1,
      n: 4,
      s: 8,
      events: [
        [0, 7],
        [1, 0],
      ],
    },
    {
      d: 2,
      n: 3,
      s: 8,
      events: [
        [0, 3],
        [1, 0],
        [0, 4],
      ],
    },
    {
      d: 3,
      n: 2,
      s: 4,
      events: [
        [0, 1],
        [1, 1],
        [0, 2],
        [1, 2],
      ],
    },
  ] as const;
  for (const { d, n, s, events } of cases) {
    const bound = 1 / (n * (n * s) ** (d - 1));
    const frequency = foundBy(new Pct(d), new OrderedThreads(n, s, events), n * s);
    t.ok(slack(bound) < bound / 2, 'there are seeds enough to tell');
    t.ok(frequency >= bound - slack(bound), `depth ${d}: ${frequency}, at least ${bound}`);
  }
});

t.test('what needs one thread to be held back PCT finds far more often than a random walk', async (t) => {
  // All 16 steps of thread 0 before the first of thread 1: the walk must choose the right one of two 16 times, which it
  // does in one run of 65536.
  const world = new OrderedThreads(2, 16, [
    [0, 15],
    [1, 0],
  ]);
  t.equal(foundBy(new RandomWalk(), world, 32), 0);
  // With PCT thread 0 only has to get the higher priority.
  const frequency = foundBy(new Pct(1), world, 32);
  t.ok(Math.abs(frequency - 0.5) < slack(0.5), `${frequency}`);
});

/** Runs until the failure is found, at most `runs`. */
function runsUntilFound(world: Fuzzable, strategies: readonly StrategyName[], seed: number, runs: number): number {
  const names = {
    scenario: '',
    tpmfront: '',
    tpmback: '',
    session: '',
    commands: 1,
    grain: 'fine',
    daemon: 'c',
  } as const;
  const place = { names, world, length: usualLength(world), faults: 0, stateSalt: 1, featureSalt: 2 };
  const runner = new Runner();
  const plot = new Plot(place, runner, new Coverage(emptyTables()), strategies);
  for (let run = 1; run <= runs; run++) {
    plot.run(seed * 1_000_003 + run);
    if (runner.violations !== 0) return run;
  }
  return Number.POSITIVE_INFINITY;
}

t.test('what must be got right place by place is found with coverage, and not by random walks', async (t) => {
  // 12 places of 4 wheels: a walk opens it with probability 4^-12, about once in 17 million runs. Led by coverage a run
  // that gets one place further is remembered, and later runs begin like it: each place costs some dozen runs.
  const lock = new CombinationLock(4, [2, 0, 3, 1, 1, 2, 0, 0, 3, 2, 1, 3]);
  for (const seed of [1, 2, 3, 4, 5]) {
    t.ok(runsUntilFound(lock, ['walk', 'mutate'], seed, 20_000) <= 20_000, `seed ${seed}: found with coverage`);
    t.equal(runsUntilFound(lock, ['walk'], seed, 20_000), Number.POSITIVE_INFINITY, `seed ${seed}: not without`);
  }
});

t.test('a run leaves the world as it was, and the same seed gives the same run', async (t) => {
  const world = new OrderedThreads(3, 5, [
    [0, 4],
    [1, 0],
    [2, 0],
  ]);
  const runner = new Runner();
  const again = new Runner();
  for (const scheduler of [new RandomWalk(), new Pct(3)]) {
    for (let seed = 0; seed < 50; seed++) {
      const settings = { scheduler, length: 15, faults: 0, coverage: null };
      runner.run(world, { ...settings, random: new Random(seed) });
      t.strictSame([world.memory.journalLength, world.memory.hashLow, world.memory.hashHigh], [0, 0, 0]);
      again.run(world, { ...settings, random: new Random(seed) });
      t.strictSame(again.choices.slice(0, again.length), runner.choices.slice(0, runner.length));
      t.equal(checkAgain(world, runner), null);
    }
  }
});

t.test('state outside the memory is found by taking a run twice, at its first step', async (t) => {
  const world = new ForgetfulWorld(2, 5, []);
  const runner = new Runner();
  runner.run(world, { scheduler: new RandomWalk(), random: new Random(1), length: 10, faults: 0, coverage: null });
  const difference = checkAgain(world, runner);
  t.match(difference, { step: 1, what: /another state/ });
});
