/**
 * The memory of a host from inside one of its parts, whether that is a process or a thread.
 */
import { Domain } from '../../hypervisor/domain.js';
import { assert } from '../../protocol/assert.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { type AddressSpace, processAddressSpace, Rights, threadAddressSpace } from '../memory/address-space.js';
import { Doorbell, DoorbellRinger } from '../memory/doorbell.js';
import { type BellListener, fifoBell, fifoListener, threadListener } from '../memory/event-loop-bell.js';
import { native } from '../memory/native.js';
import { machinePlan, SEGMENT_NAMES, type SegmentName, TABLES_FRAME } from '../memory/segments.js';
import { SharedMemory } from '../memory/shared-memory.js';
import { dom0Place, guestPlace } from '../tables.js';
import { bellPath, type HostConfig, type MemoryGrant } from './config.js';

export function openMemory(host: HostConfig, grant: MemoryGrant): SharedMemory {
  return new SharedMemory(openSpace(host, grant));
}

export function openSpace(host: HostConfig, grant: MemoryGrant): AddressSpace {
  const plan = machinePlan(host.fillerPages);
  if (grant.kind === 'thread') return threadAddressSpace(plan, grant.buffer);
  const calls = native();
  assert(calls !== null, 'live: expected koffi in a part that is a process');
  const descriptors = Object.fromEntries(grant.segments.map((name, index) => [name, grant.firstDescriptor + index]));
  return processAddressSpace(calls, plan, descriptors);
}

/** Opens what everybody may read. */
export function openTables(space: AddressSpace): void {
  space.open(TABLES_FRAME, 1, Rights.Load);
}

export function openSegment(space: AddressSpace, name: SegmentName, rights: Rights): void {
  const { firstFrame, pages } = space.plan[name];
  space.open(firstFrame, pages, rights);
}

export function openAll(space: AddressSpace): void {
  for (const name of SEGMENT_NAMES) {
    const { firstFrame, pages } = space.plan[name];
    // Frame 0 stays closed: address 0 is no address.
    if (name === 'hypervisor') space.open(firstFrame + 1, pages - 1, Rights.Store);
    else space.open(firstFrame, pages, Rights.Store);
  }
}

/** The domains of a host, to be read. */
export function domainsOf(memory: SharedMemory, host: HostConfig): { readonly dom0: Domain; readonly guest: Domain } {
  const { plan } = memory.space;
  return { dom0: new Domain(memory, dom0Place(plan)), guest: new Domain(memory, guestPlace(plan, host.domid)) };
}

/** Address of the page by which the process of `agent` is woken. */
export function sharedInfoOf(memory: SharedMemory, agent: 'guest' | 'backend'): number {
  const { plan } = memory.space;
  return (agent === 'guest' ? plan.guest : plan.dom0).firstFrame * PAGE_SIZE;
}

export function ringerOf(
  memory: SharedMemory,
  host: HostConfig,
  agent: 'guest' | 'backend',
  grant: MemoryGrant,
): DoorbellRinger {
  const calls = grant.kind === 'process' ? native() : null;
  const bell = calls === null ? null : fifoBell(calls, bellPath(host, agent));
  return new DoorbellRinger(memory.space, sharedInfoOf(memory, agent), bell);
}

export function doorbellOf(
  memory: SharedMemory,
  host: HostConfig,
  agent: 'guest' | 'backend',
  grant: MemoryGrant,
  onRing: () => void,
): { readonly doorbell: Doorbell; readonly listener: BellListener } {
  const doorbell = new Doorbell(memory.space, sharedInfoOf(memory, agent));
  const calls = grant.kind === 'process' ? native() : null;
  const listener =
    calls === null ? threadListener(doorbell, onRing) : fifoListener(calls, bellPath(host, agent), onRing);
  return { doorbell, listener };
}
