import fc from 'fast-check';
import t from 'tap';
import { ALL_AGENTS, CrashSignal, JournaledMemory, MemoryFault, NO_CRASH } from '../hypervisor/journaled-memory.js';
import type { Hashed } from '../protocol/hashed.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import { openMemory } from './support/open-memory.js';

const HERE = PAGE_SIZE;

interface Store {
  readonly size: 8 | 16 | 32;
  /** Word of the page; few, so that stores meet. */
  readonly word: number;
  readonly value: number;
}

const anyStore: fc.Arbitrary<Store> = fc.record({
  size: fc.constantFrom(8, 16, 32),
  word: fc.nat(5),
  value: fc.oneof(fc.nat(2), fc.integer()),
});

function apply(memory: JournaledMemory, { size, word, value }: Store): void {
  const address = HERE + word * 4;
  if (size === 8) memory.write8(address + 3, value);
  else if (size === 16) memory.write16(address + 2, value);
  else memory.write32(address, value);
}

const hashOf = (memory: JournaledMemory): readonly number[] => [memory.hashLow, memory.hashHigh];

t.test('undo brings back words and hash of any earlier moment', async () => {
  fc.assert(
    fc.property(fc.array(anyStore), fc.array(anyStore), (first, then) => {
      const memory = openMemory(1);
      for (const store of first) apply(memory, store);
      const words = memory.words.slice();
      const { journalLength, hashLow, hashHigh } = memory;
      for (const store of then) apply(memory, store);
      const later = memory.words.slice();
      memory.undo(journalLength, hashLow, hashHigh);
      const restored =
        memory.words.every((word, i) => word === words[i]) &&
        memory.hashLow === hashLow &&
        memory.hashHigh === hashHigh;
      // Going forward again gives what going forward gave before.
      for (const store of then) apply(memory, store);
      return restored && memory.words.every((word, i) => word === later[i]);
    }),
  );
});

t.test('equal states have equal hashes however they were reached', async (t) => {
  const assignment = fc.uniqueArray(fc.tuple(fc.nat(1023), fc.integer()), {
    selector: ([word]) => word,
    maxLength: 12,
  });
  const shuffled = assignment.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
  );
  fc.assert(
    fc.property(shuffled, fc.array(anyStore), ([all, other], detour) => {
      const one = openMemory(1);
      for (const [word, value] of all) one.write32(HERE + word * 4, value);
      const two = openMemory(1);
      for (const store of detour) apply(two, store);
      two.clear(HERE, PAGE_SIZE);
      for (const [word, value] of other) two.write32(HERE + word * 4, value);
      return one.hashLow === two.hashLow && one.hashHigh === two.hashHigh;
    }),
  );
  const memory = openMemory(1);
  memory.write32(HERE, 7);
  memory.write32(HERE, 0);
  t.strictSame(hashOf(memory), [0, 0], 'back at the origin');
});

t.test('each of a thousand small states has a hash of its own', async (t) => {
  // All states of three words with values 0 to 9, one with another: 1000.
  const seen = new Set<string>();
  const memory = openMemory(1);
  for (let i = 0; i < 1000; i++) {
    memory.write32(HERE, i % 10);
    memory.write32(HERE + 4, Math.floor(i / 10) % 10);
    memory.write32(HERE + 8, Math.floor(i / 100));
    seen.add(hashOf(memory).join());
  }
  t.equal(seen.size, 1000);
});

t.test('every access to a page of others faults and changes nothing', async (t) => {
  const memory = new JournaledMemory(3);
  memory.protect(1, 0b01);
  memory.protect(2, 0b10);
  memory.current = 0b01;
  memory.write32(HERE, 5);
  const foreign = 2 * PAGE_SIZE + 8;
  const accesses: readonly (readonly [string, () => void])[] = [
    ['load', () => memory.read8(foreign)],
    ['load', () => memory.read16(foreign)],
    ['load', () => memory.read32(foreign)],
    ['load', () => memory.copy(foreign, HERE, 4)],
    ['store', () => memory.write8(foreign, 0)],
    ['store', () => memory.write16(foreign, 0)],
    ['store', () => memory.write32(foreign, 0)],
    ['store', () => memory.copy(HERE, foreign, 4)],
    ['store', () => memory.clear(foreign, 4)],
    ['store', () => memory.writeWords(foreign, Int32Array.of(1), 4)],
  ];
  const { journalLength } = memory;
  for (const [access, run] of accesses) {
    t.throws(run, { name: 'MemoryFault', access, address: foreign, agents: 1 });
  }
  t.equal(memory.journalLength, journalLength);
  t.equal(memory.agentsOf(2), 0b10);
  memory.current = 0b10;
  t.equal(memory.read32(foreign), 0, 'and its owner finds it unchanged');
});

t.test('sharing is revocable, journaled and part of the state', async (t) => {
  const memory = new JournaledMemory(2);
  memory.current = 0b100;
  t.throws(() => memory.read32(HERE), MemoryFault);
  const { journalLength, hashLow, hashHigh } = memory;
  memory.protect(1, 0b110);
  t.equal(memory.read32(HERE), 0);
  t.not(memory.hashLow, hashLow);
  memory.undo(journalLength, hashLow, hashHigh);
  t.throws(() => memory.read32(HERE), MemoryFault);
  t.throws(() => memory.protect(0, 1), { name: 'AssertionError' }, 'the page table itself is nobody’s');
  t.throws(() => memory.protect(2, 1), { name: 'AssertionError' });
});

t.test('no address outside the pages is reachable, even by all agents', async (t) => {
  const memory = openMemory(2);
  memory.write32(HERE, -1); // would pass for an entry of the page table of frame 1024
  for (const address of [0, 4, 3 * PAGE_SIZE, 1024 * PAGE_SIZE, 1025 * PAGE_SIZE, 0xfffffffc, -4]) {
    t.throws(() => memory.read32(address), MemoryFault, `load at ${address}`);
    t.throws(() => memory.write32(address, 1), MemoryFault, `store at ${address}`);
  }
  t.throws(() => new JournaledMemory(0), { name: 'AssertionError' });
  t.throws(() => new JournaledMemory(1025), { name: 'AssertionError' }, 'the page table is one page');
  t.equal(new JournaledMemory(1024).size, 4 * 1024 * 1024);
});

t.test('a crash lets exactly so many stores happen', async (t) => {
  for (let stores = 0; stores < 4; stores++) {
    const memory = openMemory(1);
    memory.storesLeft = stores;
    const run = (): void => {
      for (let i = 0; i < 4; i++) {
        memory.write32(HERE + i * 4, i + 1);
        memory.write32(HERE + i * 4, i + 1); // stores nothing new: no crash point of its own
      }
    };
    t.throws(run, CrashSignal);
    t.strictSame(
      [...memory.words.slice(HERE / 4, HERE / 4 + 4)],
      [1, 2, 3, 4].map((n) => (n <= stores ? n : 0)),
    );
    t.equal(memory.journalLength, stores);
    memory.storesLeft = NO_CRASH;
    t.doesNotThrow(run);
  }
});

const value = (n: number): Hashed => ({ hashLow: n, hashHigh: n * 3 });

t.test('cells are assigned, undone, hashed and crash like words', async (t) => {
  const memory = openMemory(1);
  const [a, b, c] = [value(1), value(2), value(3)];
  const tree = memory.addCell(a);
  const queue = memory.addCell(a);
  t.strictSame([tree, queue], [0, 1]);
  memory.assignCell(tree, b);
  const { journalLength, hashLow, hashHigh } = memory;
  memory.assignCell(tree, c);
  memory.write32(HERE, 1);
  memory.assignCell(queue, b);
  memory.assignCell(tree, a);
  t.strictSame([memory.cell(tree), memory.cell(queue)], [a, b]);
  memory.undo(journalLength, hashLow, hashHigh);
  t.strictSame([memory.cell(tree), memory.cell(queue), memory.read32(HERE)], [b, a, 0]);
  memory.assignCell(tree, a);
  t.strictSame(hashOf(memory), [0, 0], 'the state is the first one again');

  const before = memory.journalLength;
  memory.assignCell(tree, value(1));
  t.equal(memory.journalLength, before, 'an equal value changes nothing');

  memory.assignCell(tree, b);
  const one = hashOf(memory);
  memory.assignCell(tree, a);
  memory.assignCell(queue, b);
  t.strictNotSame(hashOf(memory), one, 'it matters which cell holds the value');

  memory.storesLeft = 1;
  memory.assignCell(queue, c);
  t.throws(() => memory.assignCell(queue, b), CrashSignal);
  t.equal(memory.cell(queue), c);
});

t.test('the journal says who changed what', async (t) => {
  const memory = openMemory(1);
  const cell = memory.addCell(value(1));
  memory.write32(HERE + 8, 5);
  memory.write32(HERE + 8, 6);
  memory.assignCell(cell, value(2));
  t.equal(memory.journalLength, 3);
  t.strictSame(
    [0, 1, 2].map((entry) => memory.journalWord(entry)),
    [HERE / 4 + 2, HERE / 4 + 2, -1 - cell],
  );
  t.strictSame(
    [0, 1].map((entry) => memory.journalOld(entry)),
    [0, 5],
  );
  memory.reset();
  t.strictSame([memory.journalLength, ...hashOf(memory)], [0, 0, 0]);
  t.equal(memory.read32(HERE + 8), 6, 'reset keeps the state');
});

t.test('the journal grows without limit', async (t) => {
  const memory = openMemory(1);
  for (let i = 1; i <= 70_000; i++) memory.write32(HERE, i);
  t.equal(memory.journalLength, 70_000);
  memory.undo(0, 0, 0);
  t.equal(memory.read32(HERE), 0);
});

t.test('an observer sees every access with its size, also a store that changes nothing', async (t) => {
  const memory = openMemory(1);
  const seen: string[] = [];
  memory.observer = {
    load: (address, size) => seen.push(`load ${address - HERE} ${size}`),
    store: (address, size) => seen.push(`store ${address - HERE} ${size}`),
  };
  memory.read8(HERE + 1);
  memory.read16(HERE + 2);
  memory.read32(HERE + 4);
  memory.write8(HERE + 1, 0);
  memory.write16(HERE + 2, 0);
  memory.write32(HERE + 4, 0);
  memory.copy(HERE, HERE + 16, 5);
  t.strictSame(seen, [
    'load 1 1',
    'load 2 2',
    'load 4 4',
    'store 1 1',
    'store 2 2',
    'store 4 4',
    'load 0 4',
    'load 4 4',
    'store 16 4',
    'store 20 4',
  ]);
  memory.observer = null;
  memory.read8(HERE);
  t.equal(seen.length, 10);
});

t.test('the toolstack copies and clears pages that nobody may touch', async (t) => {
  const memory = new JournaledMemory(3);
  memory.protect(1, ALL_AGENTS);
  memory.write32(HERE, 7);
  memory.write32(HERE + PAGE_SIZE - 4, 8);
  memory.protect(1, 0);
  const { journalLength, hashLow, hashHigh } = memory;
  memory.copyPage(1, 2);
  t.equal(memory.journalLength, journalLength + 2, 'one entry for each word that differs');
  t.strictSame(memory.words.slice(2048, 3072), memory.words.slice(1024, 2048));
  memory.clearPage(1);
  t.ok(memory.words.slice(1024, 2048).every((word) => word === 0));
  memory.undo(journalLength, hashLow, hashHigh);
  t.equal(memory.words[1024], 7);
  t.equal(memory.words[2048], 0);
});
