import t from 'tap';
import {
  Domain,
  DomainRecord,
  DomainState,
  FIRST_GUEST_PFN,
  GRANT_TABLE_PFN,
  SHARED_INFO_PFN,
  SuspendResult,
} from '../../hypervisor/domain.js';
import type { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { PAGE_SIZE, readBytes } from '../../protocol/memory.js';
import { type BareHost, bareHost } from '../support/bare-host.js';

const PAGES = 5;

interface Place extends BareHost {
  readonly one: Domain;
  readonly two: Domain;
}

function place(): Place {
  const bare = bareHost(2, PAGES);
  const [one, two] = bare.domains as [Domain, Domain];
  return { ...bare, one, two };
}

/** Something in every page of a domain, in its first word, its last and one between. */
function fill(memory: JournaledMemory, domain: Domain, seed: number): void {
  for (let pfn = 0; pfn < PAGES; pfn++) {
    for (const offset of [0, 1000 + pfn * 64, PAGE_SIZE - 4])
      memory.write32(domain.page(pfn) + offset, seed * 1000 + pfn);
  }
}

const page = (memory: JournaledMemory, domain: Domain, pfn: number): string =>
  readBytes(memory, domain.page(pfn), PAGE_SIZE).join();

/** The pages of the guest itself. */
function guestPages(memory: JournaledMemory, domain: Domain): string[] {
  return Array.from({ length: PAGES - FIRST_GUEST_PFN }, (_, i) => page(memory, domain, FIRST_GUEST_PFN + i));
}

const EMPTY = new Uint8Array(PAGE_SIZE).join();

t.test('a domain begins paused, with empty pages that only its own code reaches', async (t) => {
  const { memory, one, two, as } = place();
  t.equal(one.state, DomainState.Free);
  t.throws(() => as(one.agent, () => memory.read8(one.page(2))), { name: 'MemoryFault' }, 'before it exists');
  one.create(0x1234);
  two.create(6);
  t.equal(one.domid, 0x1234);
  t.equal(one.state, DomainState.Paused);
  t.equal(one.running, false);
  for (let pfn = 0; pfn < PAGES; pfn++) {
    t.equal(page(memory, one, pfn), EMPTY);
    as(one.agent, () => memory.write32(one.page(pfn), 1));
    t.throws(() => as(two.agent, () => memory.read8(one.page(pfn))), { name: 'MemoryFault' });
  }
});

t.test('a domain that exists cannot be created, and its pages are numbered from 0', async (t) => {
  const { one, two } = place();
  one.create(5);
  t.throws(() => one.create(6), { name: 'AssertionError', message: /guest0: it exists already/ });
  t.equal(one.domid, 5);
  t.equal(one.page(1) - one.page(0), PAGE_SIZE);
  t.equal(two.page(0) - one.page(0), PAGES * PAGE_SIZE);
  t.equal(one.sharedInfo, one.page(SHARED_INFO_PFN));
  t.equal(one.grantTable, one.page(GRANT_TABLE_PFN));
  for (const none of [-1, PAGES]) t.throws(() => one.page(none), { message: /is outside 0 to 4/ });
});

t.test('what the hypervisor keeps of a domain lies in its record', async (t) => {
  const { memory } = place();
  const record = memory.size - PAGE_SIZE;
  const domain = new Domain(memory, {
    name: 'guest',
    agent: 1,
    firstFrame: 2,
    pages: 1,
    record,
    channelTable: 0,
  });
  domain.create(0xfffe);
  domain.resume(SuspendResult.Cancelled);
  t.strictSame([...readBytes(memory, record, DomainRecord.size)], [0xfe, 0xff, DomainState.Running, 1]);
  t.strictSame([domain.domid, domain.state, domain.suspendResult], [0xfffe, 2, 1], 'and is read back from there');
  const { journalLength, hashLow, hashHigh } = memory;
  domain.destroy();
  memory.undo(journalLength, hashLow, hashHigh);
  t.strictSame([domain.domid, domain.state, domain.suspendResult], [0xfffe, 2, 1], 'and undone with it');
});

t.test('only a domain in state running runs, and resuming tells what the hypercall returns', async (t) => {
  const { one } = place();
  one.create(5);
  for (const state of [DomainState.Paused, DomainState.Suspended, DomainState.Crashed]) {
    one.setState(state);
    t.equal(one.state, state);
    t.equal(one.running, false);
  }
  for (const result of [SuspendResult.Cancelled, SuspendResult.ResumedInNewDomain]) {
    one.setState(DomainState.Suspended);
    one.resume(result);
    t.equal(one.running, true);
    t.equal(one.suspendResult, result);
  }
});

t.test('an image holds the pages of the guest, byte for byte', async (t) => {
  const { memory, one, image } = place();
  one.create(5);
  fill(memory, one, 1);
  const saved = guestPages(memory, one);
  const before = memory.journalLength;
  one.save(image);
  for (let entry = before; entry < memory.journalLength; entry++)
    t.ok(memory.journalWord(entry) * 4 >= image * PAGE_SIZE, 'saving stores to the image only');
  fill(memory, one, 2);
  memory.write32(one.page(3) + 2048, 7);
  t.not(guestPages(memory, one).join(), saved.join());
  one.restore(image);
  t.strictSame(guestPages(memory, one), saved);
});

t.test('what is saved later does not change the image, and saving again replaces it', async (t) => {
  const { memory, one, two, image } = place();
  one.create(5);
  two.create(6);
  fill(memory, one, 1);
  memory.write32(one.page(2) + 1500, 9);
  one.save(image);
  fill(memory, one, 2);
  two.restore(image);
  t.equal(memory.read32(two.page(2)), 1002, 'the image is a copy');
  memory.write32(one.page(2) + 1500, 0);
  one.save(image);
  two.restore(image);
  t.strictSame(guestPages(memory, two), guestPages(memory, one), 'words that became 0 are 0');
});

t.test('shared info and grant table are not in the image', async (t) => {
  const { memory, one, two, image } = place();
  one.create(5);
  fill(memory, one, 1);
  one.save(image);
  two.create(6);
  two.restore(image);
  t.equal(page(memory, two, SHARED_INFO_PFN), EMPTY);
  t.equal(page(memory, two, GRANT_TABLE_PFN), EMPTY);
  fill(memory, one, 3);
  const before = [page(memory, one, SHARED_INFO_PFN), page(memory, one, GRANT_TABLE_PFN)];
  one.restore(image);
  t.strictSame([page(memory, one, SHARED_INFO_PFN), page(memory, one, GRANT_TABLE_PFN)], before);
  const imageBytes = readBytes(memory, image * PAGE_SIZE, (PAGES - FIRST_GUEST_PFN) * PAGE_SIZE);
  const rest = readBytes(memory, (image + PAGES - FIRST_GUEST_PFN) * PAGE_SIZE, FIRST_GUEST_PFN * PAGE_SIZE);
  t.ok(imageBytes.some((byte) => byte !== 0));
  t.ok(
    rest.every((byte) => byte === 0),
    'it takes the pages of the guest and no more',
  );
});

t.test('number, state and suspend result are not in the image', async (t) => {
  const { memory, one, two, image } = place();
  one.create(5);
  one.resume(SuspendResult.Cancelled);
  fill(memory, one, 1);
  one.save(image);
  two.create(6);
  two.restore(image);
  t.strictSame([two.domid, two.state, two.suspendResult], [6, DomainState.Paused, 0]);
  t.strictSame([one.domid, one.state, one.suspendResult], [5, DomainState.Running, 1]);
});

t.test('saving and restoring need no right to the pages, and leave the running agent as it was', async (t) => {
  const { memory, one, two, image } = place();
  one.create(5);
  two.create(6);
  fill(memory, one, 1);
  memory.current = 1 << 20;
  one.save(image);
  two.restore(image);
  two.setState(DomainState.Suspended);
  two.resume(0);
  one.destroy();
  t.equal(memory.current, 1 << 20);
});

t.test('two copies of one guest are two domains with equal pages, and each goes its own way', async (t) => {
  const { memory, one, two, image, as } = place();
  one.create(5);
  fill(memory, one, 1);
  one.save(image);
  two.create(6);
  two.restore(image);
  t.strictSame(guestPages(memory, two), guestPages(memory, one));
  as(two.agent, () => memory.write32(two.page(2), 77));
  t.equal(memory.read32(one.page(2)), 1002);
  as(one.agent, () => memory.write32(one.page(3), 78));
  t.equal(memory.read32(two.page(3)), 1003);
});

t.test('the pages of a domain that has ended are zero and out of reach, also for whoever mapped them', async (t) => {
  const { memory, host, one, two, as } = place();
  one.create(5);
  two.create(6);
  const daemon = 1 << 12;
  const ref = host.grants.grantAccess(one, 6, 3);
  t.ok(host.grants.map(6, daemon, 5, ref) > 0);
  as(daemon, () => memory.read8(one.page(3)));
  fill(memory, one, 1);
  fill(memory, two, 2);
  const others = guestPages(memory, two);
  one.destroy();
  t.strictSame([one.domid, one.state, one.suspendResult], [0, DomainState.Free, 0]);
  for (let pfn = 0; pfn < PAGES; pfn++) {
    t.equal(page(memory, one, pfn), EMPTY);
    for (const agent of [one.agent, two.agent, daemon]) {
      t.throws(() => as(agent, () => memory.read8(one.page(pfn))), { name: 'MemoryFault' });
      t.throws(() => as(agent, () => memory.write8(one.page(pfn), 1)), { name: 'MemoryFault' });
    }
  }
  t.strictSame(guestPages(memory, two), others, 'the next domain keeps its own');
  as(two.agent, () => memory.read8(two.page(0)));
});

t.test('in the place of a domain that has ended a new one begins empty', async (t) => {
  const { memory, one, as } = place();
  one.create(5);
  one.resume(SuspendResult.Cancelled);
  fill(memory, one, 1);
  one.destroy();
  one.create(6);
  t.strictSame([one.domid, one.state, one.suspendResult], [6, DomainState.Paused, 0]);
  for (let pfn = 0; pfn < PAGES; pfn++) t.equal(page(memory, one, pfn), EMPTY);
  as(one.agent, () => memory.write8(one.page(0), 1));
});

t.test('creating and destroying leave nothing behind in the state', async (t) => {
  const { memory, one } = place();
  one.create(5);
  one.destroy();
  const { hashLow, hashHigh } = memory;
  one.create(6);
  fill(memory, one, 4);
  one.resume(1);
  one.destroy();
  t.strictSame([memory.hashLow, memory.hashHigh], [hashLow, hashHigh]);
});

t.test('a host finds live domains by their numbers', async (t) => {
  const { host, one, two } = place();
  t.equal(host.find(0), undefined, 'a place without a domain has number 0, and is not found by it');
  one.create(5);
  two.create(6);
  t.equal(host.find(5), one);
  t.equal(host.find(6), two);
  one.setState(DomainState.Crashed);
  t.equal(host.find(5), one, 'a crashed domain is still there');
  one.destroy();
  t.equal(host.find(5), undefined);
});
