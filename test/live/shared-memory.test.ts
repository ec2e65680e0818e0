/**
 * Memory that processes, or threads, share behaves to a driver as the simulator's does, and every process sees of it what
 * it has opened and no more.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t from 'tap';
import { JournaledMemory, type MemoryFault } from '../../hypervisor/journaled-memory.js';
import { Rights } from '../../live/memory/address-space.js';
import { native } from '../../live/memory/native.js';
import { SharedMemory } from '../../live/memory/shared-memory.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { PLAN, testSpaces } from '../support/live/spaces.js';

const FRAME = PLAN.guest.firstFrame;
const BASE = FRAME * PAGE_SIZE;

type Operation =
  | { readonly kind: 'write8' | 'write16' | 'write32' | 'or32' | 'and32'; readonly at: number; readonly value: number }
  | { readonly kind: 'writeWords'; readonly at: number; readonly words: readonly number[]; readonly length: number }
  | { readonly kind: 'copy'; readonly from: number; readonly to: number; readonly length: number }
  | { readonly kind: 'clear'; readonly at: number; readonly length: number };

const value = fc.integer({ min: 0, max: 0xffff_ffff });
const word = fc.integer({ min: 0, max: 2 * (PAGE_SIZE / 4) - 65 }).map((index) => index * 4);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('write8' as const), at: fc.integer({ min: 0, max: 2 * PAGE_SIZE - 1 }), value }),
  fc.record({ kind: fc.constant('write16' as const), at: word.map((at) => at + 2), value }),
  fc.record({ kind: fc.constantFrom('write32' as const, 'or32' as const, 'and32' as const), at: word, value }),
  fc.record({
    kind: fc.constant('writeWords' as const),
    at: word,
    words: fc.array(fc.integer(), { minLength: 64, maxLength: 64 }),
    length: fc.integer({ min: 0, max: 256 }),
  }),
  fc.record({
    kind: fc.constant('copy' as const),
    from: fc.constant(0),
    to: word.map((at) => Math.max(at, 256)),
    length: fc.integer({ min: 0, max: 250 }),
  }),
  fc.record({ kind: fc.constant('clear' as const), at: word, length: fc.integer({ min: 0, max: 256 }) }),
);

function apply(memory: SharedMemory | JournaledMemory, base: number, step: Operation): void {
  if (step.kind === 'writeWords') memory.writeWords(base + step.at, Int32Array.from(step.words), step.length);
  else if (step.kind === 'copy') memory.copy(base + step.from, base + step.to, step.length);
  else if (step.kind === 'clear') memory.clear(base + step.at, step.length);
  else memory[step.kind](base + step.at, step.value);
}

for (const spaces of testSpaces()) {
  t.test(`${spaces.name}: the same stores leave the same bytes as in the simulator`, async () => {
    const space = spaces.create();
    space.open(FRAME, 2, Rights.Store);
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (steps) => {
        const shared = new SharedMemory(space);
        const journaled = new JournaledMemory(4);
        shared.clear(BASE, 2 * PAGE_SIZE);
        for (const step of steps) {
          apply(shared, BASE, step);
          apply(journaled, PAGE_SIZE, step);
        }
        for (let at = 0; at < 2 * PAGE_SIZE; at += 4) {
          if (shared.read32(BASE + at) !== journaled.read32(PAGE_SIZE + at)) return false;
        }
        return (
          shared.read8(BASE + 5) === journaled.read8(PAGE_SIZE + 5) &&
          shared.read16(BASE + 6) === journaled.read16(PAGE_SIZE + 6)
        );
      }),
    );
  });

  t.test(`${spaces.name}: what is not open faults, and a page to be read cannot be stored to`, async (t) => {
    const space = spaces.create();
    const memory = new SharedMemory(space);
    const fault = { name: 'MemoryFault' } as MemoryFault;
    t.throws(() => memory.read8(BASE), fault);
    t.throws(() => memory.write32(BASE, 1), fault);
    t.throws(() => memory.read32(0), fault, 'address 0 is nobody’s');
    t.throws(() => memory.read32(PLAN.frames * PAGE_SIZE + 4), fault, 'nor is what lies past the end');
    t.throws(() => memory.write8(PLAN.frames * PAGE_SIZE, 1), fault);
    space.open(FRAME, 1, Rights.Load);
    t.equal(memory.read32(BASE) >= 0, true);
    t.throws(() => memory.write8(BASE, 1), fault);
    t.throws(() => memory.or32(BASE, 1), fault);
    t.throws(() => memory.copy(BASE, BASE + PAGE_SIZE, 4), fault);
    t.throws(() => memory.copy(BASE + PAGE_SIZE, BASE, 4), fault);
    space.open(FRAME, 1, Rights.Store);
    memory.write32(BASE, 7);
    t.throws(() => memory.clear(BASE + PAGE_SIZE - 4, 8), fault, 'a range that reaches into the next page');
    space.open(FRAME, 1, Rights.None);
    t.throws(() => memory.read32(BASE), fault);
    t.throws(() => space.open(PLAN.guest.firstFrame - 1, 2, Rights.Load), { name: 'AssertionError' });
  });

  t.test(`${spaces.name}: what one stores another loads, in the page that both have open`, async (t) => {
    const [one, other] = [spaces.create(), spaces.create()];
    one.open(FRAME, 2, Rights.Store);
    other.open(FRAME + 1, 1, Rights.Load);
    const [writer, reader] = [new SharedMemory(one), new SharedMemory(other)];
    writer.write32(BASE + PAGE_SIZE + 8, 0x1234_5678);
    t.equal(reader.read32(BASE + PAGE_SIZE + 8), 0x1234_5678);
    t.throws(() => reader.read32(BASE), { name: 'MemoryFault' } as MemoryFault);
  });
}

t.test('two processes add to one word and change bits of one word: nothing is lost', async (t) => {
  const spaces = testSpaces().find(({ name }) => name === 'processes');
  if (native() === null || spaces === undefined) {
    t.comment('koffi is not installed');
    t.pass();
    return;
  }
  const space = spaces.create();
  space.open(FRAME, 1, Rights.Store);
  const memory = new SharedMemory(space);
  const TIMES = 200_000;
  const program = fileURLToPath(new URL('../support/live/adder.js', import.meta.url));
  const guest = spaces.descriptors.guest as number;
  const children = ['3', '17'].map((bit) =>
    spawn(process.execPath, [program, String(TIMES), bit], {
      stdio: ['ignore', 'inherit', 'inherit', 'ignore', guest],
    }),
  );
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number));
  t.strictSame(codes, [0, 0]);
  t.equal(memory.read32(BASE), 2 * TIMES);
  t.equal(memory.read32(BASE + 4), 0);
  t.equal(memory.read32(BASE + 8), (1 << 3) | (1 << 17));
});
