/**
 * Builds one slot: the guest's domain, its backend process and its TPM, and what the memory map says of them.
 */
import { TpmDevice, TpmDeviceState, tpmDevicePages } from '../backend/tpm/device.js';
import type { TpmEngine } from '../backend/tpm/engine.js';
import type { CommandPool } from '../frontend/command-pool.js';
import { Guest } from '../frontend/guest.js';
import {
  DRIVER_PFN,
  GUEST_PAGES,
  GuestHistory,
  HISTORY_OFFSET,
  KERNEL_PFN,
  KernelState,
  RING_PAGES,
  RING_PFN,
  USER_OFFSET,
  UserState,
} from '../frontend/guest-memory.js';
import { type Domain, FIRST_GUEST_PFN } from '../hypervisor/domain.js';
import type { Host } from '../hypervisor/host.js';
import type { JournaledMemory } from '../hypervisor/journaled-memory.js';
import type { MemoryMap } from '../hypervisor/memory-map.js';
import { assert } from '../protocol/assert.js';
import { digestMemory } from '../protocol/digest.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import { readCode } from '../protocol/tpm/header.js';
import { changesState } from '../protocol/tpm/state-change.js';
import { TpmifTxRequest64 } from '../protocol/tpmif-v1.js';
import { TpmifSharedPage } from '../protocol/tpmif-v2.js';
import { BackendProcess } from './backend-process.js';
import { type Allocator, backendAgent, domain, guestAgent } from './frames.js';
import type { Oracles } from './oracles.js';
import { Slot } from './slot.js';
import { StateVolume, type StateVolumeOptions, StateVolumeRecord } from './state-volume.js';
import type { StoreClient } from './store-client.js';
import type { WorldOptions } from './world-options.js';
import { WorldState } from './world-state.js';

/** Numbers of the connections to a store, by who holds them; the toolstack's is 1. */
const backendConnection = (slot: number): number => 2 + slot;
const guestConnection = (slot: number): number => 4 + slot;

export interface SlotContext {
  readonly index: number;
  readonly host: Host;
  readonly memory: JournaledMemory;
  readonly map: MemoryMap;
  readonly frames: Allocator;
  readonly records: Allocator;
  readonly client: (name: string, host: Host, id: number, domid: number) => StoreClient;
  readonly oracles: Oracles;
  readonly world: ReturnType<typeof WorldState.view>;
  readonly options: WorldOptions;
  readonly engine: TpmEngine;
  readonly pool: CommandPool;
}

export function buildSlot(context: SlotContext): Slot {
  const { index, host, memory, map, frames, records, client, oracles, options, engine, pool } = context;
  const domid = index + 1;
  const name = `guest${domid}`;
  const agent = guestAgent(index);
  const sequenceBits = options.sequenceBits ?? 32;
  const guestDomain = domain(memory, records, {
    name,
    agent,
    firstFrame: frames.take(GUEST_PAGES),
    pages: GUEST_PAGES,
  });
  host.domains.push(guestDomain);
  const dom0 = host.domains[0] as Domain;

  const guestStore = client(name, host, guestConnection(index), domid);
  const guest = new Guest(
    memory,
    {
      slot: index,
      domain: guestDomain,
      host,
      store: guestStore,
      commands: pool,
      probe: oracles,
      user: options.user ?? 'sleep',
      kernel: options.kernel ?? 'linux',
      sequenceBits,
      onSuspend: () => guestStore.domainShutdown(domid),
    },
    options.tpmfront.create,
  );

  const backendPage = frames.take(1);
  // The simulator's own word, which no agent may touch: read behind the page table's back.
  const slowOrdinal = (context.world.base + WorldState.offset.slow_ordinal) >>> 2;
  const devicePages = tpmDevicePages(engine);
  const deviceFrame = frames.take(devicePages);
  const device = new TpmDevice(
    memory,
    engine,
    {
      slot: index,
      address: deviceFrame * PAGE_SIZE,
      duration: (ordinal) => (ordinal === memory.word(slowOrdinal) ? options.scenario.slowCommandMilliseconds : 0),
      effect: (address, length) =>
        length >= 10 && changesState(readCode(memory, address)) ? digestMemory(memory, address, length) : 0,
    },
    oracles,
  );
  const backAgent = backendAgent(index);
  memory.protect(backendPage, backAgent);
  for (let page = 0; page < devicePages; page++) memory.protect(deviceFrame + page, backAgent);
  const backendStore = client(`tpmback${domid}`, host, backendConnection(index), 0);
  assert(options.stateVolume === undefined || options.tpmback.ring === 'v2', 'world: a v1 backend opens no volume');
  const volume = options.stateVolume === undefined ? null : buildVolume(context, options.stateVolume, domid);
  const driver = options.tpmback.create({
    slot: index,
    memory,
    domain: dom0,
    host,
    store: backendStore,
    device,
    probe: oracles,
    page: backendPage * PAGE_SIZE,
    agent: backAgent,
    frontendDomid: () => domid,
    sequenceBits,
    ...(volume === null ? {} : { volume: { rules: volume.rules, devices: volume } }),
  });
  const backend = new BackendProcess(
    memory,
    {
      name: `tpmback${domid}`,
      agent: backAgent,
      page: backendPage * PAGE_SIZE,
      domain: dom0,
      host,
      store: backendStore,
      onKill: () => {
        volume?.closeAll();
        if (options.scenario.vtpmInBackend === true) device.abandon();
      },
    },
    driver,
  );

  const { ring } = options.tpmback;
  describeSlot(map, { name, guestDomain, guest, ring, backendPage, backend, deviceFrame, devicePages, domid });
  const memoryImage = frames.take(GUEST_PAGES - FIRST_GUEST_PFN);
  const deviceImage = frames.take(devicePages);
  map.add({
    owner: name,
    name: 'saved memory',
    address: memoryImage * PAGE_SIZE,
    size: (deviceImage - memoryImage) * PAGE_SIZE,
  });
  map.add({
    owner: `tpm${domid}`,
    name: 'saved state',
    address: deviceImage * PAGE_SIZE,
    size: devicePages * PAGE_SIZE,
    layout: TpmDeviceState,
  });
  return new Slot(
    memory,
    { index, domid, host, domain: guestDomain, device, guestStore, volume, memoryImage, deviceImage },
    guest,
    backend,
  );
}

function buildVolume({ memory, map, records, index }: SlotContext, options: StateVolumeOptions, domid: number) {
  const address = records.take(StateVolumeRecord.size);
  map.add({
    owner: `tpm${domid}`,
    name: 'volume',
    address,
    size: StateVolumeRecord.size,
    layout: StateVolumeRecord,
  });
  return new StateVolume(memory, address, index, options);
}

function describeSlot(
  map: MemoryMap,
  parts: {
    name: string;
    guestDomain: Domain;
    guest: Guest;
    ring: 'v1' | 'v2';
    backendPage: number;
    backend: BackendProcess;
    deviceFrame: number;
    devicePages: number;
    domid: number;
  },
): void {
  const { name, guestDomain, guest } = parts;
  const kernel = guestDomain.page(KERNEL_PFN);
  map.add({ owner: name, name: 'shared info', address: guestDomain.sharedInfo, size: PAGE_SIZE });
  map.add({ owner: name, name: 'grant table', address: guestDomain.grantTable, size: PAGE_SIZE });
  map.add({ owner: name, name: 'kernel', address: kernel, size: USER_OFFSET, layout: KernelState });
  map.add({
    owner: name,
    name: 'user',
    address: kernel + USER_OFFSET,
    size: HISTORY_OFFSET - USER_OFFSET,
    layout: UserState,
  });
  map.add({
    owner: name,
    name: 'history',
    address: kernel + HISTORY_OFFSET,
    size: PAGE_SIZE - HISTORY_OFFSET,
    layout: GuestHistory,
  });
  map.add({
    owner: name,
    name: 'driver',
    address: guestDomain.page(DRIVER_PFN),
    size: PAGE_SIZE,
    layout: guest.front.layout,
  });
  for (let i = 0; i < RING_PAGES; i++) {
    const page = { owner: name, name: `ring page ${i}`, address: guestDomain.page(RING_PFN + i), size: PAGE_SIZE };
    if (parts.ring === 'v2') map.add({ ...page, layout: TpmifSharedPage });
    else if (i === 0) map.add({ ...page, layout: TpmifTxRequest64 });
    else map.add({ ...page, name: 'data page' });
  }
  map.add({
    owner: parts.backend.name,
    name: 'process',
    address: parts.backendPage * PAGE_SIZE,
    size: PAGE_SIZE,
    layout: parts.backend.driver.layout,
  });
  map.add({
    owner: `tpm${parts.domid}`,
    name: 'state',
    address: parts.deviceFrame * PAGE_SIZE,
    size: parts.devicePages * PAGE_SIZE,
    layout: TpmDeviceState,
  });
}
