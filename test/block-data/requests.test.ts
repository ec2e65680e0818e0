/** Requests that blkfront does not send, put on the ring by hand: many segments, indirect ones, barriers. */
import t from 'tap';
import { TAKES_OVER } from '../../backend/blkback/rules.js';
import { DATA_PFN, RING_PFN } from '../../frontend/blkfront/memory.js';
import { LINUX } from '../../frontend/blkfront/rules.js';
import { read, write } from '../../frontend/blkfront/user.js';
import {
  BLKIF_ABIS,
  BLKIF_X86_64,
  type BlkifAbi,
  BlkifOperation,
  BlkifSegment,
  segmentAddress,
} from '../../protocol/blkif.js';
import { RING_ENTRIES_OFFSET } from '../../protocol/ring.js';
import { BlockRun } from '../support/block-run.js';

const EVERYBODY = ['blkback1', 'guest1', 'toolstack'];
/** A page of the guest that its session does not use. */
const SPARE_PFN = DATA_PFN + 3;

/** A guest whose first request lies on the ring, published and not taken; its data page is granted by `gref`. */
function published(abi: BlkifAbi, operations = [write(0)]) {
  const run = new BlockRun({ plan: 'none', frontend: LINUX, operations, abi });
  run.go(['guest1'], 'blkback1/interrupt');
  const [{ domain, host, guest }] = run.world.machine.slots;
  const { memory } = run.world;
  const entry = domain.page(RING_PFN) + RING_ENTRIES_OFFSET;
  const gref = BlkifSegment.view(memory).at(segmentAddress(abi, entry, 0)).gref;
  const value = memory.read32(domain.page(DATA_PFN));
  const segments = (at: number, list: readonly (readonly [gref: number, first: number, last: number])[]): void => {
    list.forEach(([ref, first, last], index) => {
      const segment = BlkifSegment.view(memory).at(at + index * BlkifSegment.size);
      segment.gref = ref;
      segment.first_sect = first;
      segment.last_sect = last;
    });
  };
  /** Turns the entry into an indirect one whose segments lie in a page of their own. */
  const indirect = (
    operation: number,
    list: readonly (readonly [number, number, number])[],
    pageRef?: number,
  ): void => {
    const page = domain.page(SPARE_PFN);
    segments(page, list);
    const ref = pageRef ?? host.grants.grantAccess(domain, 0, SPARE_PFN);
    const id = abi.request.view(memory).at(entry).id_low;
    memory.clear(entry, abi.entrySize);
    const request = abi.indirect.view(memory).at(entry);
    request.operation = BlkifOperation.Indirect;
    request.indirect_op = operation;
    request.nr_segments = list.length;
    request.id_low = id;
    memory.write32(request.indirect_grefs, ref);
  };
  return { run, memory, entry, gref, value, segments, indirect, guest, disk: run.world.disk };
}

/** The status of the first response on the ring. */
function answer({ run, memory, entry }: ReturnType<typeof published>, abi: BlkifAbi): number {
  run.go(EVERYBODY);
  const { status } = abi.response.view(memory).at(entry);
  return (status << 16) >> 16;
}

t.test('the segments of a request follow each other on the disk', async (t) => {
  for (const abi of BLKIF_ABIS) {
    const ring = published(abi);
    const request = abi.request.view(ring.memory).at(ring.entry);
    request.nr_segments = 3;
    ring.segments(segmentAddress(abi, ring.entry, 0), [
      [ring.gref, 0, 7],
      [ring.gref, 0, 7],
      [ring.gref, 0, 7],
    ]);
    t.equal(answer(ring, abi), 0);
    t.ok(ring.value > 0);
    t.strictSame(
      [0, 1, 2, 3].map((block) => ring.disk.valueOf(block)),
      [ring.value, ring.value, ring.value, 0],
      abi.name,
    );
  }
});

t.test('an indirect write is done as one with its segments in it', async (t) => {
  for (const abi of BLKIF_ABIS) {
    const ring = published(abi);
    const all = Array.from({ length: 4 }, () => [ring.gref, 0, 7] as const);
    ring.indirect(BlkifOperation.Write, all);
    ring.run.go(['blkback1'], 'guest1.blkfront');
    t.strictSame(
      [0, 1, 2, 3].map((block) => ring.disk.valueOf(block)),
      Array(4).fill(ring.value),
      abi.name,
    );
  }
});

t.test('an indirect read gives what is there', async (t) => {
  const ring = published(BLKIF_X86_64, [read(0)]);
  ring.disk.at(1).value = 77;
  ring.indirect(BlkifOperation.Read, [
    [ring.gref, 0, 7],
    [ring.gref, 0, 7],
  ]);
  ring.run.go(['blkback1'], 'guest1.blkfront');
  const [{ domain }] = ring.run.world.machine.slots;
  t.equal(ring.memory.read32(domain.page(DATA_PFN)), 77, 'the second block was read last');
});

t.test('an indirect request is refused whole, and nothing of it is done', async (t) => {
  const cases: readonly (readonly [string, (ring: ReturnType<typeof published>) => void])[] = [
    ['no such grant', (ring) => ring.indirect(BlkifOperation.Write, [[ring.gref, 0, 7]], 15)],
    ['a segment that ends before it begins', (ring) => ring.indirect(BlkifOperation.Write, [[ring.gref, 5, 4]])],
    ['a segment beyond its page', (ring) => ring.indirect(BlkifOperation.Write, [[ring.gref, 0, 8]])],
    [
      'more sectors than the disk has',
      (ring) =>
        ring.indirect(
          BlkifOperation.Write,
          Array.from({ length: 5 }, () => [ring.gref, 0, 7] as const),
        ),
    ],
    [
      'more segments than are offered',
      (ring) =>
        ring.indirect(
          BlkifOperation.Write,
          Array.from({ length: 257 }, () => [ring.gref, 0, 0] as const),
        ),
    ],
    ['no segment', (ring) => ring.indirect(BlkifOperation.Write, [])],
    ['a flush in it', (ring) => ring.indirect(BlkifOperation.FlushDiskcache, [[ring.gref, 0, 7]])],
  ];
  for (const [name, change] of cases) {
    const ring = published(BLKIF_X86_64);
    change(ring);
    t.equal(answer(ring, BLKIF_X86_64), -1, name);
    t.equal(ring.disk.valueOf(0), 0, name);
  }
});

t.test('what the guest stores into its segments after they were fetched changes nothing', async (t) => {
  const ring = published(BLKIF_X86_64);
  ring.indirect(BlkifOperation.Write, [[ring.gref, 0, 7]]);
  ring.run.go(['blkback1'], 'blkback1.io0/execute');
  const [{ domain }] = ring.run.world.machine.slots;
  ring.segments(domain.page(SPARE_PFN), [[15, 0, 7]]);
  t.equal(answer(ring, BLKIF_X86_64), 0);
  t.equal(ring.disk.valueOf(0), ring.value);
});

/** A ring with three writes of three blocks on it, none of them taken, the second of which is a barrier. */
function withBarrier(depth: 1 | 2): BlockRun {
  const run = new BlockRun({
    plan: 'none',
    frontend: LINUX,
    backend: { ...TAKES_OVER, depth },
    operations: [write(0), write(1), write(2)],
    user: 'streams',
    ringSize: 4,
  });
  for (;;) {
    const next = run.possible.find((name) => name.startsWith('guest1'));
    if (next === undefined) break;
    run.take(next);
  }
  const { memory, machine } = run.world;
  const ring = machine.slots[0].domain.page(RING_PFN) + RING_ENTRIES_OFFSET;
  const request = BLKIF_X86_64.request.view(memory);
  t.strictSame(
    [0, 1, 2].map((index) => request.at(ring + index * BLKIF_X86_64.entrySize).sector_number),
    [0, 8, 16],
  );
  request.at(ring + BLKIF_X86_64.entrySize).operation = BlkifOperation.WriteBarrier;
  return run;
}

t.test('a barrier makes what came before it durable, and itself, and nothing is done beside it', async (t) => {
  for (const depth of [1, 2] as const) {
    // As much is taken as can be before anything is done, the last first: later requests overtake where they can.
    for (const which of [-1, 0]) {
      const run = withBarrier(depth);
      const { world } = run;
      const order: number[] = [];
      for (;;) {
        const backend = run.possible.filter((name) => name.startsWith('blkback1'));
        if (backend.length === 0) break;
        run.take(backend.find((name) => name.startsWith('blkback1.serve')) ?? (backend.at(which) as string));
        for (const block of [0, 1, 2]) if (world.disk.valueOf(block) > 0 && !order.includes(block)) order.push(block);
        if (world.disk.valueOf(1) === 0) continue;
        t.ok(world.disk.durableValueOf(0) > 0, 'what was taken before it');
        t.ok(world.disk.durableValueOf(1) > 0, 'its own');
      }
      t.strictSame(order, [0, 1, 2], `depth ${depth}`);
      t.equal(world.disk.durableValueOf(2), 0, 'what came after it is in the cache');
    }
  }
});
