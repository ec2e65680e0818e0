import fc from 'fast-check';
import t from 'tap';
import type { JournaledMemory } from '../hypervisor/journaled-memory.js';
import {
  BLKIF_ABIS,
  BLKIF_SEGMENTS_PER_PAGE,
  BLKIF_X86_64,
  type BlkifAbi,
  BlkifOperation,
  BlkifSegment,
  BlkifStatus,
  segmentAddress,
} from '../protocol/blkif.js';
import { BLKIF_MAX_INDIRECT_SEGMENTS, type BlkifDisk, checkRequest, checkSegments } from '../protocol/blkif-check.js';
import { PAGE_SIZE, readBytes, writeBytes } from '../protocol/memory.js';
import { openMemory } from './support/open-memory.js';

const SHARED = PAGE_SIZE;
const OWN = 2 * PAGE_SIZE;
const ENTRY = { from: SHARED, to: OWN };

const DISK: BlkifDisk = { sectors: 100, writable: true };
const FULL: BlkifDisk = { ...DISK, barrier: true, flush: true, discard: true, maxIndirectSegments: 32 };

interface Direct {
  readonly operation: number;
  readonly count?: number;
  /** First and last sector of each segment. */
  readonly segments?: readonly (readonly [number, number])[];
  readonly sector?: number;
}

function fill(memory: JournaledMemory, abi: BlkifAbi, { operation, segments = [], count, sector = 0 }: Direct): void {
  memory.clear(SHARED, PAGE_SIZE);
  const request = abi.request.view(memory).at(SHARED);
  request.operation = operation;
  request.nr_segments = count ?? segments.length;
  request.sector_number = sector;
  segments.forEach(([first, last], i) => {
    const segment = BlkifSegment.view(memory).at(segmentAddress(abi, SHARED, i));
    segment.first_sect = first;
    segment.last_sect = last;
  });
}

/** Code of the fault of a direct request, the same in both ABIs. */
function codeOf(direct: Direct, disk: BlkifDisk = FULL): string {
  const codes = BLKIF_ABIS.map((abi) => {
    const memory = openMemory(2);
    fill(memory, abi, direct);
    const fault = checkRequest(memory, abi, ENTRY, disk);
    return fault === null ? 'good' : `${fault.code} ${fault.status}`;
  });
  return codes.every((code) => code === codes[0]) ? (codes[0] ?? '') : codes.join(' / ');
}

const { Read, Write, WriteBarrier, FlushDiskcache, Discard, Indirect } = BlkifOperation;
const PAGE = [0, 7] as const;

t.test('requests that are right pass', async (t) => {
  t.equal(codeOf({ operation: Read, segments: [PAGE] }), 'good');
  t.equal(codeOf({ operation: Write, segments: [[3, 3]], sector: 99 }), 'good');
  t.equal(codeOf({ operation: Read, segments: new Array(11).fill(PAGE), sector: 100 - 88 }), 'good');
  t.equal(codeOf({ operation: FlushDiskcache, sector: 2 ** 40 }), 'good', 'a flush without data has no place');
  t.equal(codeOf({ operation: WriteBarrier, segments: [PAGE] }), 'good');
});

t.test('an operation that does not exist or was not offered is answered "not supported"', async (t) => {
  for (const operation of [4, 7, 8, 255]) t.equal(codeOf({ operation, segments: [PAGE] }), 'operation -2');
  for (const operation of [WriteBarrier, FlushDiskcache, Discard, Indirect]) {
    t.equal(codeOf({ operation, segments: [PAGE] }, DISK), 'operation -2');
  }
});

t.test('the number of segments is 1 to 11', async (t) => {
  t.equal(codeOf({ operation: Read, count: 0 }), 'segments -1');
  t.equal(codeOf({ operation: Write, count: 12, segments: [PAGE] }), 'segments -1');
  for (const count of [16, 17, 255]) t.equal(codeOf({ operation: Read, count, segments: [PAGE] }), 'segments -1');
  t.equal(codeOf({ operation: FlushDiskcache, count: 12 }), 'segments -1');
});

t.test('a segment begins before it ends, inside its page', async (t) => {
  t.equal(codeOf({ operation: Read, segments: [[4, 3]] }), 'segment -1');
  t.equal(codeOf({ operation: Read, segments: [PAGE, [0, 8]] }), 'segment -1');
  t.equal(codeOf({ operation: Write, segments: [[255, 255]] }), 'segment -1');
  t.equal(codeOf({ operation: Read, segments: [[255, 0]] }), 'segment -1');
});

t.test('all sectors lie on the disk, however large the number', async (t) => {
  t.equal(codeOf({ operation: Read, segments: [[0, 1]], sector: 99 }), 'range -1');
  t.equal(codeOf({ operation: Read, segments: [PAGE, PAGE], sector: 85 }), 'range -1', 'the sum counts');
  for (const sector of [100, 2 ** 32, 2 ** 53, 2 ** 64 - 2048]) {
    t.equal(codeOf({ operation: Write, segments: [PAGE], sector }), 'range -1', `${sector}`);
  }
  const huge = { sectors: 2 ** 53, writable: true };
  t.equal(codeOf({ operation: Read, segments: [PAGE], sector: 2 ** 53 - 8 }, huge), 'good');
  t.equal(codeOf({ operation: Read, segments: [PAGE], sector: 2 ** 53 - 7 }, huge), 'range -1');
  t.equal(codeOf({ operation: Read, segments: [PAGE] }, { sectors: 7, writable: true }), 'range -1');
});

t.test('a read-only disk takes reads alone', async (t) => {
  const disk = { ...FULL, writable: false };
  t.equal(codeOf({ operation: Read, segments: [PAGE] }, disk), 'good');
  for (const operation of [Write, WriteBarrier, FlushDiskcache]) {
    t.equal(codeOf({ operation, segments: [PAGE] }, disk), 'read-only -1');
  }
  t.equal(codeOf({ operation: Discard }, disk), 'read-only -1');
});

t.test('with larger blocks only whole ones are transferred', async (t) => {
  const disk = { ...FULL, sectorSize: 4096 };
  t.equal(codeOf({ operation: Read, segments: [PAGE], sector: 8 }, disk), 'good');
  t.equal(codeOf({ operation: Read, segments: [PAGE], sector: 9 }, disk), 'alignment -1');
  t.equal(codeOf({ operation: Write, segments: [[0, 3]] }, disk), 'alignment -1');
  t.equal(codeOf({ operation: Write, segments: [[4, 7]] }, { ...disk, sectorSize: 2048 }), 'good');
  t.equal(codeOf({ operation: Write, segments: [[2, 7]] }, { ...disk, sectorSize: 2048 }), 'alignment -1');
  t.equal(codeOf({ operation: Write, segments: [[0, 5]] }, { ...disk, sectorSize: 2048 }), 'alignment -1');
});

t.test('a discard lies on the disk; its end does not wrap', async (t) => {
  for (const abi of BLKIF_ABIS) {
    const memory = openMemory(2);
    const discard = abi.discard.view(memory).at(SHARED);
    discard.operation = Discard;
    for (const [sector, count, expected] of [
      [0, 100, undefined],
      [99, 1, undefined],
      [99, 2, 'range'],
      [100, 1, 'range'],
      [2 ** 64 - 2048, 4096, 'range'],
      [1, 2 ** 64 - 2048, 'range'],
    ] as const) {
      discard.sector_number = sector;
      discard.nr_sectors = count;
      t.equal(checkRequest(memory, abi, ENTRY, FULL)?.code, expected, `${count} from ${sector}, ${abi.name}`);
    }
  }
});

t.test('an indirect request reads or writes, with as many segments as were offered', async (t) => {
  for (const abi of BLKIF_ABIS) {
    const memory = openMemory(2);
    const indirect = abi.indirect.view(memory).at(SHARED);
    indirect.operation = Indirect;
    const codeWith = (operation: number, count: number, disk = FULL): string | undefined => {
      indirect.indirect_op = operation;
      indirect.nr_segments = count;
      return checkRequest(memory, abi, ENTRY, disk)?.code;
    };
    t.equal(codeWith(Read, 32), undefined);
    t.equal(codeWith(Write, 1), undefined);
    t.equal(codeWith(Read, 33), 'segments');
    t.equal(codeWith(Read, 0), 'segments');
    t.equal(codeWith(Read, 0xffff, { ...FULL, maxIndirectSegments: 1e6 }), 'segments', 'eight pages hold no more');
    t.equal(codeWith(Read, BLKIF_MAX_INDIRECT_SEGMENTS, { ...FULL, maxIndirectSegments: 1e6 }), undefined);
    for (const nested of [WriteBarrier, FlushDiskcache, Discard, Indirect, 255]) {
      t.equal(codeWith(nested, 1), 'indirect-operation');
    }
    t.equal(codeWith(Write, 1, { ...FULL, writable: false }), 'read-only');
  }
});

t.test('the segments of an indirect request are checked where they were copied to', async (t) => {
  const memory = openMemory(2);
  const segment = BlkifSegment.view(memory);
  for (let i = 0; i < BLKIF_SEGMENTS_PER_PAGE; i++) segment.at(OWN + i * BlkifSegment.size).last_sect = 7;
  const transfer = { segments: OWN, count: BLKIF_SEGMENTS_PER_PAGE, sector: 0 };
  t.equal(checkSegments(memory, transfer, { sectors: 4096, writable: true }), null);
  t.equal(checkSegments(memory, transfer, { sectors: 4095, writable: true })?.code, 'range');
  segment.first_sect = 8;
  t.match(checkSegments(memory, transfer, { sectors: 4096, writable: true }), {
    code: 'segment',
    found: 'segment 511 from 8 to 7',
  });
});

t.test('a fault says what was expected and what was found', async (t) => {
  const memory = openMemory(2);
  fill(memory, BLKIF_X86_64, { operation: Read, segments: [PAGE], sector: 96 });
  t.strictSame(checkRequest(memory, BLKIF_X86_64, ENTRY, DISK), {
    code: 'range',
    status: BlkifStatus.Error,
    expected: 'sectors below 100',
    found: '8 from 96 on',
  });
  fill(memory, BLKIF_X86_64, { operation: 9 });
  t.match(checkRequest(memory, BLKIF_X86_64, ENTRY, DISK), {
    expected: 'an operation that is offered (0, 1)',
    found: 'operation 9',
  });
});

/** Calls `turn` after every access to the frontend's page, as a hostile frontend that watches would. */
function turnAfterLook(memory: JournaledMemory, turn: () => void): JournaledMemory {
  return new Proxy(memory, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const result: unknown = Reflect.apply(value, target, args);
        const [address] = args;
        if (typeof address === 'number' && address >= SHARED && address < SHARED + PAGE_SIZE) turn();
        return result;
      };
    },
  });
}

t.test('a frontend that changes the entry after the first look changes nothing', async (t) => {
  for (const abi of BLKIF_ABIS) {
    const memory = openMemory(2);
    fill(memory, abi, { operation: Read, segments: [PAGE] });
    const before = readBytes(memory, SHARED, abi.entrySize);
    let looks = 0;
    const hostile = turnAfterLook(memory, () => {
      looks++;
      writeBytes(memory, SHARED, new Uint8Array(abi.entrySize).fill(0xff));
    });
    t.equal(checkRequest(hostile, abi, ENTRY, FULL), null);
    t.strictSame(readBytes(memory, OWN, abi.entrySize), before, 'the copy is what was checked');
    t.equal(looks, 1, 'one copy and no other load');
  }
});

t.test('no entry whatever passes with a sector off the disk or a segment off its page', async () => {
  for (const abi of BLKIF_ABIS) {
    const memory = openMemory(2);
    const { offset } = abi.request;
    // Small numbers at the places that matter, or no request would ever come through.
    const entry = fc.record({
      operation: fc.integer({ min: 0, max: 7 }),
      count: fc.integer({ min: 0, max: 13 }),
      sector: fc.oneof(fc.nat(120), fc.nat()),
      segments: fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { minLength: 11, maxLength: 11 }),
      high: fc.constantFrom(0, 0, 0, 1, 0xffffffff),
    });
    let passed = 0;
    fc.assert(
      fc.property(entry, ({ operation, count, sector, segments, high }) => {
        fill(memory, abi, { operation, count, segments });
        memory.write32(SHARED + offset.sector_number, sector);
        memory.write32(SHARED + offset.sector_number + 4, high);
        if (checkRequest(memory, abi, ENTRY, { ...FULL, maxIndirectSegments: 0 }) !== null) return true;
        passed++;
        if (operation === Discard || count === 0) return true;
        const used = segments.slice(0, count);
        const total = used.reduce((sum, [first, last]) => sum + last - first + 1, 0);
        return count <= 11 && high === 0 && sector + total <= 100 && used.every(([a, b]) => a <= b && b < 8);
      }),
      { numRuns: 3000 },
    );
    if (passed < 20) throw new Error(`only ${passed} requests passed`);
  }
});

t.test('no bytes make the check throw', async () => {
  for (const abi of BLKIF_ABIS) {
    const memory = openMemory(2);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: abi.entrySize, maxLength: abi.entrySize }), (bytes) => {
        writeBytes(memory, SHARED, bytes);
        checkRequest(memory, abi, ENTRY, FULL);
      }),
    );
  }
});
