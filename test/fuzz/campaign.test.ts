/** Campaigns: merging, the corpus and its power schedule, what is said to be unseen, and drivers that remember outside. */
import t from 'tap';
import { QuiesceTpmfront } from '../../frontend/tpmfront/quiesce.js';
import { findTpmback } from '../../simulator/drivers.js';
import { Campaign } from '../../simulator/fuzz/campaign.js';
import { Corpus } from '../../simulator/fuzz/corpus.js';
import { absorb, emptyTables } from '../../simulator/fuzz/coverage.js';
import { type ShardResult, ShardRunner } from '../../simulator/fuzz/shard.js';
import type { Swarm } from '../../simulator/fuzz/swarm.js';
import { Random } from '../../simulator/random.js';
import { formatToken } from '../../simulator/token.js';
import { CONNECTED, frontOf, SESSION } from '../support/worlds.js';

const SETTINGS = { seed: 1, runs: 1000, checkAll: false } as const;

function resultOf(more: Partial<ShardResult>): ShardResult {
  const coverage = { states: new Int32Array(), features: new Int32Array() };
  const empty = { candidates: [], failures: [], differences: [] };
  return { runs: 100, steps: 1000, checked: 5, strategies: [50, 25, 25], coverage, ...empty, ...more };
}

const tokenOf = (step: string): string => {
  const names = { scenario: 'connect', tpmfront: 'linux', tpmback: 'v2', session: 'ima_extends' } as const;
  return formatToken({ ...names, commands: 1, grain: 'fine', daemon: 'c', steps: [step] });
};

t.test('what one run has shown and no other is what the next may show, after Good and Turing', async (t) => {
  const campaign = new Campaign(SETTINGS, emptyTables());
  t.equal(campaign.figures.unseen, 1, 'of nothing nothing is known');
  // Slots 1 and 2 in one run each, slot 3 in two runs of this shard, slot 4 in one run of each of two shards.
  campaign.merge(
    resultOf({ coverage: { states: Int32Array.of(7, 9), features: Int32Array.of(1, 1, 2, 1, 3, 2, 4, 1) } }),
  );
  t.match(campaign.figures, { runs: 100, features: 4, unseen: 3 / 100, states: 2 });
  campaign.merge(resultOf({ coverage: { states: Int32Array.of(9), features: Int32Array.of(4, 1) } }));
  t.match(campaign.figures, { runs: 200, features: 4, unseen: 2 / 200, states: 2, checked: 10 });
});

t.test('coverage is the same in whatever order shards are absorbed', async (t) => {
  const deltas = [
    { states: Int32Array.of(1, 2), features: Int32Array.of(5, 1, 6, 2) },
    { states: Int32Array.of(2, 3), features: Int32Array.of(5, 1) },
    { states: Int32Array.of(1), features: Int32Array.of(7, 1, 6, 1) },
  ];
  const forwards = emptyTables();
  const backwards = emptyTables();
  for (const delta of deltas) absorb(forwards, delta);
  for (const delta of deltas.toReversed()) absorb(backwards, delta);
  t.ok(Buffer.compare(forwards.states, backwards.states) === 0);
  t.ok(Buffer.compare(forwards.features, backwards.features) === 0);
});

t.test('of two shards that show the same only the first adds to the corpus', async (t) => {
  const campaign = new Campaign(SETTINGS, emptyTables());
  const coverage = { states: new Int32Array(), features: Int32Array.of(8, 1) };
  const first = { token: tokenOf('a'), slots: [8], freshStates: 0 };
  t.strictSame(campaign.merge(resultOf({ coverage, candidates: [first] })), [first]);
  t.strictSame(campaign.merge(resultOf({ coverage, candidates: [{ ...first, token: tokenOf('b') }] })), []);
  t.strictSame(campaign.corpus.tokens, [first.token]);
});

t.test('every run is planned once, and the plan follows from the seed', async (t) => {
  const plansOf = (seed: number): string => {
    const campaign = new Campaign({ ...SETTINGS, seed, runs: 10_000 }, emptyTables());
    const plots = [];
    for (let tasks = campaign.plan(); tasks.length > 0; tasks = campaign.plan())
      plots.push(...tasks.flatMap((task) => task.plots));
    let next = 0;
    for (const { firstRun, runs } of plots) {
      t.equal(firstRun, next);
      next += runs;
    }
    t.equal(next, 10_000);
    return JSON.stringify(plots);
  };
  t.equal(plansOf(1), plansOf(1));
});

t.test('an entry is drawn in proportion to what it was worth, and less each time it was', async (t) => {
  const corpus = new Corpus();
  t.equal(corpus.draw(new Random(1)), null);
  // Worth 8 x 4 = 32 and 8 x 1 = 8. After a and b draws one is drawn 32 (1 + b) / 8 (1 + a) times as often as the other.
  // Where a = r b, that is r = 4 / r, so r = 2: of 1000 draws about 667 go to the first.
  corpus.add({ token: 'rich', slots: [1, 2, 3, 4], freshStates: 0 });
  corpus.add({ token: 'poor', slots: [5], freshStates: 0 });
  const random = new Random(7);
  let rich = 0;
  for (let i = 0; i < 1000; i++) if (corpus.draw(random) === 'rich') rich++;
  t.ok(Math.abs(rich - 667) < 45, `${rich}`);
});

t.test('a corpus stays bounded, and keeps those with the most energy', async (t) => {
  const corpus = new Corpus();
  corpus.add({ token: 'best', slots: [1, 2, 3], freshStates: 8 });
  for (let i = 0; i < 2000; i++) corpus.add({ token: `token${i}`, slots: [], freshStates: 1 + (i % 8) });
  t.equal(corpus.size, 512);
  t.ok(corpus.has('best'));
});

/** Passes over every third event, and counts them where no undo reaches. */
class Forgetful extends QuiesceTpmfront {
  #events = 0;

  override interrupt(): void {
    this.#events++;
    if (this.#events % 3 !== 0) super.interrupt();
  }
}

t.test('a driver that keeps state outside its memory is found, with the run and the step', async (t) => {
  const tpmfront = frontOf('quiesce', (services) => new Forgetful(services));
  const swarm: Swarm = {
    scenarios: [CONNECTED],
    varies: false,
    tpmfronts: ['quiesce'],
    tpmback: 'v2',
    sessions: [SESSION.name],
    commands: 2,
    grains: ['fine'],
    daemons: ['c'],
  };
  const resolve = () => ({ scenario: CONNECTED, tpmfront, tpmback: findTpmback('v2'), session: SESSION });
  const task = { seed: 1, checkAll: true, plots: [{ firstRun: 0, runs: 12, token: null }] };
  const { checked, differences } = new ShardRunner(swarm, resolve, emptyTables()).run(task);
  t.equal(checked, 12);
  t.ok(differences.length > 0);
  t.match(differences[0], {
    name: 'guest1.tpmfront/interrupt',
    what: 'the step leads to another state the second time',
  });

  const healthy = { ...resolve(), tpmfront: frontOf('quiesce', (services) => new QuiesceTpmfront(services)) };
  t.strictSame(new ShardRunner(swarm, () => healthy, emptyTables()).run(task).differences, []);
});
