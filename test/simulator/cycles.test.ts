/**
 * Hangs that are not quiescent: somebody goes round and round, and nobody gets on.
 */
import fc from 'fast-check';
import t from 'tap';
import type { GuestServices } from '../../frontend/tpmfront/tpmfront.js';
import { V2Tpmfront } from '../../frontend/tpmfront/v2.js';
import { type Task, type TaskDefinition, task } from '../../hypervisor/steps.js';
import { TpmifState } from '../../protocol/tpmif-v2.js';
import { explore } from '../../simulator/explore/explore.js';
import { PathTable } from '../../simulator/explore/path-table.js';
import { RandomWalk } from '../../simulator/fuzz/random-walk.js';
import { Runner, STEPS_MAX } from '../../simulator/fuzz/runner.js';
import type { Scheduler } from '../../simulator/fuzz/scheduler.js';
import { checkAgain } from '../../simulator/fuzz/self-check.js';
import { LooseReplay, shrinkSchedule } from '../../simulator/fuzz/shrink-schedule.js';
import { Random } from '../../simulator/random.js';
import { nameChoices, replay, stepsByName } from '../../simulator/replay.js';
import type { World } from '../../simulator/world.js';
import { oracleBit } from '../../simulator/world-state.js';
import { frontOf, worldOf } from '../support/worlds.js';

const spin = task<SpinningTpmfront>('spin', { look: (front) => front.look() });

/** Polls for its response in a loop of its own instead of waiting for an event. */
class SpinningTpmfront extends V2Tpmfront {
  readonly name = 'spinning';
  override readonly tasks: readonly Task<never>[];
  readonly #spin: Task<never>;
  readonly #asks: boolean;

  constructor(services: GuestServices, asks: boolean) {
    super(services, 'spinning', {});
    this.#asks = asks;
    this.#spin = this.createTask(spin as TaskDefinition<never>, 'suspend');
    this.tasks = [this.transmitTask, this.connectTask, this.#spin];
  }

  override interrupt(): void {}

  override submit(command: number): void {
    super.submit(command);
    this.#spin.start();
    if (!this.#asks) this.transmitTask.stop();
  }

  look(): string | 0 {
    if (this.ring().state !== TpmifState.Finish || !this.state.busy) return 'look';
    this.takeResponse();
    return 0;
  }
}

t.test('a driver that polls for a response that nobody was asked for goes round for ever: no-hang', (t) => {
  const front = frontOf('no-hook', (services) => new SpinningTpmfront(services, false));
  const found = explore(worldOf({ front, scenario: 'cancelled-suspend' }), { order: 'dfs' });
  t.equal(found.oracle, 'no-hang');
  t.match(found.fault, /leads? back to where they began/);
  t.end();
});

t.test('a driver that polls while the backend is about to answer is only unlucky: no alarm', (t) => {
  const front = frontOf('no-hook', (services) => new SpinningTpmfront(services, true));
  const found = explore(worldOf({ front, scenario: 'cancelled-suspend' }), { order: 'dfs' });
  t.equal(found.oracle, null);
  t.equal(found.complete, true);
  t.end();
});

const spinning = (asks: boolean): World =>
  worldOf({
    front: frontOf('no-hook', (services) => new SpinningTpmfront(services, asks)),
    scenario: 'cancelled-suspend',
  });

t.test('a run that goes round and round is a hang, shrinks to one, and is replayed as one', (t) => {
  const world = spinning(false);
  const runner = new Runner();
  const settings = { scheduler: new RandomWalk(), length: 40, faults: 0, coverage: null };
  t.equal(runner.run(world, { ...settings, random: new Random(1) }), oracleBit('no-hang'));
  t.match(runner.fault, /leads? back to where they began, and nobody gets on/);
  t.equal(checkAgain(world, runner), null);
  const names = nameChoices(world, [...runner.choices.subarray(0, runner.length)]).steps;
  const attempt = new LooseReplay(world, 'no-hang');
  const shrunk = shrinkSchedule(attempt, names);
  t.ok(shrunk.length < 20, shrunk.join(', '));
  t.match(attempt.fault, /leads? back to where they began/);
  t.match(replay(world, stepsByName(shrunk)), { holds: false, oracle: 'no-hang', diverged: null, quiescent: false });
  world.memory.undo(0, 0, 0);
  t.match(replay(world, stepsByName(shrunk.slice(0, -1))), { holds: true, oracle: null });
  t.end();
});

t.test('a run that polls while the backend is about to answer is only unlucky, however long', (t) => {
  const world = spinning(true);
  const runner = new Runner();
  /** Polls whenever that is possible. */
  const stubborn: Scheduler = {
    begin() {},
    pick: ({ world: here, choices, count }) =>
      Math.max(
        0,
        [...choices.subarray(0, count)].findIndex((choice) => here.describe(choice).includes('spin')),
      ),
  };
  const settings = { length: 40, faults: 0, coverage: null, random: new Random(1) };
  t.equal(runner.run(world, { ...settings, scheduler: stubborn }), 0);
  t.equal(runner.length, STEPS_MAX);
  for (let seed = 0; seed < 50; seed++)
    t.equal(runner.run(world, { ...settings, scheduler: new RandomWalk(), random: new Random(seed) }), 0);
  t.end();
});

t.test('the path table agrees with a stack, through growth and return', (t) => {
  const anyMoves = fc.array(fc.tuple(fc.boolean(), fc.integer(), fc.nat(3)), { maxLength: 200 });
  fc.assert(
    fc.property(anyMoves, (moves) => {
      const table = new PathTable();
      const stack: (readonly [number, number])[] = [];
      for (const [down, low, high] of moves) {
        const top = stack.at(-1);
        if (down || top === undefined) {
          if (stack.some(([l, h]) => l === low && h === high)) continue;
          table.push(low, high, stack.length);
          stack.push([low, high]);
        } else {
          table.pop(top[0], top[1]);
          stack.pop();
        }
        stack.forEach(([l, h], depth) => {
          if (table.depthOf(l, h) !== depth) throw new Error(`depth ${depth} lost`);
        });
        if (table.depthOf(0x7fffffff, 77) !== -1) throw new Error('found a state that is not there');
      }
    }),
  );
  const large = new PathTable();
  for (let depth = 0; depth < 10_000; depth++) large.push(depth * 7, depth, depth);
  for (let depth = 9_999; depth >= 0; depth--) {
    if (large.depthOf(depth * 7, depth) !== depth) t.fail(`depth ${depth} lost in growth`);
    large.pop(depth * 7, depth);
  }
  t.equal(large.depthOf(0, 0), -1);
  t.end();
});
