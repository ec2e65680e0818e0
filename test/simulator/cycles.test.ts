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
