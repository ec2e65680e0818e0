import fc from 'fast-check';
import t from 'tap';
import { digestMemory, digestWords, mix } from '../protocol/digest.js';
import { PAGE_SIZE, packWords, readBytes, writeBytes } from '../protocol/memory.js';
import { openMemory } from './support/open-memory.js';

const HERE = PAGE_SIZE;
const THERE = 2 * PAGE_SIZE;

t.test('bytes come back as they were stored, and wider loads are little-endian', async (t) => {
  const memory = openMemory(1);
  writeBytes(memory, HERE, Uint8Array.of(0x78, 0x56, 0x34, 0xf2, 0xff));
  t.strictSame([...readBytes(memory, HERE, 6)], [0x78, 0x56, 0x34, 0xf2, 0xff, 0]);
  t.equal(memory.read32(HERE), 0xf2345678, 'unsigned');
  t.equal(memory.read16(HERE), 0x5678);
  t.equal(memory.read16(HERE + 2), 0xf234);
  memory.write16(HERE + 2, 0x1abcd);
  memory.write8(HERE, 0x1ee);
  t.equal(memory.read32(HERE), 0xabcd56ee, 'stores keep the low bits');
});

t.test('words are packed little-endian and padded with zero', async (t) => {
  t.strictSame(packWords(Uint8Array.of(1, 2, 3, 4, 5)), Int32Array.of(0x04030201, 5));
  t.strictSame(packWords(new Uint8Array(0)), new Int32Array(0));
});

t.test('writeWords, copy and clear agree with bytes', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (data) => {
      const memory = openMemory(2);
      memory.writeWords(HERE, packWords(data), data.length);
      memory.copy(HERE, THERE, data.length);
      const copied = readBytes(memory, THERE, data.length);
      memory.clear(HERE, data.length);
      const cleared = readBytes(memory, HERE, data.length);
      return data.every((byte, i) => copied[i] === byte && cleared[i] === 0);
    }),
  );
});

t.test('the digest depends on the bytes and on their number, not on where they lie', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (data) => {
      const memory = openMemory(2);
      memory.write32(THERE + (data.length & ~3), -1); // bytes behind the end do not count
      writeBytes(memory, HERE, data);
      writeBytes(memory, THERE, data);
      const digest = digestMemory(memory, HERE, data.length);
      return (
        digest === digestMemory(memory, THERE, data.length) && digest === digestWords(packWords(data), data.length)
      );
    }),
  );
  t.not(digestWords(packWords(Uint8Array.of(1)), 1), digestWords(packWords(Uint8Array.of(1, 0)), 2));
  t.not(digestWords(Int32Array.of(1, 2), 8), digestWords(Int32Array.of(2, 1), 8));
  t.not(mix(mix(0, 1), 2), mix(mix(0, 2), 1), 'order matters');
});
