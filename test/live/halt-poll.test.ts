/**
 * A wait that is over soon is noticed without sleep, and one that is not costs a moment; where others want the processor,
 * it is left to them.
 */
import t from 'tap';
import { HaltPoll } from '../../live/memory/halt-poll.js';

/** A machine on which a look takes a microsecond, and an offer as many milliseconds as `offers` says. */
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
}

t.test('what happens soon is seen as it happens, and the processor offered between the looks', async (t) => {
  const machine = new Machine();
  const { seen, took } = machine.wait(0.05);
  t.ok(seen);
  t.ok(took >= 0.05 && took < 0.06, `${took} ms`);
  t.ok(machine.offered >= 10, `${machine.offered} offers`);
});

t.test('what holds already costs no offer', async (t) => {
  const machine = new Machine();
  t.ok(machine.wait(0).seen);
  t.equal(machine.offered, 0);
});

t.test('what takes longer is slept for, and for no longer than was said', async (t) => {
  const machine = new Machine();
  const late = machine.wait(3);
  t.ok(late.seen);
  t.ok(late.took >= 3 && late.took < 3.1, `${late.took} ms`);
  t.ok(late.slept > 2.5, `slept ${late.slept} ms`);
  const never = machine.wait(1000);
  t.notOk(never.seen);
  t.ok(never.took >= 5 && never.took < 5.1, `${never.took} ms`);
});

t.test('where an offer takes long, it is not made again for a while, and for a longer one each time', async (t) => {
  const machine = new Machine();
  machine.offerTakes = 3;
  const rests: number[] = [];
  for (let i = 0; i < 12; i++) {
    const before = machine.offered;
    const begun = machine.now;
    while (machine.offered === before) t.notOk(machine.wait(1000, 0.5).seen);
    t.equal(machine.offered, before + 1, 'one offer shows it');
    rests.push(machine.now - begun);
  }
  for (let i = 2; i < 8; i++) t.ok((rests[i] as number) > (rests[i - 1] as number) * 1.5, `${rests}`);
  t.ok(Math.max(...rests) < 1100, `${rests}`);
});

t.test('what has happened while somebody else had the processor is seen', async (t) => {
  const machine = new Machine();
  machine.offerTakes = 3;
  t.ok(machine.wait(1).seen);
});

t.test('when others have gone, it is looked for again, and one long offer means little', async (t) => {
  const machine = new Machine();
  machine.offerTakes = 3;
  for (let i = 0; i < 10_000; i++) {
    machine.now += 1;
    machine.wait(1000);
  }
  machine.offerTakes = 0.001;
  machine.now += 1000;
  for (let i = 0; i < 60; i++) t.ok(machine.wait(0.05).slept === 0);
  // Soon after: they may be back.
  machine.offerTakes = 3;
  machine.wait(1000);
  machine.offerTakes = 0.001;
  machine.now += 10;
  t.ok(machine.wait(0.05).slept > 0);
  machine.now += 60_000;
  machine.offerTakes = 3;
  machine.wait(1000);
  machine.offerTakes = 0.001;
  machine.now += 10;
  t.equal(machine.wait(0.05).slept, 0);
});
