/**
 * A producer and a consumer on a ring, cut into the steps between which another processor may do anything, and an
 * enumeration of every order of those steps. For the hold-off of notifications in xen/include/public/io/ring.h.
 *
 *     producer, for each item:   write | publish | ask        ask: does the event say "notify"?
 *     consumer, when woken:      take all | check | arm | recheck
 *                                   ^--------'--------------'   back when there is work, else asleep
 *
 * Left out, as designs that look right and are not: the recheck; the order of publish and ask (what the full barrier
 * between them is for). The state of both is in memory, so the enumeration goes back by undoing.
 */
import { assert } from '../../protocol/assert.js';
import { layout, u8 } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { ringShape } from '../../protocol/ring.js';
import { type RingPair, request, ringPair, take } from './ring-pair.js';

export interface WakeupDesign {
  readonly items: number;
  /** Whether the consumer looks again after it has armed the event. */
  readonly recheck: boolean;
  /** Whether the producer publishes before it looks at the event. */
  readonly publishFirst: boolean;
}

export interface WakeupResult {
  /** Complete orders of steps. */
  readonly schedules: number;
  /** Those after which an item lies in the ring, the consumer sleeps and nothing will wake it. */
  readonly lost: readonly (readonly string[])[];
  /** Notifications in the schedule with the fewest. */
  readonly notificationsMin: number;
}

type Step = 'write' | 'publish' | 'ask' | 'wake' | 'take' | 'check' | 'arm' | 'recheck';

/** What the two know beside the ring. `before` is the producer index that `publish` gave. */
const State = layout('wakeup', {
  written: u8,
  producer: u8,
  before: u8,
  consumer: u8,
  taken: u8,
  pending: u8,
  notifications: u8,
});

const AWAY = 0;

export function enumerateWakeups(design: WakeupDesign): WakeupResult {
  const pair: RingPair = ringPair(ringShape({ entrySize: 8, bits: 3, size: 4 }));
  const state = State.view(pair.memory).at(3 * PAGE_SIZE + 1024);
  const producer: readonly Step[] = design.publishFirst ? ['write', 'publish', 'ask'] : ['write', 'ask', 'publish'];
  const consumer: readonly Step[] = ['wake', 'take', 'check', 'arm', ...(design.recheck ? (['recheck'] as const) : [])];
  const lost: string[][] = [];
  const schedule: Step[] = [];
  let schedules = 0;
  let notificationsMin = Number.POSITIVE_INFINITY;

  const goTo = (step: Step): void => {
    state.consumer = consumer.indexOf(step);
  };

  const run = (step: Step): void => {
    switch (step) {
      case 'write':
        request(pair, state.written);
        state.written += 1;
        state.before = pair.shared.req_prod;
        break;
      case 'publish':
        state.before = pair.front.publish();
        break;
      case 'ask':
        if (pair.front.shouldNotify(state.before)) {
          state.pending = 1;
          state.notifications += 1;
        }
        break;
      case 'wake':
        state.pending = 0;
        break;
      case 'take':
        while (pair.back.sampleRequests() > 0) {
          assert(take(pair) === state.taken, 'items come in order');
          state.taken += 1;
          pair.memory.write32(pair.back.responseSlot(), 0);
          pair.back.commitResponse();
        }
        break;
      case 'check':
      case 'recheck':
        if (pair.back.recheck()) {
          goTo('take');
          return;
        }
        break;
      case 'arm':
        pair.back.armEvent();
        break;
    }
    if (producer.includes(step)) state.producer = (state.producer + 1) % producer.length;
    else state.consumer = (state.consumer + 1) % consumer.length;
  };

  const explore = (): void => {
    const choices: Step[] = [];
    const next = producer[state.producer];
    if (next !== undefined && (state.producer !== 0 || state.written < design.items)) choices.push(next);
    const then = consumer[state.consumer];
    if (then !== undefined && (state.consumer !== AWAY || state.pending === 1)) choices.push(then);

    if (choices.length === 0) {
      schedules++;
      notificationsMin = Math.min(notificationsMin, state.notifications);
      if (state.taken < design.items) lost.push([...schedule]);
    }
    const { journalLength, hashLow, hashHigh } = pair.memory;
    for (const step of choices) {
      schedule.push(step);
      run(step);
      explore();
      schedule.pop();
      pair.memory.undo(journalLength, hashLow, hashHigh);
    }
  };
  explore();
  return { schedules, lost, notificationsMin };
}
