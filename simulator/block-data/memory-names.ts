/** Names for the memory of a world of block data, as its traces tell them. */
import { BlkbackState, TAKEN_MAX, TAKEN_OFFSET, TakenRequest } from '../../backend/blkback/memory.js';
import {
  BlkfrontState,
  BlockKernelState,
  BlockUserState,
  COPIES_OFFSET,
  DATA_PFN,
  DRIVER_PFN,
  KERNEL_PFN,
  OPEN_OFFSET,
  OpenRequest,
  PrivateCopy,
  REQUESTS_MAX,
  RING_PAGES,
  RING_PFN,
  USER_OFFSET,
} from '../../frontend/blkfront/memory.js';
import { FIRST_GUEST_PFN } from '../../hypervisor/domain.js';
import { MemoryMap } from '../../hypervisor/memory-map.js';
import type { AnyLayout } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { SharedRing } from '../../protocol/ring.js';
import { DISK_BLOCKS, DiskBlock } from './disk.js';
import { type BlockMachine, type BlockSlot, BlockWorldState } from './machine.js';
import { BlockToolstackState } from './toolstack.js';

export function blockMemoryNames(machine: BlockMachine): MemoryMap {
  const { slots, disk, diskImage, toolstack, state } = machine;
  const map = new MemoryMap();
  const record = (owner: string, name: string, address: number, layout: AnyLayout): void =>
    map.add({ owner, name, address, size: layout.size, layout });
  map.add({ owner: 'hypervisor', name: 'page table', address: 0, size: PAGE_SIZE });
  map.add({ owner: 'hypervisor', name: 'tables', address: PAGE_SIZE, size: PAGE_SIZE });
  record('world', 'state', state.base, BlockWorldState);
  for (const slot of slots.toReversed()) nameSlot(map, slot, record);
  for (let block = 0; block < DISK_BLOCKS; block++) {
    record('disk', `block ${block}`, disk.at(block).base, DiskBlock);
    record('toolstack', `image of disk, block ${block}`, diskImage.at(block).base, DiskBlock);
  }
  record('toolstack', 'state', toolstack.state.base, BlockToolstackState);
  return map;
}

function nameSlot(
  map: MemoryMap,
  { domain, host, backend, image }: BlockSlot,
  record: (owner: string, name: string, address: number, layout: AnyLayout) => void,
): void {
  const page = (owner: string, name: string, address: number): void =>
    map.add({ owner, name, address, size: PAGE_SIZE });
  // Nobody else in domain 0 has channels.
  const [dom0] = host.domains;
  if (dom0 !== undefined) page(backend.name, 'shared info of dom0', dom0.sharedInfo);
  const { name } = domain;
  page(name, 'shared info', domain.sharedInfo);
  page(name, 'grant table', domain.grantTable);
  const kernel = domain.page(KERNEL_PFN);
  record(name, 'kernel', kernel, BlockKernelState);
  record(name, 'user', kernel + USER_OFFSET, BlockUserState);
  const driver = domain.page(DRIVER_PFN);
  record(name, 'driver', driver, BlkfrontState);
  for (let i = 0; i < REQUESTS_MAX; i++) {
    record(name, `request ${i}`, driver + OPEN_OFFSET + i * OpenRequest.size, OpenRequest);
    record(name, `private copy ${i}`, driver + COPIES_OFFSET + i * PrivateCopy.size, PrivateCopy);
    page(name, `data page ${i}`, domain.page(DATA_PFN + i));
  }
  for (let i = 0; i < RING_PAGES; i++) {
    const ring = domain.page(RING_PFN + i);
    page(name, `ring page ${i}`, ring);
    record(name, `ring page ${i}`, ring, SharedRing);
  }
  const state = backend.driver.state.base;
  page(backend.name, 'process', state);
  page(backend.name, 'segments', state + PAGE_SIZE);
  record(backend.name, 'process', state, BlkbackState);
  for (let i = 0; i < TAKEN_MAX; i++)
    record(backend.name, `taken request ${i}`, state + TAKEN_OFFSET + i * TakenRequest.size, TakenRequest);
  const pages = domain.pages - FIRST_GUEST_PFN;
  map.add({ owner: 'toolstack', name: `image of ${name}`, address: image * PAGE_SIZE, size: pages * PAGE_SIZE });
}
