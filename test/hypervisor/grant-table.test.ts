import fc from 'fast-check';
import t from 'tap';
import type { Domain } from '../../hypervisor/domain.js';
import {
  FIRST_GREF,
  GNTST_bad_domain,
  GNTST_bad_gntref,
  GNTST_bad_handle,
  GNTST_no_space,
  GNTST_okay,
  GNTST_permission_denied,
  GREFS_MAX,
  GrantEntry,
  type GrantTables,
  MAPPINGS_MAX,
} from '../../hypervisor/grant-table.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE, readBytes } from '../../protocol/memory.js';
import { bareHost } from '../support/bare-host.js';

const GUEST = 5;
const BACK = 0x0102;
const PFN = 3;
/** Two processes of the mapping domain, beside its kernel. */
const DAEMON = 1 << 10;
const MONITOR = 1 << 11;

interface Pair {
  readonly memory: JournaledMemory;
  readonly grants: GrantTables;
  readonly guest: Domain;
  readonly back: Domain;
  readonly other: Domain;
  as<T>(agents: number, body: () => T): T;
  /** Entry `ref` of the guest's table as bytes. */
  entry(ref: number): number[];
  /** Whether `agents` may read and write page `pfn` of the guest. */
  reaches(agents: number, pfn?: number): boolean;
}

function pair(): Pair {
  const { memory, host, domains, as } = bareHost(3, 6);
  const [guest, back, other] = domains as [Domain, Domain, Domain];
  guest.create(GUEST);
  back.create(BACK);
  other.create(7);
  const entry = (ref: number): number[] => [...readBytes(memory, guest.grantTable + ref * 8, 8)];
  const reaches = (agents: number, pfn = PFN): boolean => {
    const attempt = (body: () => void): boolean => {
      try {
        as(agents, body);
        return true;
      } catch {
        return false;
      }
    };
    const address = guest.page(pfn) + PAGE_SIZE - 4;
    const reads = attempt(() => void memory.read32(address));
    const writes = attempt(() => memory.write32(address, 0));
    if (reads !== writes) throw new Error('reading and writing differ');
    return reads;
  };
  return { memory, grants: host.grants, guest, back, other, as, entry, reaches };
}

t.test('an entry is flags, domain and frame in 8 bytes', async (t) => {
  const { grants, guest, entry, as } = pair();
  t.equal(GrantEntry.size, 8);
  t.strictSame(GrantEntry.offset, { flags: 0, domid: 2, frame: 4 });
  t.equal(
    as(guest.agent, () => grants.grantAccess(guest, BACK, PFN)),
    8,
    'entries 0 to 7 are reserved',
  );
  t.strictSame(entry(8), [1, 0, 0x02, 0x01, PFN, 0, 0, 0]);
  for (let ref = 0; ref < 8; ref++) t.strictSame(entry(ref), [0, 0, 0, 0, 0, 0, 0, 0]);
});

t.test('the flags are stored last', async (t) => {
  const { memory, grants, guest } = pair();
  const before = memory.journalLength;
  const stores: number[] = [];
  memory.observer = { load() {}, store: (address) => void stores.push(address - guest.grantTable) };
  grants.grantAccess(guest, BACK, PFN);
  memory.observer = null;
  t.strictSame(stores, [8 * 8 + 2, 8 * 8 + 4, 8 * 8]);
  t.equal(memory.journalLength, before + 3);
});

t.test('references run out and come back', async (t) => {
  const { grants, guest } = pair();
  const refs = Array.from({ length: GREFS_MAX - FIRST_GREF }, () => grants.grantAccess(guest, BACK, PFN));
  t.strictSame(
    refs,
    refs.map((_, i) => 8 + i),
  );
  t.equal(grants.grantAccess(guest, BACK, PFN), GNTST_no_space);
  t.equal(grants.endAccess(guest, 11), true);
  t.equal(grants.grantAccess(guest, BACK, PFN), 11);
});

t.test('a mapping gives access to its agents only, and takes it away again', async (t) => {
  const { memory, grants, guest, back, reaches, as } = pair();
  const ref = grants.grantAccess(guest, BACK, PFN);
  t.notOk(reaches(DAEMON), 'a grant alone is no access');
  const handle = as(back.agent, () => grants.map(BACK, DAEMON, GUEST, ref));
  t.ok(handle > 0);
  t.equal(grants.address(handle), guest.page(PFN));
  t.ok(reaches(DAEMON));
  t.ok(reaches(guest.agent), 'the granter keeps it');
  for (const agent of [back.agent, MONITOR, 4]) t.notOk(reaches(agent), `agent ${agent} has not mapped it`);
  t.notOk(reaches(DAEMON, PFN + 1), 'the next page was not granted');
  as(DAEMON, () => memory.write32(guest.page(PFN), 0xcafe));
  t.equal(
    as(guest.agent, () => memory.read32(guest.page(PFN))),
    0xcafe,
    'it is the same page',
  );
  t.equal(
    as(DAEMON, () => grants.unmap(handle)),
    GNTST_okay,
  );
  t.notOk(reaches(DAEMON));
  t.ok(reaches(guest.agent));
  t.equal(grants.address(handle), 0, 'frame 0 is the page table, which nobody may touch');
});

t.test('the fault of an agent that has not mapped names address, access and agent', async (t) => {
  const { memory, guest, as } = pair();
  const address = guest.page(PFN) + 16;
  const where = `at 0x${address.toString(16)} by agents 0x400: the page is neither theirs nor mapped`;
  t.throws(() => as(DAEMON, () => memory.read8(address)), { name: 'MemoryFault', message: `load ${where}` });
  t.throws(() => as(DAEMON, () => memory.write8(address, 1)), { name: 'MemoryFault', message: `store ${where}` });
});

t.test('the reading and writing flags are set while the grant is mapped', async (t) => {
  const { grants, guest, entry } = pair();
  const ref = grants.grantAccess(guest, BACK, PFN);
  const handle = grants.map(BACK, DAEMON, GUEST, ref);
  t.strictSame(entry(ref), [1 | 8 | 16, 0, 0x02, 0x01, PFN, 0, 0, 0]);
  grants.unmap(handle);
  t.strictSame(entry(ref), [1, 0, 0x02, 0x01, PFN, 0, 0, 0]);
});

t.test('access cannot be ended while the other side maps, and the attempt changes nothing', async (t) => {
  const { memory, grants, guest, entry, reaches, as } = pair();
  const ref = grants.grantAccess(guest, BACK, PFN);
  const handle = grants.map(BACK, DAEMON, GUEST, ref);
  const before = entry(ref);
  const stores = memory.journalLength;
  t.equal(
    as(guest.agent, () => grants.endAccess(guest, ref)),
    false,
  );
  t.equal(memory.journalLength, stores);
  t.strictSame(entry(ref), before);
  t.ok(reaches(DAEMON));
  t.equal(grants.address(handle), guest.page(PFN));
  grants.unmap(handle);
  t.equal(
    as(guest.agent, () => grants.endAccess(guest, ref)),
    true,
    'after the unmap it succeeds',
  );
  t.strictSame(entry(ref), [0, 0, 0, 0, 0, 0, 0, 0]);
});

t.test('a grant that is mapped between the question and the end is not ended', async (t) => {
  const { grants, guest, entry } = pair();
  const ref = grants.grantAccess(guest, BACK, PFN);
  t.equal((entry(ref)[0] ?? 0) & 24, 0, 'not in use, says the entry');
  grants.map(BACK, DAEMON, GUEST, ref);
  t.equal(grants.endAccess(guest, ref), false);
});

t.test('a grant taken back cannot be mapped', async (t) => {
  const { grants, guest, reaches } = pair();
  const ref = grants.grantAccess(guest, BACK, PFN);
  grants.endAccess(guest, ref);
  t.equal(grants.map(BACK, DAEMON, GUEST, ref), GNTST_bad_gntref);
  t.notOk(reaches(DAEMON));
});

t.test('a mapping that is refused has the right status and changes nothing', async (t) => {
  const { memory, grants, guest } = pair();
  const ref = grants.grantAccess(guest, BACK, PFN);
  const stores = memory.journalLength;
  t.equal(grants.map(BACK, DAEMON, 99, ref), -2, 'no such domain');
  t.equal(grants.map(BACK, DAEMON, GUEST, ref + 1), -3, 'not granted');
  for (const none of [0, 1, 7, GREFS_MAX, 0xffffffff, -1])
    t.equal(grants.map(BACK, DAEMON, GUEST, none), -3, `no reference: ${none}`);
  t.equal(grants.map(7, DAEMON, GUEST, ref), -8, 'granted to another domain');
  for (const none of [0, 1, MAPPINGS_MAX, MAPPINGS_MAX + 1, -3]) t.equal(grants.unmap(none), -4, `no handle: ${none}`);
  t.equal(memory.journalLength, stores);
  t.strictSame([GNTST_bad_domain, GNTST_bad_gntref, GNTST_bad_handle, GNTST_permission_denied], [-2, -3, -4, -8]);
});

t.test('a handle is good for one unmap', async (t) => {
  const { grants, guest } = pair();
  const ref = grants.grantAccess(guest, BACK, PFN);
  const handle = grants.map(BACK, DAEMON, GUEST, ref);
  t.equal(grants.unmap(handle), GNTST_okay);
  t.equal(grants.unmap(handle), GNTST_bad_handle);
});

t.test('handles run out, which leaves the grant as it was', async (t) => {
  const { memory, grants, guest } = pair();
  const ref = grants.grantAccess(guest, BACK, PFN);
  const handles = Array.from({ length: MAPPINGS_MAX }, () => grants.map(BACK, DAEMON, GUEST, ref));
  t.strictSame(
    handles,
    handles.map((_, i) => i + 1),
  );
  const stores = memory.journalLength;
  t.equal(grants.map(BACK, MONITOR, GUEST, ref), GNTST_no_space);
  t.equal(memory.journalLength, stores);
});

for (const [who, agents] of [
  ['one process', [DAEMON, DAEMON]],
  ['two processes', [DAEMON, MONITOR]],
  ['a process and all of them', [DAEMON, DAEMON | MONITOR]],
] as const) {
  t.test(`of two mappings of one grant by ${who} the last one counts`, async (t) => {
    for (const first of [0, 1]) {
      const { grants, guest, entry, reaches } = pair();
      const ref = grants.grantAccess(guest, BACK, PFN);
      const handles = agents.map((each) => grants.map(BACK, each, GUEST, ref));
      t.equal(grants.unmap(handles[first] ?? 0), GNTST_okay);
      t.equal(entry(ref)[0], 25, 'the flags stay');
      t.equal(grants.endAccess(guest, ref), false);
      const left = agents[1 - first] ?? 0;
      t.ok(reaches(left), 'so does the access');
      for (const agent of [DAEMON, MONITOR]) t.equal(reaches(agent), (left & agent) !== 0, 'of its agents only');
      t.equal(grants.unmap(handles[1 - first] ?? 0), GNTST_okay);
      t.equal(entry(ref)[0], 1);
      t.equal(grants.endAccess(guest, ref), true);
      for (const agent of [DAEMON, MONITOR]) t.notOk(reaches(agent));
    }
  });
}

t.test('two grants of one page are ended each by itself', async (t) => {
  const { grants, guest, entry, reaches } = pair();
  const one = grants.grantAccess(guest, BACK, PFN);
  const two = grants.grantAccess(guest, BACK, PFN);
  const first = grants.map(BACK, DAEMON, GUEST, one);
  const second = grants.map(BACK, DAEMON, GUEST, two);
  grants.unmap(first);
  t.equal(entry(one)[0], 1);
  t.equal(entry(two)[0], 25);
  t.ok(reaches(DAEMON), 'through the other');
  t.equal(grants.endAccess(guest, one), true);
  t.equal(grants.endAccess(guest, two), false);
  grants.unmap(second);
  t.notOk(reaches(DAEMON));
  t.equal(grants.endAccess(guest, two), true);
});

t.test('unmapAll ends the mappings of a process that dies and no others', async (t) => {
  const { grants, guest, entry, reaches } = pair();
  const refs = [2, 3, 4].map((pfn) => grants.grantAccess(guest, BACK, pfn));
  const [one = 0, two = 0, three = 0] = refs;
  const handles = [
    grants.map(BACK, DAEMON, GUEST, one),
    grants.map(BACK, DAEMON, GUEST, two),
    grants.map(BACK, MONITOR, GUEST, two),
    grants.map(BACK, MONITOR, GUEST, three),
  ];
  grants.unmapAll(DAEMON);
  t.strictSame(
    refs.map((ref) => entry(ref)[0]),
    [1, 25, 25],
  );
  t.strictSame(
    [2, 3, 4].map((pfn) => [reaches(DAEMON, pfn), reaches(MONITOR, pfn)]),
    [
      [false, false],
      [false, true],
      [false, true],
    ],
  );
  t.strictSame(
    handles.map((handle) => grants.address(handle) !== 0),
    [false, false, true, true],
  );
  grants.unmapAll(MONITOR);
  t.strictSame(
    refs.map((ref) => grants.endAccess(guest, ref)),
    [true, true, true],
  );
});

t.test('a mapping of a domain that has ended reaches nothing and can be ended', async (t) => {
  const { grants, guest, reaches } = pair();
  const ref = grants.grantAccess(guest, BACK, PFN);
  const handle = grants.map(BACK, DAEMON, GUEST, ref);
  guest.destroy();
  t.notOk(reaches(DAEMON));
  t.equal(grants.map(BACK, DAEMON, GUEST, ref), GNTST_bad_domain);
  t.equal(grants.unmap(handle), GNTST_okay);
  t.equal(grants.unmap(handle), GNTST_bad_handle);
});

t.test('a mapping left over from a domain that has ended has no say in the next one on its pages', async (t) => {
  for (const staleFirst of [true, false]) {
    const { grants, guest, entry, reaches } = pair();
    const stale = grants.map(BACK, DAEMON, GUEST, grants.grantAccess(guest, BACK, PFN));
    guest.destroy();
    guest.create(GUEST + 1);
    t.notOk(reaches(DAEMON));
    const ref = grants.grantAccess(guest, BACK, PFN);
    const handle = grants.map(BACK, DAEMON, GUEST + 1, ref);
    if (staleFirst) {
      grants.unmap(stale);
      t.ok(reaches(DAEMON), 'the new mapping stands');
      t.equal(entry(ref)[0], 25);
    }
    grants.unmap(handle);
    t.notOk(reaches(DAEMON));
    t.equal(entry(ref)[0], 1);
  }
});

t.test('reset empties the table, reserved entries too', async (t) => {
  const { memory, grants, guest, entry } = pair();
  memory.write32(guest.grantTable, 0x11);
  const ref = grants.grantAccess(guest, BACK, PFN);
  grants.reset(guest);
  for (const each of [0, ref]) t.strictSame(entry(each), [0, 0, 0, 0, 0, 0, 0, 0]);
});

t.test('the running agent is the same after every call', async (t) => {
  const { memory, grants, guest } = pair();
  const ref = grants.grantAccess(guest, BACK, PFN);
  memory.current = DAEMON;
  const handle = grants.map(BACK, DAEMON, GUEST, ref);
  t.equal(memory.current, DAEMON);
  grants.unmap(handle);
  t.equal(memory.current, DAEMON);
  t.throws(() => grants.endAccess(guest, ref), { name: 'MemoryFault' }, 'only the granter runs endAccess');
});

t.test('whatever is granted, mapped and ended: flags and access are those of the mappings that are left', async () => {
  const call = fc.record({
    what: fc.constantFrom('grant', 'end', 'map', 'map', 'unmap', 'unmapAll'),
    ref: fc.integer({ min: FIRST_GREF, max: FIRST_GREF + 2 }),
    pfn: fc.integer({ min: 2, max: 3 }),
    agents: fc.constantFrom(DAEMON, MONITOR, DAEMON | MONITOR),
    handle: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
      const { grants, guest, entry, reaches } = pair();
      /** The model: grants by reference, mappings by handle. */
      const granted = new Map<number, number>();
      const mapped = new Map<number, { ref: number; pfn: number; agents: number }>();
      for (const { what, ref, pfn, agents, handle } of calls) {
        const inUse = [...mapped.values()].some((mapping) => mapping.ref === ref);
        if (what === 'grant') {
          const got = grants.grantAccess(guest, BACK, pfn);
          if (got > 0) granted.set(got, pfn);
        } else if (what === 'end') {
          if (grants.endAccess(guest, ref) === inUse) return false;
          if (!inUse) granted.delete(ref);
        } else if (what === 'map') {
          const got = grants.map(BACK, agents, GUEST, ref);
          const page = granted.get(ref);
          if (page === undefined ? got !== GNTST_bad_gntref : got <= 0 && mapped.size < MAPPINGS_MAX) return false;
          if (page !== undefined && got > 0) mapped.set(got, { ref, pfn: page, agents });
        } else if (what === 'unmap') {
          if (grants.unmap(handle) !== (mapped.delete(handle) ? GNTST_okay : GNTST_bad_handle)) return false;
        } else {
          grants.unmapAll(agents);
          for (const [each, mapping] of mapped) if ((mapping.agents & agents) !== 0) mapped.delete(each);
        }
      }
      const left = [...mapped.values()];
      for (let ref = FIRST_GREF; ref < GREFS_MAX; ref++) {
        const flags = granted.has(ref) ? (left.some((mapping) => mapping.ref === ref) ? 25 : 1) : 0;
        if (entry(ref)[0] !== flags) return false;
      }
      return [2, 3].every((pfn) =>
        [DAEMON, MONITOR].every(
          (agent) =>
            reaches(agent, pfn) === left.some((mapping) => mapping.pfn === pfn && (mapping.agents & agent) !== 0),
        ),
      );
    }),
  );
});
