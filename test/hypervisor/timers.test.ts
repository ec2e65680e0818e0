import fc from 'fast-check';
import t from 'tap';
import {
  hasFired,
  passTime,
  setTimer,
  stopTimer,
  type TimerPlace,
  timerRuns,
  untilNext,
} from '../../hypervisor/timers.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { openMemory } from '../support/open-memory.js';

const HERE = PAGE_SIZE;
const ticking = (): boolean => true;

t.test('a timer is off, runs, fires, and stays fired until it is set or stopped', async (t) => {
  const memory = openMemory(1);
  const places: TimerPlace[] = [{ address: HERE, ticking }];
  const now = (): boolean[] => [timerRuns(memory, HERE), hasFired(memory, HERE)];
  t.strictSame(now(), [false, false], 'off');
  t.equal(untilNext(memory, places), 0);
  setTimer(memory, HERE, 100);
  t.strictSame(now(), [true, false]);
  t.equal(untilNext(memory, places), 100);
  passTime(memory, places, 99);
  t.strictSame(now(), [true, false]);
  t.equal(untilNext(memory, places), 1);
  passTime(memory, places, 1);
  t.strictSame(now(), [false, true], 'fired');
  t.equal(untilNext(memory, places), 0);
  passTime(memory, places, 1000);
  t.strictSame(now(), [false, true], 'and no more than that');
  setTimer(memory, HERE, 5);
  t.strictSame(now(), [true, false], 'set again');
  stopTimer(memory, HERE);
  t.strictSame(now(), [false, false], 'stopped');
  passTime(memory, places, 1000);
  t.strictSame(now(), [false, false], 'a stopped timer does not fire');
});

t.test('a timer is one word: 0 off, 1 fired, else the milliseconds left and one', async (t) => {
  const memory = openMemory(1);
  setTimer(memory, HERE, 7);
  t.equal(memory.read32(HERE), 8);
  passTime(memory, [{ address: HERE, ticking }], 3);
  t.equal(memory.read32(HERE), 5);
  passTime(memory, [{ address: HERE, ticking }], 30);
  t.equal(memory.read32(HERE), 1, 'time beyond the end is not counted');
  stopTimer(memory, HERE);
  t.equal(memory.read32(HERE), 0);
  t.strictSame([memory.hashLow, memory.hashHigh], [0, 0]);
});

t.test('a timer set to no time has fired', async (t) => {
  const memory = openMemory(1);
  setTimer(memory, HERE, 0);
  t.ok(hasFired(memory, HERE));
});

t.test('a timer of more than 2^31 milliseconds runs down like any other', async (t) => {
  const memory = openMemory(1);
  const places: TimerPlace[] = [{ address: HERE, ticking }];
  setTimer(memory, HERE, 3_000_000_000);
  t.ok(timerRuns(memory, HERE));
  t.equal(untilNext(memory, places), 3_000_000_000);
  passTime(memory, places, 2_999_999_999);
  t.equal(untilNext(memory, places), 1);
});

t.test('a timer stands still while its owner does not tick, and keeps nobody waiting', async (t) => {
  const memory = openMemory(1);
  let frozen = true;
  const places: TimerPlace[] = [
    { address: HERE, ticking: () => !frozen },
    { address: HERE + 4, ticking },
  ];
  setTimer(memory, HERE, 10);
  t.equal(untilNext(memory, places), 0, 'none that ticks');
  setTimer(memory, HERE + 4, 50);
  t.equal(untilNext(memory, places), 50);
  passTime(memory, places, 50);
  t.strictSame([hasFired(memory, HERE), hasFired(memory, HERE + 4)], [false, true]);
  frozen = false;
  t.equal(untilNext(memory, places), 10, 'it goes on where it stood');
});

t.test('a timer that is copied with its page has a copy of its time', async (t) => {
  const memory = openMemory(2);
  setTimer(memory, HERE + 8, 40);
  passTime(memory, [{ address: HERE + 8, ticking }], 15);
  memory.copyPage(1, 2);
  stopTimer(memory, HERE + 8);
  t.equal(untilNext(memory, [{ address: HERE + PAGE_SIZE + 8, ticking }]), 25);
});

t.test(
  'letting the time until the next timer pass fires the timers of least time, in the order of their ends',
  async () => {
    const durations = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 0xfffffffd })), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(durations, (all) => {
        const memory = openMemory(1);
        const places = all.map((_, i): TimerPlace => ({ address: HERE + i * 4, ticking }));
        for (const [i, duration] of all.entries()) setTimer(memory, HERE + i * 4, duration);
        let now = 0;
        for (const end of [...new Set(all)].sort((a, b) => a - b)) {
          const step = untilNext(memory, places);
          if (now + step !== end) return false;
          passTime(memory, places, step);
          now = end;
          if (!all.every((duration, i) => hasFired(memory, HERE + i * 4) === duration <= now)) return false;
        }
        return untilNext(memory, places) === 0;
      }),
    );
  },
);
