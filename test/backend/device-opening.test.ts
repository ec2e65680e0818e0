/** What a backend opens of what its nodes name, what it refuses with which words, and what it tries again. */
import fc from 'fast-check';
import t from 'tap';
import { readBootId, writeBootId } from '../../backend/device-opening/boot-id.js';
import type { DeviceTable } from '../../backend/device-opening/device-table.js';
import { DeviceOpening, type OpeningReport } from '../../backend/device-opening/opening.js';
import {
  BY_IDENTITY,
  BY_NUMBER,
  HELD,
  HELD_AND_CLAIMED,
  type OpeningRules,
} from '../../backend/device-opening/rules.js';
import { OpeningState } from '../../backend/device-opening/state.js';
import { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE } from '../../protocol/memory.js';

const BOOT = '1b4e28ba-2fa1-11d2-883f-0016d3cca427';
const OTHER_BOOT = '16768049-72ee-4dae-8cca-acd605cacd75';

type Nodes = Partial<Record<string, string>> & { mode?: string | undefined; opened?: string | undefined };

/** A backend directory, a host that has one device, 7:3, and what the two make of each other. */
class Bench {
  readonly nodes: Nodes;
  readonly refusals: string[] = [];
  readonly reports: OpeningReport[] = [];
  readonly opening: DeviceOpening;
  openers = 0;
  inTransaction = false;
  readsOutside = 0;
  there: { diskseq: bigint | null; bootId: string | null } | null;

  constructor(
    nodes: Nodes,
    rules: OpeningRules = BY_IDENTITY,
    there: Bench['there'] = { diskseq: 0x1fn, bootId: BOOT },
  ) {
    this.nodes = { mode: 'w', ...nodes };
    this.there = there;
    const devices: DeviceTable = {
      open: ({ major, minor }) => {
        if (this.there === null || major !== 7 || minor !== 3) return 0;
        this.openers += 1;
        return 9;
      },
      close: (descriptor) => {
        t.equal(descriptor, 9);
        this.openers -= 1;
      },
      identity: () => this.there ?? { diskseq: null, bootId: null },
    };
    this.opening = new DeviceOpening({
      memory: new JournaledMemory(2),
      address: 2 * PAGE_SIZE - OpeningState.size,
      rules,
      devices,
      store: {
        read: (path) => {
          if (!this.inTransaction) this.readsOutside += 1;
          return this.nodes[path] ?? null;
        },
        write: (path, value) => {
          this.nodes[path] = value;
        },
        watch: () => undefined,
        unwatch: () => undefined,
        transaction: (body) => {
          this.inTransaction = true;
          body();
          this.inTransaction = false;
        },
      },
      path: (node) => node,
      refuse: (errno, why) => this.refusals.push(`${errno} ${why}`),
      report: (what) => this.reports.push(what),
    });
  }

  look(): this {
    this.opening.look();
    return this;
  }

  /** Writes nodes anew, and looks. */
  write(nodes: Nodes): this {
    Object.assign(this.nodes, nodes);
    return this.look();
  }

  get verified(): boolean {
    return this.opening.state.verified;
  }
}

const CLAIM: Nodes = { 'physical-device': '7:3', 'physical-device-uuid': '1f' };

t.test('the device that the nodes name is opened, once, with one transaction', async (t) => {
  const bench = new Bench({ ...CLAIM, 'physical-device-boot-id': BOOT }).look();
  t.ok(bench.verified);
  t.equal(bench.readsOutside, 0);
  t.strictSame([bench.openers, bench.refusals, bench.reports], [1, [], []]);
  bench.look();
  t.equal(bench.openers, 1, 'a watch that fires once more changes nothing');
  bench.opening.release();
  t.equal(bench.openers, 0);
  t.ok(new Bench({ 'physical-device': '7:3', 'physical-device-uuid': '1F' }).look().verified, 'either case');
  t.ok(new Bench({ 'physical-device': '7:3' }).look().verified, 'no claim, and none demanded');
});

t.test('mode w opens for writing, any other for reading', async (t) => {
  t.equal(new Bench(CLAIM).look().opening.state.writable, true);
  t.equal(new Bench({ ...CLAIM, mode: 'r' }).look().opening.state.writable, false);
  t.equal(new Bench({ ...CLAIM, mode: 'r' }, BY_NUMBER).look().opening.state.writable, false);
});

t.test('without a number nothing is opened and nothing refused', async (t) => {
  for (const rules of [BY_NUMBER, BY_IDENTITY, HELD_AND_CLAIMED]) {
    const bench = new Bench({ 'physical-device-uuid': '1f' }, rules).look();
    t.strictSame([bench.openers, bench.refusals, bench.reports], [0, [], ['ignores']]);
  }
});

t.test('any other device is refused, and the refusal names both', async (t) => {
  const cases: readonly (readonly [Nodes, string, OpeningReport])[] = [
    [
      { ...CLAIM, 'physical-device-uuid': '20' },
      '19 expected device 7:3, diskseq 20, found 7:3, diskseq 1f',
      'refuses',
    ],
    [
      { ...CLAIM, 'physical-device-boot-id': OTHER_BOOT },
      `19 expected device 7:3, diskseq 1f, boot ${OTHER_BOOT}`,
      'refuses',
    ],
    [{ 'physical-device': '7:4' }, '2 device 7:4: expected a device, found none', 'finds-nothing'],
    [{ 'physical-device': '7:3xyz' }, '22 physical-device: expected', 'malformed'],
    [{ 'physical-device': '7' }, '22 physical-device: expected', 'malformed'],
    [{ 'physical-device': '' }, '22 physical-device: expected', 'malformed'],
    [{ 'physical-device': '0:0' }, '22 physical-device: expected', 'malformed'],
    [{ ...CLAIM, 'physical-device-boot-id': 'yesterday' }, '22 physical-device-boot-id: expected', 'malformed'],
    ...['', '01f', '0', '12345678901234567', 'g'].map(
      (text) => [{ ...CLAIM, 'physical-device-uuid': text }, '22 physical-device-uuid: expected', 'malformed'] as const,
    ),
  ];
  for (const [nodes, says, report] of cases) {
    const bench = new Bench(nodes).look();
    t.ok(bench.refusals[0]?.startsWith(says), `${JSON.stringify(nodes)}: ${bench.refusals}`);
    t.strictSame([bench.refusals.length, bench.reports], [1, [report]]);
    t.notOk(bench.verified);
    t.equal(bench.openers, 0, 'and nothing is held');
  }
});

t.test('a missing mode is refused', async (t) => {
  for (const rules of [BY_NUMBER, BY_IDENTITY]) {
    const bench = new Bench(CLAIM, rules);
    bench.nodes.mode = undefined;
    bench.look();
    t.strictSame(bench.refusals, ['22 mode: expected r or w, found nothing']);
    t.equal(bench.openers, 0);
  }
});

t.test('a kernel that does not tell its diskseq is no match for a claim', async (t) => {
  t.match(new Bench(CLAIM, BY_IDENTITY, { diskseq: null, bootId: null }).look().refusals, [
    /diskseq 1f, found .*unknown/,
  ]);
});

t.test('where a claim is demanded, a number alone is refused', async (t) => {
  const bench = new Bench({ 'physical-device': '7:3' }, HELD_AND_CLAIMED).look();
  t.match(bench.refusals, [/^19 expected physical-device-uuid beside physical-device, found none/]);
  t.equal(bench.openers, 0);
  t.ok(bench.write({ 'physical-device-uuid': '1f' }).verified);
});

t.test('all 64 bits of the diskseq and all of the boot id are compared', async (t) => {
  const sequences = fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), fc.nat(63), (diskseq, bit) => {
    const opens = (there: bigint): boolean =>
      new Bench({ ...CLAIM, 'physical-device-uuid': diskseq.toString(16) }, BY_IDENTITY, {
        diskseq: there,
        bootId: null,
      }).look().verified;
    return opens(diskseq) && !opens(diskseq ^ (1n << BigInt(bit)));
  });
  t.doesNotThrow(() => fc.assert(sequences));
  const memory = new JournaledMemory(2);
  const bootIds = fc.property(fc.uuid(), (bootId) => {
    writeBootId(memory, PAGE_SIZE, bootId);
    return readBootId(memory, PAGE_SIZE) === bootId;
  });
  t.doesNotThrow(() => fc.assert(bootIds));
});

t.test('a refusal is not kept: what is written next is looked at anew', async (t) => {
  const bench = new Bench({ ...CLAIM, 'physical-device-uuid': '20' }).look();
  t.ok(bench.opening.state.refused);
  t.ok(bench.write({ 'physical-device-uuid': 'g' }).opening.state.refused);
  t.ok(bench.write({ 'physical-device-uuid': '1f' }).verified);
  t.notOk(bench.opening.state.refused);
  t.strictSame(bench.reports, ['refuses', 'malformed', 'retries']);
  t.equal(bench.openers, 1);
});

t.test('a device that was taken stays, whatever is written later', async (t) => {
  for (const rules of [BY_NUMBER, BY_IDENTITY]) {
    const bench = new Bench(CLAIM, rules).look().write({ 'physical-device': '7:4' });
    t.ok(bench.verified);
    t.strictSame([bench.openers, bench.refusals, bench.reports], [1, [], ['keeps-old']]);
  }
  const other = new Bench(CLAIM).look().write({ 'physical-device-uuid': '20' });
  t.strictSame([other.verified, other.refusals, other.reports], [true, [], ['keeps-old']]);
});

t.test('by number alone, any device of that number will do', async (t) => {
  const bench = new Bench({ ...CLAIM, 'physical-device-uuid': '20' }, BY_NUMBER).look();
  t.ok(bench.verified);
  t.ok(new Bench({ 'physical-device': ' 7:3xyz' }, BY_NUMBER).look().verified, 'as the scanner reads it');
  t.match(new Bench({ 'physical-device': '7' }, BY_NUMBER).look().refusals, [
    /^22 physical-device: expected two numbers/,
  ]);
});

t.test('opened is 0 from the start, and 1 when the device is held', async (t) => {
  const silent = new Bench(CLAIM);
  silent.opening.announce();
  t.equal(silent.look().nodes.opened, undefined);
  const bench = new Bench({ ...CLAIM, 'physical-device-uuid': '20' }, HELD);
  bench.opening.announce();
  t.equal(bench.look().nodes.opened, '0');
  t.equal(bench.write({ 'physical-device-uuid': '1f' }).nodes.opened, '1');
});

t.test('a directory that is gone is not made again', async (t) => {
  const bench = new Bench(CLAIM, HELD);
  bench.opening.announce();
  for (let step = bench.opening.take('read'); step !== null; step = bench.opening.take(step)) {
    if (step === 'opened') bench.nodes.opened = undefined;
  }
  t.ok(bench.verified);
  t.equal(bench.nodes.opened, undefined);
});
