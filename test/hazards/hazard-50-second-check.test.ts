/**
 * Hazard 50: missing second check before sleep: both sides wait.
 *
 * A consumer that finds its ring empty, asks to be notified and goes to sleep misses an item that was published
 * between the look and the asking: the producer saw that nobody wanted to be told, and the consumer does not look
 * again. The same hole opens from the other side when a producer asks before it publishes. `support/wakeup.ts` runs
 * every order of the steps of the two.
 */
import t from 'tap';
import { enumerateWakeups } from '../support/wakeup.js';

t.test('a consumer that does not look again after arming the event sleeps on an item', async (t) => {
  const { lost } = enumerateWakeups({ items: 2, recheck: false, publishFirst: true });
  t.ok(lost.length > 0);
  for (const schedule of lost) {
    const last = (step: string): number => schedule.lastIndexOf(step);
    const text = schedule.join(' ');
    t.ok(last('check') < last('publish'), `looked too early: ${text}`);
    t.ok(last('ask') < last('arm'), `asked too late: ${text}`);
  }
});

t.test('a producer that asks before it publishes leaves an item behind, whatever the consumer does', async (t) => {
  for (const recheck of [false, true]) {
    const { lost } = enumerateWakeups({ items: 1, recheck, publishFirst: false });
    t.ok(lost.length > 0);
    for (const schedule of lost) t.ok(schedule.indexOf('ask') < schedule.indexOf('publish'));
  }
});

t.test('publish, then ask; arm, then look again: no order of the steps loses an item', async (t) => {
  for (const items of [1, 2, 3]) {
    const { schedules, lost } = enumerateWakeups({ items, recheck: true, publishFirst: true });
    t.strictSame(lost, [], `${items} items, ${schedules} schedules`);
  }
});
