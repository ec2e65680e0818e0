import fc from 'fast-check';
import t from 'tap';
import { Random, SEED_MAX } from '../../simulator/random.js';

t.test('a seed gives the same numbers everywhere', async (t) => {
  const random = new Random(1);
  // By another implementation of the same generator.
  t.strictSame(
    Array.from({ length: 4 }, () => random.next()),
    [393288148, 2174103013, 3814759091, 2092745082],
  );
});

t.test('numbers stay below their limit, and seeds differ', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: SEED_MAX }), fc.integer({ min: 1, max: 2 ** 32 }), (seed, limit) => {
      const random = new Random(seed);
      const value = random.below(limit);
      return Number.isInteger(value) && value >= 0 && value < limit;
    }),
  );
  t.not(new Random(1).next(), new Random(2).next());
});

t.test('every number below a limit comes up about as often', async (t) => {
  const random = new Random(7);
  const counts = new Array<number>(6).fill(0);
  for (let i = 0; i < 60_000; i++) {
    const value = random.below(6);
    counts[value] = (counts[value] ?? 0) + 1;
  }
  // Five standard deviations of 91.
  for (const count of counts) t.ok(Math.abs(count - 10_000) < 456, String(count));
});

t.test('a wrong seed or limit is a mistake of the caller', async (t) => {
  for (const seed of [-1, 0.5, SEED_MAX + 1]) t.throws(() => new Random(seed), /expected a seed/);
  for (const limit of [0, 1.5, 2 ** 33]) t.throws(() => new Random(1).below(limit), /expected a limit/);
});
