/** Failures of the zoo, found and shrunk: what comes out fails alike, and no step of it can be left out. */
import t, { type Test } from 'tap';
import { findScenario } from '../../scenarios/find-scenario.js';
import { findTpmback, findTpmfront } from '../../simulator/drivers.js';
import { Campaign, type FailureClass } from '../../simulator/fuzz/campaign.js';
import { emptyTables } from '../../simulator/fuzz/coverage.js';
import { ShardRunner } from '../../simulator/fuzz/shard.js';
import { type Shrunk, shrink } from '../../simulator/fuzz/shrink.js';
import { LooseReplay, shrinkSchedule } from '../../simulator/fuzz/shrink-schedule.js';
import type { Swarm } from '../../simulator/fuzz/swarm.js';
import { replay, stepsByName, stepsOfToken } from '../../simulator/replay.js';
import type { WorldNames } from '../../simulator/schedule.js';
import { parseToken } from '../../simulator/token.js';
import { worldOf } from '../../simulator/verdict.js';
import type { World } from '../../simulator/world.js';
import { SESSION } from '../support/worlds.js';

const resolve = ({ scenario, tpmfront, tpmback }: WorldNames) => ({
  scenario: findScenario(scenario),
  tpmfront: findTpmfront(tpmfront),
  tpmback: findTpmback(tpmback),
  session: SESSION,
});

const build = (names: WorldNames): World => worldOf(resolve(names), names);

/** The failures of `runs` runs of a frontend in a scenario. */
function failuresOf(tpmfront: string, scenario: string, seed: number, runs: number): readonly FailureClass[] {
  const swarm: Swarm = {
    scenarios: [findScenario(scenario)],
    varies: false,
    tpmfronts: [tpmfront],
    tpmback: findTpmfront(tpmfront).tpmback,
    sessions: [SESSION.name],
    commands: null,
    grains: ['fine', 'coarse'],
    daemons: ['c'],
  };
  const tables = emptyTables();
  const campaign = new Campaign({ seed, runs, checkAll: false }, tables);
  const runner = new ShardRunner(swarm, resolve, tables);
  for (let tasks = campaign.plan(); tasks.length > 0; tasks = campaign.plan())
    for (const task of tasks) campaign.merge(runner.run(task));
  return campaign.failures;
}

/** Of each design a scenario in which the verdict table says that it fails. */
const ZOO: readonly (readonly [tpmfront: string, scenario: string])[] = [
  ['wait-loop', 'cancelled-suspend'],
  ['wait-loop', 'backend-restart'],
  ['resend', 'clean-migration'],
  ['no-hook', 'checkpoint'],
  ['linux', 'slow-command'],
  ['linux', 'backend-restart'],
  ['quiesce', 'slow-command'],
  ['quiesce', 'backend-restart'],
  ['ring-handoff', 'backend-restart'],
];

t.test('what is known to fail is found within 128 runs, from each of 5 seeds', async (t) => {
  for (const [tpmfront, scenario] of ZOO) {
    for (const seed of [1, 2, 3, 4, 5])
      t.ok(failuresOf(tpmfront, scenario, seed, 128).length > 0, `${tpmfront} in ${scenario}, seed ${seed}`);
  }
});

t.test('sequenced, which is proved to hold, is not found to fail', async (t) => {
  for (const scenario of ['clean-migration', 'toolstack-dies', 'slow-command', 'backend-restart'])
    t.strictSame(failuresOf('sequenced', scenario, 1, 256), [], scenario);
});

/** The oracle that fails in a strict replay. */
function oracleOf(t: Test, token: string): string | null {
  const { hashes, hashBytes, ...names } = parseToken(token);
  const { oracle, diverged } = replay(build(names), stepsOfToken({ hashes, hashBytes }));
  t.equal(diverged, null, 'every step is possible');
  return oracle;
}

function assertMinimal(
  t: Test,
  { names, steps }: Pick<Shrunk, 'names' | 'steps'>,
  oracle: FailureClass['oracle'],
): void {
  const attempt = new LooseReplay(build(names), oracle);
  t.strictSame(attempt.fails(steps), steps, 'it fails, at its end and not before');
  const spare = steps.filter((_, index) => attempt.fails(steps.filter((_, other) => other !== index)) !== null);
  t.strictSame(spare, [], 'no step can be left out');
}

t.test('a shrunk failure is the same failure, 1-minimal, and never longer', async (t) => {
  for (const [tpmfront, scenario] of ZOO) {
    for (const { oracle, token } of failuresOf(tpmfront, scenario, 7, 256)) {
      const found = parseToken(token);
      const shrunk = shrink(token, oracle, resolve);
      t.equal(oracleOf(t, token), oracle);
      t.equal(oracleOf(t, shrunk.token), oracle, `${tpmfront} in ${scenario}: ${oracle}`);
      t.ok(shrunk.steps.length <= found.hashes.length);
      t.ok((shrunk.names.commands ?? 0) <= (found.commands ?? 0));
      assertMinimal(t, shrunk, oracle);
    }
  }
});

t.test('it is the same, and as much is looked at, where the code of every step runs', async (t) => {
  // A driver that is not the zoo's own object is somebody's, of whom nothing is remembered.
  const ofSomebody = (names: WorldNames) => ({ ...resolve(names), tpmfront: { ...findTpmfront(names.tpmfront) } });
  for (const [tpmfront, scenario] of ZOO.slice(3, 6))
    for (const { oracle, token } of failuresOf(tpmfront, scenario, 7, 256))
      t.strictSame(shrink(token, oracle, resolve), shrink(token, oracle, ofSomebody), `${tpmfront} in ${scenario}`);
});

t.test('delta debugging alone gives a 1-minimal schedule too', async (t) => {
  for (const [tpmfront, scenario] of ZOO.slice(2, 6)) {
    for (const { oracle, token } of failuresOf(tpmfront, scenario, 3, 256)) {
      const { hashes, hashBytes, ...names } = parseToken(token);
      const world = build(names);
      const { steps } = replay(world, stepsOfToken({ hashes, hashBytes }));
      world.memory.undo(0, 0, 0);
      assertMinimal(t, { names, steps: shrinkSchedule(new LooseReplay(world, oracle), steps) }, oracle);
    }
  }
});

t.test('faults and widths that a failure does not need are taken out of the world', async (t) => {
  const [failure] = failuresOf('linux', 'checkpoint+spurious-events=2+backend-kills=1', 1, 512).filter(
    ({ oracle }) => oracle === 'in-step',
  );
  t.ok(failure !== undefined);
  if (failure === undefined) return;
  const { names, proof, steps } = shrink(failure.token, failure.oracle, resolve);
  t.match(names, { scenario: 'checkpoint', commands: 1 });
  // issue, fill (in coarse grain all of transmit), interrupt, serve, complete; request, watch, kernel, toolstack: 9.
  if (names.grain === 'coarse') t.equal(steps.length, 9);
  t.equal(proof, 'shortest');
});

t.test('where the explorer may not look far enough, nothing is said of shorter schedules', async (t) => {
  const [failure] = failuresOf('resend', 'clean-migration', 1, 256);
  t.ok(failure !== undefined);
  if (failure === undefined) return;
  const { proof, names, steps } = shrink(failure.token, failure.oracle, resolve, 3);
  t.equal(proof, 'unknown');
  t.equal(replay(build(names), stepsByName(steps)).oracle, failure.oracle);
});
