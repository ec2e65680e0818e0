/** Words that grow keep what they hold, in a shared memory as well as where there is none. */
import fc from 'fast-check';
import t from 'tap';
import type { Allocate } from '../protocol/allocate.js';
import { GrowingWords } from '../protocol/growing-words.js';

/** What lengths are asked for: some are shorter than what is there. */
const lengths = fc.array(fc.integer({ min: 1, max: 200_000 }), { maxLength: 6 });

/** Whether words that grow step by step hold what was written before, and else zeros. */
function keeps(words: GrowingWords, asked: readonly number[]): boolean {
  let written = 0;
  for (const length of asked) {
    words.grow(length);
    if (words.words.length < length) return false;
    for (let i = 0; i < words.words.length; i++) if (words.words[i] !== (i < written ? i + 1 : 0)) return false;
    for (; written < length; written++) words.words[written] = written + 1;
  }
  return true;
}

const webAssembly = (globalThis as unknown as { WebAssembly: { Memory: unknown } }).WebAssembly;

/** Runs `action` where the memory of WebAssembly is something else. */
function withMemory(memory: unknown, action: () => void): void {
  const real = webAssembly.Memory;
  webAssembly.Memory = memory;
  try {
    action();
  } finally {
    webAssembly.Memory = real;
  }
}

class NoMemory {
  constructor() {
    throw new RangeError('no addresses');
  }
}

/** Is full when it is asked first, and must not be asked again: the words are elsewhere then. */
class FullMemory {
  readonly buffer = new SharedArrayBuffer(65_536);
  #asked = false;
  grow(): number {
    if (this.#asked) return 1;
    this.#asked = true;
    throw new RangeError('full');
  }
}

t.test('what was written stays, what is new is zero', async () => {
  fc.assert(
    fc.property(lengths, (asked) => keeps(new GrowingWords(1), asked)),
    { numRuns: 50 },
  );
});

for (const [name, memory] of Object.entries({ 'there is no shared memory': NoMemory, 'it is full': FullMemory }))
  t.test(`also where ${name}`, async () => {
    withMemory(memory, () => {
      fc.assert(
        fc.property(lengths, (asked) => keeps(new GrowingWords(1), asked)),
        { numRuns: 20 },
      );
    });
  });

t.test('nothing is copied: who holds the array of before sees the same words', async (t) => {
  const words = new GrowingWords(100);
  const before = words.words;
  words.grow(1_000_000);
  words.words[7] = 42;
  t.equal(before[7], 42);
  t.ok(before.length < 1_000_000);
});

t.test('whoever gives the room is told of words that have grown, and asked where they must be copied', async (t) => {
  const told: number[] = [];
  const asked: number[] = [];
  const allocate: Allocate = Object.assign(
    (byteLength: number): ArrayBuffer => {
      asked.push(byteLength);
      return new ArrayBuffer(byteLength);
    },
    { advise: (words: Int32Array): unknown => told.push(words.length) },
  );
  const words = new GrowingWords(1, allocate);
  words.grow(50_000);
  t.strictSame([told, asked], [[words.words.length], []]);
  withMemory(NoMemory, () => new GrowingWords(3, allocate).grow(4));
  t.strictSame([told.length, asked], [1, [12, 16]]);
});

t.test('words that nobody holds are given back, as those of plain arrays are', async (t) => {
  const MEGABYTES = 32;
  const TABLES = 100;
  const before = process.memoryUsage().rss;
  let most = 0;
  for (let table = 0; table < TABLES; table++) {
    const words = new GrowingWords(1);
    words.grow((MEGABYTES << 20) / 4);
    words.words.fill(1);
    most = Math.max(most, process.memoryUsage().rss - before);
  }
  t.ok(most < (TABLES * MEGABYTES * 2 ** 20) / 3, `${most >> 20} MiB at most`);
});
