/**
 * Where waits are over soon, the next one is noticed without sleep; where they are not, or others want the processor, it
 * sleeps at once.
 */
import t from 'tap';
import { HaltPoll } from '../../live/memory/halt-poll.js';

const SHORT = 0.05;

/** A machine on which a look takes a microsecond, and an offer as many milliseconds as `offerTakes` says. */
class Machine {
  now = 0;
  offered = 0;
  offerTakes = 0.001;
  readonly poll = new HaltPoll({
    now: () => this.now,
    offer: () => {
      this.offered++;
      this.now += this.offerTakes;
    },
  });

  /** Waits `longest` at most for what happens in `milliseconds`; returns whether it was seen, how long it took and slept. */
  wait(milliseconds: number, longest = 5): { readonly seen: boolean; readonly took: number; readonly slept: number } {
    const begun = this.now;
    let slept = 0;
    const seen = this.poll.wait(
      () => {
        this.now += 0.001;
        return this.now - begun >= milliseconds;
      },
      (left) => {
        slept = Math.min(left, Math.max(begun + milliseconds - this.now, 0));
        this.now += slept;
      },
      longest,
    );
    return { seen, took: this.now - begun, slept };
  }

  /** Short waits until it looks before it sleeps. */
  untilItLooks(): number {
    const before = this.offered;
    let waits = 0;
    while (this.offered === before && waits < 1e5) {
      this.wait(SHORT);
      waits++;
    }
    return waits;
  }
}

t.test('after short waits the next is seen as it happens, and the processor offered between the looks', async (t) => {
  const machine = new Machine();
  t.ok(machine.untilItLooks() < 20);
  const before = machine.offered;
  const { seen, took, slept } = machine.wait(SHORT);
  t.ok(seen);
  t.equal(slept, 0);
  t.ok(took >= SHORT && took < SHORT + 0.01, `${took} ms`);
  t.ok(machine.offered >= before + 10, `${machine.offered - before} offers`);
  for (let i = 0; i < 1000; i++) t.equal(machine.wait(SHORT).slept, 0);
});

t.test('among waits of which some are long it always sleeps at once', async (t) => {
  const machine = new Machine();
  for (let i = 0; i < 100; i++) {
    for (let short = 0; short < 5; short++) t.ok(machine.wait(SHORT).slept > 0);
    t.ok(machine.wait(3).slept > 2.9);
  }
  t.equal(machine.offered, 0);
});

t.test('what holds already costs no offer, and says nothing', async (t) => {
  const machine = new Machine();
  for (let i = 0; i < 100; i++) t.ok(machine.wait(0).seen);
  t.ok(machine.wait(SHORT).slept > 0, 'they were no waits');
  machine.untilItLooks();
  const { offered } = machine;
  t.ok(machine.wait(0).seen);
  t.equal(machine.offered, offered);
});

t.test('a long wait is looked at for a moment once, and slept for no longer than was said', async (t) => {
  const machine = new Machine();
  machine.untilItLooks();
  const late = machine.wait(3);
  t.ok(late.seen);
  t.ok(late.took >= 3 && late.took < 3.1, `${late.took} ms`);
  t.ok(late.slept > 2.5 && late.slept < 2.8, `slept ${late.slept} ms`);
  t.ok(machine.wait(3).slept > 2.9, 'the next one sleeps at once');
  machine.untilItLooks();
  const never = machine.wait(1000);
  t.notOk(never.seen);
  t.ok(never.took >= 5 && never.took < 5.1, `${never.took} ms`);
  t.ok(machine.wait(SHORT).slept > 0);
});

t.test('a wait that is not over is none of the short ones, however short', async (t) => {
  const machine = new Machine();
  for (let i = 0; i < 100; i++) t.notOk(machine.wait(1000, 0.2).seen);
  t.equal(machine.offered, 0);
});

t.test('where an offer takes long there is one, and no other for many waits, whatever comes between', async (t) => {
  const machine = new Machine();
  machine.untilItLooks();
  machine.offerTakes = 3;
  for (let i = 0; i < 5; i++) {
    const { offered } = machine;
    const waits = machine.untilItLooks();
    t.equal(machine.offered, offered + 1, 'one shows it');
    t.ok(i === 0 ? waits < 3 : waits > 500 && waits < 5000, `${waits} waits`);
    machine.wait(3);
  }
  machine.offerTakes = 0.001;
  machine.untilItLooks();
  machine.wait(3);
  t.ok(machine.untilItLooks() < 20, 'when the others have gone');
});

t.test('what has happened while somebody else had the processor is seen', async (t) => {
  const machine = new Machine();
  machine.untilItLooks();
  machine.offerTakes = 3;
  const { seen, slept } = machine.wait(1);
  t.ok(seen);
  t.ok(slept < 0.01);
});
