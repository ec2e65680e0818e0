/**
 * Why a consumer checks twice before it sleeps, and a producer publishes before it asks: every order of the steps of a
 * small producer and consumer (`support/wakeup.ts` draws them).
 */
import t from 'tap';
import { enumerateWakeups } from './support/wakeup.js';

t.test('one item: the event armed at the start always wakes the consumer', async (t) => {
  // write, publish and ask come before everything else, as nothing else can run: one schedule.
  for (const recheck of [true, false]) {
    const { schedules, lost } = enumerateWakeups({ items: 1, recheck, publishFirst: true });
    t.equal(schedules, 1);
    t.equal(lost.length, 0);
  }
});

t.test('without the second check an item is left in the ring', async (t) => {
  const { lost } = enumerateWakeups({ items: 2, recheck: false, publishFirst: true });
  // The consumer is woken by the first item and runs wake, take, check, arm once. It loses the second item when
  //  - check came before its publish, else there would have been work, and
  //  - arm came after its ask, else the event would have said "notify".
  // So check < publish < ask < arm, and only the place of the second write is free: right after the first ask, or
  // after wake, take or check. 4 schedules.
  t.equal(lost.length, 4);
  for (const schedule of lost) {
    const order = ['check', 'publish', 'ask', 'arm'].map((step) => schedule.lastIndexOf(step));
    t.strictSame(
      order,
      [...order].sort((a, b) => a - b),
      schedule.join(' '),
    );
  }
  const writes = lost.map((schedule) => schedule[schedule.lastIndexOf('write') - 1]).sort();
  t.strictSame(writes, ['ask', 'check', 'take', 'wake']);
});

t.test('with the second check no order of steps loses an item', async (t) => {
  for (const items of [2, 3]) {
    const { schedules, lost, notificationsMin } = enumerateWakeups({ items, recheck: true, publishFirst: true });
    t.strictSame(lost, []);
    t.ok(schedules > 4);
    t.equal(notificationsMin, 1, `${items} items with one notification: the hold-off saves some`);
  }
});

t.test('asking before publishing loses items, second check or not', async (t) => {
  // One item: the publish may fall before or after each of the five steps of the consumer; only after all of them is
  // it too late.
  const { lost } = enumerateWakeups({ items: 1, recheck: true, publishFirst: false });
  t.strictSame(lost, [['write', 'ask', 'wake', 'take', 'check', 'arm', 'recheck', 'publish']]);
});
