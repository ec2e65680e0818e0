/**
 * Each hypercall of a domain happens once, whoever dies before its answer is known; and nothing else is taken for one that
 * has happened.
 */
import t from 'tap';
import { Domain, DomainState, SuspendResult } from '../../hypervisor/domain.js';
import { FIRST_PORT } from '../../hypervisor/event-channels.js';
import { Host } from '../../hypervisor/host.js';
import type { CallName } from '../../live/hypercall/calls.js';
import { ESRCH } from '../../live/hypercall/calls.js';
import { type Dispatcher, dispatch } from '../../live/hypercall/dispatch.js';
import { nextNumber, RepeatedCalls } from '../../live/hypercall/repeated-calls.js';
import { Rights } from '../../live/memory/address-space.js';
import { HYPERVISOR_JOURNAL_FRAME, SEGMENT_NAMES, TABLES_FRAME } from '../../live/memory/segments.js';
import { SharedMemory } from '../../live/memory/shared-memory.js';
import { UndoJournal } from '../../live/memory/undo-journal.js';
import { AGENTS, dom0Place, guestPlace, LAST_CALLS, MAPTRACK, SUSPENSIONS } from '../../live/tables.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { PLAN, type TestSpaces, testSpaces } from '../support/live/spaces.js';

/** Where the guest of a test keeps its number: anywhere in its memory. */
const NUMBER = (PLAN.guest.firstFrame + 2) * PAGE_SIZE;

class Death extends Error {}

/** The process dies before the store after so many. */
class Mortal extends SharedMemory {
  left = Number.POSITIVE_INFINITY;

  override write8(address: number, value: number): void {
    this.#store();
    super.write8(address, value);
  }

  override write16(address: number, value: number): void {
    this.#store();
    super.write16(address, value);
  }

  override write32(address: number, value: number): void {
    this.#store();
    super.write32(address, value);
  }

  /** The dead do nothing more. */
  override commit(): void {
    if (this.left >= 0) super.commit();
  }

  #store(): void {
    if (this.left-- === 0) throw new Death();
  }
}

interface Machine {
  readonly memory: Mortal;
  readonly guest: Domain;
  call(caller: 'guest' | 'backend', number: number, call: CallName, ...args: readonly number[]): number;
  domctl(call: CallName, ...args: readonly number[]): number;
}

/** A hypervisor that begins, over what the last one has left. */
function begin(spaces: TestSpaces): Machine {
  const space = spaces.create();
  for (const name of SEGMENT_NAMES) {
    const { firstFrame, pages } = PLAN[name];
    space.open(Math.max(firstFrame, 1), firstFrame === 0 ? pages - 1 : pages, Rights.Store);
  }
  const memory = new Mortal(space);
  const journal = new UndoJournal(memory.words, HYPERVISOR_JOURNAL_FRAME * PAGE_SIZE);
  journal.recover();
  memory.keep(journal, TABLES_FRAME, 1);
  const host = new Host(memory, { name: 'host a', maptrack: MAPTRACK, storeCell: 0 });
  const dom0 = new Domain(memory, dom0Place(PLAN));
  const guest = new Domain(memory, guestPlace(PLAN, 1));
  host.domains.push(dom0, guest);
  if (dom0.state === DomainState.Free) dom0.create(0);
  memory.commit();
  const place: Dispatcher = {
    memory,
    plan: PLAN,
    host,
    repeated: {
      guest: new RepeatedCalls(memory, LAST_CALLS.guest),
      backend: new RepeatedCalls(memory, LAST_CALLS.backend),
    },
    trace: null,
    wake() {},
    onExecuted() {},
  };
  return {
    memory,
    guest,
    call: (caller, number, call, ...args) => dispatch(place, caller, { number, call, args }),
    domctl: (call, ...args) => dispatch(place, 'toolstack', { number: 0, call, args }),
  };
}

/** The same with a guest that runs, on a host where nothing has happened. */
function anew(spaces: TestSpaces): Machine {
  const space = spaces.create();
  space.open(TABLES_FRAME, 1, Rights.Store);
  const { words } = new SharedMemory(space);
  words.fill(0, (TABLES_FRAME * PAGE_SIZE) >>> 2, ((TABLES_FRAME + 1) * PAGE_SIZE) >>> 2);
  const machine = begin(spaces);
  machine.domctl('domctl_create', 1);
  machine.domctl('domctl_resume', SuspendResult.ResumedInNewDomain);
  return machine;
}

for (const spaces of testSpaces()) {
  t.test(`${spaces.name}: a call that comes again is answered, and not executed`, async (t) => {
    const { call } = anew(spaces);
    t.equal(call('guest', 1, 'evtchn_alloc_unbound', 0), FIRST_PORT);
    t.equal(call('guest', 1, 'evtchn_alloc_unbound', 0), FIRST_PORT);
    t.equal(begin(spaces).call('guest', 1, 'evtchn_alloc_unbound', 0), FIRST_PORT, 'by the next hypervisor, too');
    t.equal(call('backend', 1, 'evtchn_bind_interdomain', 1, FIRST_PORT), FIRST_PORT);
    t.equal(call('backend', 1, 'evtchn_bind_interdomain', 1, FIRST_PORT), FIRST_PORT);
    t.equal(call('guest', 2, 'evtchn_alloc_unbound', 0), FIRST_PORT + 1, 'another one is executed');
  });

  t.test(`${spaces.name}: what is not the same call is executed`, async (t) => {
    const { call } = anew(spaces);
    t.equal(call('guest', 7, 'evtchn_alloc_unbound', 0), FIRST_PORT);
    t.equal(call('guest', 7, 'evtchn_alloc_unbound', FIRST_PORT), FIRST_PORT + 1, 'for another domain');
    t.equal(call('guest', 7, 'evtchn_close', FIRST_PORT), 0, 'of another name');
    t.equal(call('guest', 7, 'evtchn_alloc_unbound', FIRST_PORT), FIRST_PORT, 'the last one is known, and no other');
    t.equal(call('backend', 7, 'evtchn_alloc_unbound', FIRST_PORT), FIRST_PORT, 'of another caller');
    t.equal(call('guest', 0, 'evtchn_alloc_unbound', 0), FIRST_PORT + 2, 'without a number');
    t.equal(call('guest', 0, 'evtchn_alloc_unbound', 0), FIRST_PORT + 3);
  });

  t.test(`${spaces.name}: what was refused is tried again`, async (t) => {
    const { call } = anew(spaces);
    t.ok(call('backend', 1, 'evtchn_bind_interdomain', 1, FIRST_PORT) < 0, 'there is no such port yet');
    call('guest', 1, 'evtchn_alloc_unbound', 0);
    t.equal(call('backend', 1, 'evtchn_bind_interdomain', 1, FIRST_PORT), FIRST_PORT);
  });

  t.test(`${spaces.name}: a caller that is gone is forgotten`, async (t) => {
    const { call, domctl } = anew(spaces);
    call('guest', 1, 'evtchn_alloc_unbound', 0);
    call('backend', 1, 'evtchn_alloc_unbound', 1);
    domctl('domctl_agent_died', AGENTS.backend);
    t.equal(call('backend', 1, 'evtchn_alloc_unbound', 1), FIRST_PORT + 1, 'a backend that was killed');
    domctl('domctl_destroy');
    t.equal(domctl('domctl_resume', 0), -ESRCH);
    domctl('domctl_create', 1);
    t.equal(call('guest', 1, 'evtchn_alloc_unbound', 0), FIRST_PORT, 'a guest that was ended: the port is free again');
    t.equal(call('guest', 2, 'evtchn_alloc_unbound', 0), FIRST_PORT + 1);
  });

  t.test(`${spaces.name}: a hypervisor that dies at any store has done all or nothing`, async (t) => {
    let deaths = 0;
    for (let whole = false; !whole; deaths++) {
      const machine = anew(spaces);
      machine.memory.left = deaths;
      try {
        machine.call('guest', 1, 'evtchn_alloc_unbound', 0);
        whole = true;
      } catch (error) {
        if (!(error instanceof Death)) throw error;
      }
      const next = begin(spaces);
      t.equal(next.call('guest', 1, 'evtchn_alloc_unbound', 0), FIRST_PORT);
      t.equal(next.call('guest', 2, 'evtchn_alloc_unbound', 0), FIRST_PORT + 1, 'none was given away');
    }
    t.ok(deaths > 5, `it died at ${deaths - 1} stores`);
  });

  t.test(`${spaces.name}: a guest is stopped once for a suspend`, async (t) => {
    const { memory, guest, call, domctl } = anew(spaces);
    const before = memory.read32(SUSPENSIONS);
    t.equal(call('guest', 0, 'sched_suspend', before), 0);
    t.equal(guest.state, DomainState.Suspended);
    domctl('domctl_resume', SuspendResult.Cancelled);
    t.equal(call('guest', 0, 'sched_suspend', before), 0, 'its hypervisor had died before it could answer');
    t.equal(guest.state, DomainState.Running);
    t.equal(call('guest', 0, 'sched_suspend', before + 1), 0, 'the next time');
    t.equal(guest.state, DomainState.Suspended);
  });

  t.test(`${spaces.name}: numbers go on after the last one, without 0`, async (t) => {
    const { memory } = anew(spaces);
    memory.write32(NUMBER, 0xffff_fffe);
    t.strictSame(
      [nextNumber(memory, NUMBER), nextNumber(memory, NUMBER), nextNumber(memory, NUMBER)],
      [0xffff_ffff, 1, 2],
    );
  });
}
