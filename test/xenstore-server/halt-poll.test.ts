/**
 * A daemon that is asked again and again does not sleep in between; one that is asked now and then, in vain, or on a
 * processor that others want, does.
 */
import t from 'tap';
import { assert } from '../../protocol/assert.js';
import { HaltPoll } from '../../xenstore-sim/server/halt-poll.js';

/** An event loop, a turn of which takes 2 microseconds. Times are in milliseconds. */
class Loop {
  now = 0;
  /** Turns that were taken without a request. */
  turns = 0;
  preemptionsATurn = 0;
  #preemptions = 0;
  #next: (() => void) | undefined;
  readonly #poll = new HaltPoll({
    now: () => this.now,
    nextTurn: (callback) => {
      assert(this.#next === undefined, 'expected to be asked for one turn at a time');
      this.#next = callback;
    },
    preemptions: () => this.#preemptions,
  });

  /** A request comes `after` the one before; returns whether the loop was awake then. */
  request(after: number): boolean {
    const at = this.now + after;
    while (this.#next !== undefined && this.now < at) {
      const turn = this.#next;
      this.#next = undefined;
      this.turns++;
      this.now += 0.002;
      this.#preemptions += this.preemptionsATurn;
      turn();
    }
    const awake = this.#next !== undefined;
    this.now = Math.max(this.now, at);
    this.#poll.handled();
    return awake;
  }
}

function times<T>(count: number, value: () => T): T[] {
  return Array.from({ length: count }, value);
}

t.test('requests that follow each other closely find the loop awake', async (t) => {
  const loop = new Loop();
  t.strictSame(
    times(5, () => loop.request(0.03)),
    [false, false, true, true, true],
  );
  t.notOk(times(1000, () => loop.request(0.03)).includes(false));
});

t.test('one that asks now and then costs no turn', async (t) => {
  const loop = new Loop();
  t.notOk(times(100, () => loop.request(0.2)).includes(true));
  t.equal(loop.turns, 0);
});

t.test('after the last request the loop sleeps soon', async (t) => {
  const loop = new Loop();
  for (let i = 0; i < 10; i++) loop.request(0.03);
  const before = loop.turns;
  t.notOk(loop.request(1000));
  const looked = (loop.turns - before) * 0.002;
  t.ok(looked >= 0.1 && looked < 0.11, `looked for ${looked} ms`);
});

t.test('looking in vain again and again takes hardly any time, and what pays again is noticed', async (t) => {
  const loop = new Loop();
  const inVain = (): void => {
    loop.request(0.03);
    loop.request(0.2);
  };
  for (let i = 0; i < 1000; i++) inVain();
  const [turns, began] = [loop.turns, loop.now];
  for (let i = 0; i < 5000; i++) inVain();
  const share = ((loop.turns - turns) * 0.002) / (loop.now - began);
  t.ok(share < 0.005, `${share} of the time`);
  t.ok(times(3000, () => loop.request(0.03)).includes(true), 'within 90 ms');
});

t.test('what was in vain once is forgotten when it pays', async (t) => {
  const loop = new Loop();
  for (let i = 0; i < 1000; i++) {
    loop.request(0.03);
    loop.request(0.2);
  }
  for (let i = 0; i < 10_000; i++) loop.request(0.03);
  loop.request(0.2);
  t.ok(times(100, () => loop.request(0.03)).includes(true), 'within 3 ms');
});

t.test('where others take the processor, it is left to them, and looked for again after a while', async (t) => {
  const loop = new Loop();
  loop.preemptionsATurn = 0.1;
  for (let i = 0; i < 10_000; i++) loop.request(0.03);
  const [turns, began] = [loop.turns, loop.now];
  for (let i = 0; i < 10_000; i++) loop.request(0.03);
  const share = ((loop.turns - turns) * 0.002) / (loop.now - began);
  t.ok(share > 0 && share < 0.02, `${share} of the time`);
  loop.preemptionsATurn = 0;
  for (let i = 0; i < 3000; i++) loop.request(0.03);
  t.notOk(times(10_000, () => loop.request(0.03)).includes(false));
});

t.test('a processor that is taken once is no reason to sleep', async (t) => {
  const loop = new Loop();
  loop.preemptionsATurn = 0.002;
  for (let i = 0; i < 10; i++) loop.request(0.03);
  t.notOk(times(10_000, () => loop.request(0.03)).includes(false));
});
