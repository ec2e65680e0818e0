import t from 'tap';
import {
  BLKIF_ABIS,
  BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST,
  BLKIF_MAX_SEGMENTS_PER_REQUEST,
  BLKIF_SECTORS_PER_PAGE,
  BLKIF_SEGMENTS_PER_PAGE,
  BLKIF_X86_32,
  BLKIF_X86_64,
  BlkifOperation,
  BlkifSegment,
  BlkifStatus,
  blkifAbiOf,
  blkifStatusOf,
  indirectPages,
  segmentAddress,
  writeBlkifResponse,
} from '../protocol/blkif.js';
import { BlkifNode } from '../protocol/blkif-nodes.js';
import { PAGE_SIZE, readBytes, writeBytes } from '../protocol/memory.js';
import { initialiseSharedRing, RING_ENTRIES_OFFSET, ringShape, ringSizeMax } from '../protocol/ring.js';
import { BackRing } from '../protocol/ring-back.js';
import { FrontRing } from '../protocol/ring-front.js';
import { openMemory } from './support/open-memory.js';

const SHARED = PAGE_SIZE;
const OWN = 2 * PAGE_SIZE;

/** 1, 2, 3 ... so that each byte tells where it was. */
const counted = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i + 1);

// Offsets and sizes as gcc 12 compiles the public headers of Xen with -m64 and -m32.
t.test('x86_64-abi: every kind of entry lies as the header compiles', async (t) => {
  const { request, discard, indirect, response, entrySize } = BLKIF_X86_64;
  t.match(request.offset, {
    operation: 0,
    nr_segments: 1,
    handle: 2,
    id_low: 8,
    id_high: 12,
    sector_number: 16,
    seg: 24,
  });
  t.match(discard.offset, {
    operation: 0,
    flag: 1,
    handle: 2,
    id_low: 8,
    id_high: 12,
    sector_number: 16,
    nr_sectors: 24,
  });
  t.match(indirect.offset, { operation: 0, indirect_op: 1, nr_segments: 2, id_low: 8, sector_number: 16, handle: 24 });
  t.equal(indirect.offset.indirect_grefs, 28);
  t.strictSame(response.offset, { id_low: 0, id_high: 4, operation: 8, status: 10 });
  t.strictSame([request.size, discard.size, indirect.size, response.size, entrySize], [112, 32, 64, 16, 112]);
});

t.test('x86_32-abi: a 64-bit number is aligned to 4, so all after the handle lies elsewhere', async (t) => {
  const { request, discard, indirect, response, entrySize } = BLKIF_X86_32;
  t.match(request.offset, {
    operation: 0,
    nr_segments: 1,
    handle: 2,
    id_low: 4,
    id_high: 8,
    sector_number: 12,
    seg: 20,
  });
  t.match(discard.offset, {
    operation: 0,
    flag: 1,
    handle: 2,
    id_low: 4,
    id_high: 8,
    sector_number: 12,
    nr_sectors: 20,
  });
  t.match(indirect.offset, { operation: 0, indirect_op: 1, nr_segments: 2, id_low: 4, sector_number: 12, handle: 20 });
  t.equal(indirect.offset.indirect_grefs, 24);
  t.strictSame(response.offset, { id_low: 0, id_high: 4, operation: 8, status: 10 });
  t.strictSame([request.size, discard.size, indirect.size, response.size, entrySize], [108, 28, 64, 12, 108]);
});

t.test('a segment has 8 bytes in both, eleven of them fill a request', async (t) => {
  t.strictSame(BlkifSegment.offset, { gref: 0, first_sect: 4, last_sect: 5 });
  t.equal(BlkifSegment.size, 8);
  for (const abi of BLKIF_ABIS) {
    t.equal(segmentAddress(abi, OWN, 0), OWN + abi.request.offset.seg);
    t.equal(segmentAddress(abi, OWN, BLKIF_MAX_SEGMENTS_PER_REQUEST), OWN + abi.request.size);
  }
});

t.test('limits and codes are those of the header', async (t) => {
  t.strictSame(Object.values(BlkifOperation), [0, 1, 2, 3, 5, 6]);
  t.strictSame(Object.values(BlkifStatus), [0, -1, -2]);
  t.equal(BLKIF_MAX_SEGMENTS_PER_REQUEST, 11);
  t.equal(BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST, 8);
  t.strictSame([BLKIF_SECTORS_PER_PAGE, BLKIF_SEGMENTS_PER_PAGE], [8, 512]);
  t.strictSame([1, 512, 513, 4096].map(indirectPages), [1, 1, 2, 8]);
  t.equal(BlkifNode.FeatureMaxIndirectSegments, 'feature-max-indirect-segments');
});

t.test('a ring has 32 entries in a page in both ABIs, and as many as fit in more pages', async (t) => {
  for (const { entrySize } of BLKIF_ABIS) {
    t.equal(ringSizeMax(entrySize), 32);
    t.equal(ringSizeMax(entrySize, 2 * PAGE_SIZE), 64);
    t.equal(ringSizeMax(entrySize, 16 * PAGE_SIZE), 512);
  }
});

t.test('a request lies byte for byte where the header says', async (t) => {
  const memory = openMemory(2);
  for (const [abi, head] of [
    [BLKIF_X86_64, [1, 2, 0x10, 0xca, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 0x78, 0x56, 0x34, 0x12, 1, 0, 0, 0]],
    [BLKIF_X86_32, [1, 2, 0x10, 0xca, 8, 7, 6, 5, 4, 3, 2, 1, 0x78, 0x56, 0x34, 0x12, 1, 0, 0, 0]],
  ] as const) {
    memory.clear(OWN, PAGE_SIZE);
    const request = abi.request.view(memory).at(OWN);
    request.operation = BlkifOperation.Write;
    request.nr_segments = 2;
    request.handle = 0xca10;
    request.id_low = 0x05060708;
    request.id_high = 0x01020304;
    request.sector_number = 0x1_12345678;
    t.equal(request.sector_number, 0x1_12345678);
    const segment = BlkifSegment.view(memory).at(segmentAddress(abi, OWN, 1));
    segment.gref = 0x0a0b0c0d;
    segment.first_sect = 2;
    segment.last_sect = 7;
    const rest = [0, 0, 0, 0, 0, 0, 0, 0, 0x0d, 0x0c, 0x0b, 0x0a, 2, 7, 0, 0];
    t.strictSame([...readBytes(memory, OWN, head.length + 16)], [...head, ...rest], abi.name);
  }
});

t.test('a response echoes all 64 bits of the id, and stores every byte it has', async (t) => {
  for (const abi of BLKIF_ABIS) {
    const memory = openMemory(2);
    writeBytes(memory, OWN, counted(abi.entrySize));
    writeBytes(memory, SHARED, new Uint8Array(32).fill(0xee));
    writeBlkifResponse(memory, abi, { request: OWN, to: SHARED, status: BlkifStatus.NotSupported });
    const id = [...readBytes(memory, OWN + abi.request.offset.id_low, 8)];
    const padding = abi.response.size - 12;
    const expected = [...id, 1, 0, 0xfe, 0xff, ...new Array<number>(padding).fill(0)];
    t.strictSame([...readBytes(memory, SHARED, abi.response.size)], expected, abi.name);
    t.equal(memory.read8(SHARED + abi.response.size), 0xee, 'and no more');
    t.equal(blkifStatusOf(abi.response.view(memory).at(SHARED).status), BlkifStatus.NotSupported);
  }
  t.strictSame([0, 0xffff, 0xfffe, 0x7fff].map(blkifStatusOf), [0, -1, -2, 32767]);
});

t.test('the node protocol chooses the layout; what a missing node means is the backend to say', async (t) => {
  t.equal(blkifAbiOf('x86_64-abi', BLKIF_X86_32), BLKIF_X86_64);
  t.equal(blkifAbiOf('x86_32-abi', BLKIF_X86_64), BLKIF_X86_32);
  t.equal(blkifAbiOf(null, BLKIF_X86_64), BLKIF_X86_64, 'native, by the header');
  t.equal(blkifAbiOf(null, BLKIF_X86_32), BLKIF_X86_32, 'Linux on x86');
  for (const text of ['arm-abi', 'native', '', 'X86_64-ABI', 'x86_64-abi ', 'toString']) {
    t.equal(blkifAbiOf(text, BLKIF_X86_64), null, `'${text}' is refused`);
  }
});

for (const abi of BLKIF_ABIS) {
  t.test(`${abi.name}: a request goes over the ring and its response comes back`, async (t) => {
    const memory = openMemory(3);
    const shape = ringShape({ entrySize: abi.entrySize });
    const place = { memory, sharedAddress: SHARED };
    const front = new FrontRing(shape, { ...place, privateAddress: OWN });
    const back = new BackRing(shape, { ...place, privateAddress: OWN + 8 });
    initialiseSharedRing(memory, SHARED);
    front.initialise();
    back.initialise();
    const copy = OWN + 64;
    // Twice round the ring, so that the last entry of the page is used.
    for (let i = 0; i < 64; i++) {
      const slot = front.requestSlot();
      t.equal(slot, SHARED + RING_ENTRIES_OFFSET + (i % 32) * abi.entrySize);
      abi.request.view(memory).at(slot).id_low = 1000 + i;
      front.commitRequest();
      front.publish();
      back.copyRequest(copy);
      back.consumeRequest();
      writeBlkifResponse(memory, abi, { request: copy, to: back.responseSlot(), status: BlkifStatus.Okay });
      back.commitResponse();
      back.publish();
      t.equal(front.sampleResponses(), 1);
      front.copyResponse(copy);
      front.consumeResponse();
      t.equal(abi.response.view(memory).at(copy).id_low, 1000 + i);
    }
  });
}

t.test('a backend that reads a 32-bit ring as a 64-bit one finds another request in every entry', async (t) => {
  const memory = openMemory(2);
  const written = BLKIF_X86_32.request.view(memory).at(SHARED + RING_ENTRIES_OFFSET);
  written.id_low = 7;
  written.sector_number = 64;
  const read = BLKIF_X86_64.request.view(memory).at(SHARED + RING_ENTRIES_OFFSET);
  t.strictSame([read.id_low, read.id_high, read.sector_number], [0, 64, 0]);
  written.at(SHARED + RING_ENTRIES_OFFSET + BLKIF_X86_32.entrySize).operation = BlkifOperation.Write;
  read.at(SHARED + RING_ENTRIES_OFFSET + BLKIF_X86_64.entrySize);
  t.equal(read.operation, BlkifOperation.Read, 'a write reads as a read');
});
