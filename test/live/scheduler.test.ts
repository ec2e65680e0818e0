/** Who acts in a part of a live system, and what time passes for its drivers. */
import t from 'tap';
import { setTimer, type TimerPlace, untilNext } from '../../hypervisor/timers.js';
import { Rights } from '../../live/memory/address-space.js';
import { Doorbell } from '../../live/memory/doorbell.js';
import { SharedMemory } from '../../live/memory/shared-memory.js';
import { type LiveActor, Scheduler } from '../../live/scheduler.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { PLAN, testSpaces } from '../support/live/spaces.js';

const FRAME = PLAN.guest.firstFrame;
const TIMER = (FRAME + 1) * PAGE_SIZE;

/** Takes its steps one after the other. */
class Steps implements LiveActor {
  readonly #steps: (() => void)[];

  constructor(steps: readonly (() => void)[]) {
    this.#steps = [...steps];
  }

  name(): string {
    return 'steps';
  }

  ready(): boolean {
    return this.#steps.length > 0;
  }

  run(): void {
    this.#steps.shift()?.();
  }
}

t.test('a timer is charged the time from the step on that sets it, however long those before it took', async (t) => {
  const [threads] = testSpaces();
  const space = (threads as NonNullable<typeof threads>).create();
  space.open(FRAME, 2, Rights.Store);
  const memory = new SharedMemory(space);
  const doorbell = new Doorbell(space, FRAME * PAGE_SIZE);
  let now = 1000;
  const { now: clock } = performance;
  t.teardown(() => {
    performance.now = clock;
  });
  performance.now = () => now;
  const timers: readonly TimerPlace[] = [{ address: TIMER, ticking: () => true }];
  const left: number[] = [];
  const scheduler = new Scheduler({
    memory,
    doorbell,
    listener: { arm() {}, close() {} },
    actors: [
      new Steps([
        () => {
          now += 5000;
        },
        () => setTimer(memory, TIMER, 750),
        () => left.push(untilNext(memory, timers)),
        () => {
          now += 200;
        },
        () => left.push(untilNext(memory, timers)),
      ]),
    ],
    timers,
    running: () => true,
    mayBlock: () => false,
    watch: null,
    onFault: (error) => {
      throw error;
    },
  });
  scheduler.kickNow();
  scheduler.stop();
  t.strictSame(left, [750, 550]);
});
