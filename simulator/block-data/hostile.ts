/**
 * An end of a block pair that stores what it likes: each field of the ring page, of an entry of its grant table, and each
 * of its nodes, between any two steps of the other end.
 *
 * Sources: the security lines 1 to 7, 20 and 24 of the Xen ABI (XSA-155, producers that overrun the ring, numbers of
 * requests that were never made, mappings that fail), io/ring.h and io/blkif.h for the fields.
 */
import { BLOCK_GUEST_PAGES, RING_PAGES, RING_PFN } from '../../frontend/blkfront/memory.js';
import { FIRST_GREF, GrantEntry } from '../../hypervisor/grant-table.js';
import { BLKIF_X86_64, type BlkifAbi, BlkifOperation, BlkifSegment } from '../../protocol/blkif.js';
import { BlkifNode } from '../../protocol/blkif-nodes.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { RING_ENTRIES_OFFSET, SharedRing } from '../../protocol/ring.js';
import { vbdPaths } from '../../protocol/vbd-paths.js';
import { DeviceNode } from '../../protocol/xenbus.js';
import type { Actor } from '../actors.js';
import {
  type Deed,
  fieldDeeds,
  type HostileField,
  type HostileNode,
  type HostilePage,
  hostileActors,
  nodeDeeds,
} from '../hostile-deeds.js';
import { DISK_BLOCKS } from './disk.js';
import type { BlockMachine, BlockSlot, BlockWorldOptions } from './machine.js';

export type HostileEnd = 'frontend' | 'backend';

/** References and ports: reserved, the first, past the table, negative, none at all. */
const NODE_NUMBERS = ['0', '8', '16', '-1', '4294967304', 'x', ''];

const FRONTEND_NODES: readonly HostileNode[] = [
  [DeviceNode.RingRef, NODE_NUMBERS],
  [DeviceNode.EventChannel, NODE_NUMBERS],
  [BlkifNode.Protocol, ['x86_32-abi', 'arm-abi', '']],
  [DeviceNode.State, ['0', '1', '4', '5', '6', '9', '']],
];

const BACKEND_NODES: readonly HostileNode[] = [
  [DeviceNode.State, ['0', '2', '3', '5', '6', '9', '']],
  [BlkifNode.Sectors, ['-1', '18446744073709551615', 'x', '']],
  [BlkifNode.SectorSize, ['0', 'x']],
];

/** No flag, a flag that is the hypervisor's; another domain; its last page, and two that it has not. */
const GRANT: readonly HostileField[] = [
  { name: 'flags', offset: GrantEntry.offset.flags, bytes: 2, values: [0, 2, 25] },
  { name: 'domid', offset: GrantEntry.offset.domid, bytes: 2, values: [1, 2] },
  {
    name: 'frame',
    offset: GrantEntry.offset.frame,
    bytes: 4,
    values: [BLOCK_GUEST_PAGES - 1, BLOCK_GUEST_PAGES, 0xffff_ffff],
  },
];

/** Actors in the order of the slots; none where nobody is hostile. */
export function hostileBlockActors(machine: BlockMachine, options: BlockWorldOptions): readonly Actor[] {
  const { hostile } = options;
  if (hostile === undefined) return [];
  const { memory, state, slots } = machine;
  const left = (): boolean => state.hostile_stores > 0;
  const spend = (): void => {
    memory.asHypervisor(() => {
      state.hostile_stores -= 1;
    });
  };
  return slots.flatMap((slot) => {
    const { domain, backend } = slot;
    return hostile === 'frontend'
      ? hostileActors(
          { agents: domain.agent, left: () => left() && domain.running, spend },
          frontendDeeds(machine, slot, options),
        )
      : hostileActors({ agents: backend.agent, left, spend }, backendDeeds(machine, slot, options));
  });
}

function frontendDeeds({ memory }: BlockMachine, slot: BlockSlot, options: BlockWorldOptions): readonly Deed[] {
  const { domain, domid, guest, guestStore, backend } = slot;
  const { abi = BLKIF_X86_64, ringSize = 2 } = options;
  const who = domain.name;
  const paths = vbdPaths(0, domid);
  const fields = [...producers('req_prod', ringSize), ...inEachEntry(ringSize, abi, requestFields(abi))];
  // Of a page that is neither its ring nor mapped nobody will ever read what is there.
  const isRing = (pfn: number): boolean =>
    guest.front.state.ring_pfn === pfn || (memory.agentsOf(domain.page(pfn) / PAGE_SIZE) & backend.agent) !== 0;
  const rings = Array.from({ length: RING_PAGES }, (_, page): HostilePage => {
    const pfn = RING_PFN + page;
    return { who, where: `ring page ${page}`, address: () => (isRing(pfn) ? domain.page(pfn) : 0) };
  });
  // The ring, and the data of the first request.
  const grants = [0, 1].map(
    (number): HostilePage => ({
      who,
      where: `its grant ${FIRST_GREF + number}`,
      address: () => domain.grantTable + (FIRST_GREF + number) * GrantEntry.size,
    }),
  );
  return [
    ...rings.flatMap((page) => fieldDeeds(memory, page, fields)),
    ...grants.flatMap((page) => fieldDeeds(memory, page, GRANT)),
    ...nodeDeeds(who, guestStore, FRONTEND_NODES, (node) => paths.front(node)),
  ];
}

function backendDeeds({ memory }: BlockMachine, slot: BlockSlot, options: BlockWorldOptions): readonly Deed[] {
  const { backend, host, domid } = slot;
  const { abi = BLKIF_X86_64, ringSize = 2 } = options;
  const who = backend.name;
  const paths = vbdPaths(0, domid);
  // The page as the hypervisor has mapped it for the process, whatever its driver makes of the handle.
  const mapped = (): number => memory.asHypervisor(() => host.grants.firstMapping(backend.agent));
  const ring: HostilePage = { who, where: 'the ring page', address: mapped };
  return [
    ...fieldDeeds(memory, ring, [
      ...producers('rsp_prod', ringSize),
      ...inEachEntry(ringSize, abi, [...responseFields(abi), ...requestFields(abi)]),
    ]),
    ...nodeDeeds(who, backend.store, BACKEND_NODES, (node) => paths.back(node)),
  ];
}

/**
 * The header of the ring. `own` is the producer of this end: one entry that was never filled, one more than the ring
 * has, back, half way round. The indices of the other end lie in the same page.
 */
function producers(own: 'req_prod' | 'rsp_prod', ringSize: number): readonly HostileField[] {
  const other = own === 'req_prod' ? 'rsp_prod' : 'req_prod';
  const { offset } = SharedRing;
  return [
    { name: own, offset: offset[own], bytes: 4, values: [], by: [1, ringSize + 1, -1, 0x8000_0000] },
    { name: other, offset: offset[other], bytes: 4, values: [], by: [1, -1, 0x8000_0000] },
    { name: 'req_event', offset: offset.req_event, bytes: 4, values: [0, 0xffff_ffff] },
    { name: 'rsp_event', offset: offset.rsp_event, bytes: 4, values: [0, 0xffff_ffff] },
  ];
}

/** A request, and its first segment. Byte 1 is the number of segments, or of an indirect request the operation. */
function requestFields({ request }: BlkifAbi): readonly HostileField[] {
  const { offset } = request;
  const { Write, FlushDiskcache, Discard, Indirect } = BlkifOperation;
  const segment = (name: keyof typeof BlkifSegment.offset): number => offset.seg + BlkifSegment.offset[name];
  return [
    { name: 'operation', offset: offset.operation, bytes: 1, values: [Write, FlushDiskcache, 4, Discard, Indirect] },
    { name: 'nr_segments', offset: offset.nr_segments, bytes: 1, values: [0, 12, 255] },
    { name: 'id', offset: offset.id_low, bytes: 4, values: [1, 0xffff_ffff] },
    // The first sector past the disk, and one past everything.
    { name: 'sector_number', offset: offset.sector_number, bytes: 4, values: [DISK_BLOCKS * 8, 0xffff_ffff] },
    // Reserved, that of the ring, far past the table, and one whose entry wraps.
    { name: 'gref', offset: segment('gref'), bytes: 4, values: [0, FIRST_GREF, 0x100_0000, 0xffff_ffff] },
    { name: 'first_sect', offset: segment('first_sect'), bytes: 1, values: [8, 255] },
    { name: 'last_sect', offset: segment('last_sect'), bytes: 1, values: [8, 255] },
  ];
}

function responseFields({ response }: BlkifAbi): readonly HostileField[] {
  const { offset } = response;
  return [
    { name: 'response id', offset: offset.id_low, bytes: 4, values: [0, 1, 2, 0xffff_ffff] },
    { name: 'response id, high', offset: offset.id_high, bytes: 4, values: [1] },
    { name: 'response operation', offset: offset.operation, bytes: 1, values: [BlkifOperation.Read, 255] },
    { name: 'status', offset: offset.status, bytes: 2, values: [0, 1, 0x8000, 0xffff] },
  ];
}

function inEachEntry(ringSize: number, { entrySize }: BlkifAbi, fields: readonly HostileField[]): HostileField[] {
  return Array.from({ length: ringSize }, (_, entry) => entry).flatMap((entry) =>
    fields.map((field) => ({
      ...field,
      name: `entry ${entry}: ${field.name}`,
      offset: RING_ENTRIES_OFFSET + entry * entrySize + field.offset,
    })),
  );
}
