/** The sketch against a set: how far off it is, and that it is a join. */
import fc from 'fast-check';
import t from 'tap';
import { Sketch } from '../../campaign/sketch.js';
import { Random } from '../../simulator/random.js';

t.test('the estimate is within four standard errors, from nothing to a million', async (t) => {
  const random = new Random(1);
  const sketch = new Sketch();
  const seen = new Set<number>();
  t.equal(sketch.estimate, 0);
  for (const size of [1, 10, 100, 1000, 10_000, 40_000, 80_000, 300_000, 1_000_000]) {
    while (seen.size < size) {
      const value = random.next() >>> 6;
      seen.add(value);
      sketch.add(value);
      sketch.add(value);
    }
    // 1.04 / sqrt(16384), four times.
    const off = Math.abs(sketch.estimate - size) / size;
    t.ok(off < 0.0325, `${size}: ${sketch.estimate}`);
  }
});

t.test('sketches of parts put together are the sketch of the whole', async (t) => {
  const parts = fc.array(fc.array(fc.integer(), { maxLength: 50 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(parts, (lists) => {
      const whole = new Sketch();
      const joined = new Sketch();
      for (const list of lists) {
        const part = new Sketch();
        for (const value of list) {
          part.add(value);
          whole.add(value);
        }
        joined.absorb(part);
        joined.absorb(part);
      }
      return Buffer.compare(joined.registers, whole.registers) === 0;
    }),
  );
  t.pass('and putting one in twice changes nothing');
});
