/**
 * The parts of a world and where they lie in memory.
 *
 *     frame 0          page table
 *     frame 1          world state, domain records, channel tables, mappings      (the hypervisor's)
 *     per host         pages of domain 0
 *     per slot         the guest's pages, the backend process, the TPM, the images of guest and TPM
 *     last             the toolstack
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
import { Domain, DomainRecord, FIRST_GUEST_PFN } from '../hypervisor/domain.js';
import { Channel, PORTS_MAX } from '../hypervisor/event-channels.js';
import { MAPPINGS_MAX, Mapping } from '../hypervisor/grant-table.js';
import { Host } from '../hypervisor/host.js';
import { JournaledMemory } from '../hypervisor/journaled-memory.js';
import { MemoryMap } from '../hypervisor/memory-map.js';
import { digestMemory } from '../protocol/digest.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import { readCode } from '../protocol/tpm/header.js';
import { changesState } from '../protocol/tpm/state-change.js';
import { TpmifTxRequest64 } from '../protocol/tpmif-v1.js';
import { TpmifSharedPage } from '../protocol/tpmif-v2.js';
import { C_4_17, finite, Store } from '../xenstore-sim/index.js';
import { BackendProcess } from './backend-process.js';
import { Oracles } from './oracles.js';
import { Slot } from './slot.js';
import { StoreClient } from './store-client.js';
import { StoreValues } from './store-value.js';
import { Toolstack, ToolstackState } from './toolstack.js';
import type { FaultBudget, WorldOptions } from './world-options.js';
import { WorldState } from './world-state.js';

/** Bits of the agents. */
export const guestAgent = (slot: number): number => 1 << slot;
export const backendAgent = (slot: number): number => 1 << (4 + slot);
export const TOOLSTACK_AGENT: number = 1 << 8;

const SLOTS = 2;
/** Number of the connection to a store, by who holds it. */
const TOOLSTACK_CONNECTION = 1;
const backendConnection = (slot: number): number => 2 + slot;
const guestConnection = (slot: number): number => 4 + slot;

export interface Machine {
  readonly memory: JournaledMemory;
  readonly map: MemoryMap;
  readonly world: ReturnType<typeof WorldState.view>;
  readonly hosts: readonly Host[];
  readonly slots: readonly [Slot, Slot];
  readonly toolstack: Toolstack;
  readonly clients: readonly StoreClient[];
  readonly oracles: Oracles;
  readonly options: WorldOptions;
  arm(faults: FaultBudget): void;
  /** Which steps commute with all others from here on, so that it is enough to explore them first. */
  independence(): Independence;
}

/**
 * Two reductions, each a persistent set in the sense of P. Godefroid (Partial-Order Methods, 1996), for worlds of two
 * hosts, which share neither memory nor a store:
 *
 * `source-first`: the target runs and the source will not run again. What is left to do on the source's host, for the
 * toolstack too, is to take the source away, and touches nothing that the target's host can touch.
 *
 * `toolstack-first`: both images are complete, the target does not run yet, and the toolstack's next step is one on
 * the target's host (or its death, or its successor's first look). The source's backend and TPM may still finish a
 * command, but no step of theirs touches an image, the target's host, or what those steps of the toolstack touch.
 * Before the source is resumed or closed this no longer holds, and every step is explored.
 */
export type Independence = 'none' | 'source-first' | 'toolstack-first';

export function buildMachine(options: WorldOptions, engine: TpmEngine, pool: CommandPool): Machine {
  const twoHosts = options.scenario.plan.operation === 'migrate';
  const devicePages = tpmDevicePages(engine);
  const imagePages = GUEST_PAGES - FIRST_GUEST_PFN;
  const slotPages = GUEST_PAGES + 1 + devicePages + imagePages + devicePages;
  const hostCount = twoHosts ? 2 : 1;
  const memory = new JournaledMemory(2 + hostCount * 2 + SLOTS * slotPages + 1);
  const map = new MemoryMap();
  const frames = allocator(2);
  const records = allocator(PAGE_SIZE);

  const world = WorldState.view(memory).at(records.take(64));
  map.add({ owner: 'simulator', name: 'world', address: world.base, size: WorldState.size, layout: WorldState });
  const clients: StoreClient[] = [];
  const values = new StoreValues();

  const hosts = Array.from({ length: hostCount }, (_, index) => {
    const cell = memory.addCell(values.of(Store.empty(finite(C_4_17))));
    const host = new Host(memory, {
      name: `host${'AB'[index]}`,
      maptrack: records.take(MAPPINGS_MAX * Mapping.size),
      storeCell: cell,
    });
    const dom0 = domain(memory, records, {
      name: `dom0${hostCount === 2 ? 'ab'[index] : ''}`,
      agent: 0,
      firstFrame: frames.take(2),
      pages: 2,
    });
    dom0.create(0);
    dom0.resume(0);
    host.domains.push(dom0);
    return host;
  });

  const client = (name: string, host: Host, id: number, domid: number): StoreClient => {
    const made = new StoreClient(memory, { name, cell: host.storeCell, values, id, domid });
    clients.push(made);
    return made;
  };
  const slots: Slot[] = [];
  const oracles = new Oracles(memory, pool, world, slots);
  const toolstackStores = hosts.map((host) => client('toolstack', host, TOOLSTACK_CONNECTION, 0));
  for (const store of toolstackStores) store.connect();

  for (let index = 0; index < SLOTS; index++) {
    const host = hosts[Math.min(index, hostCount - 1)] as Host;
    slots.push(buildSlot({ index, host, memory, map, frames, records, client, oracles, world, options, engine, pool }));
  }
  const [source, target] = slots as [Slot, Slot];

  const toolstackPage = frames.take(1) * PAGE_SIZE;
  map.add({ owner: 'toolstack', name: 'state', address: toolstackPage, size: PAGE_SIZE, layout: ToolstackState });
  memory.protect(toolstackPage / PAGE_SIZE, TOOLSTACK_AGENT);
  const toolstack = new Toolstack(memory, {
    address: toolstackPage,
    plan: options.scenario.plan,
    source,
    target,
    instance: options.tpmback.ring === 'v1',
    storeOf: (slot) => toolstackStores[hosts.indexOf(slot.host)] as StoreClient,
    onSnapshot: () => oracles.snapshot(source),
    onRun: () => oracles.running(),
  });

  // Neither holds where a backend can be killed at any moment, or the source be let run again.
  const mayBeIndependent =
    twoHosts && options.scenario.faults.doubleResumes === 0 && options.scenario.faults.backendKills === 0;
  return {
    memory,
    map,
    world,
    hosts,
    slots: [source, target],
    toolstack,
    clients,
    oracles,
    options,
    independence: () => {
      if (!mayBeIndependent || source.domain.running) return 'none';
      if (target.domain.running) return 'source-first';
      return toolstack.onTargetHost ? 'toolstack-first' : 'none';
    },
    arm: (faults) => {
      world.backend_kills = faults.backendKills;
      world.toolstack_kills = faults.toolstackKills;
      world.spurious_events = faults.spuriousEvents;
      world.clones = faults.doubleResumes;
      if (options.scenario.slowCommandMilliseconds > 0) world.slow_ordinal = oracles.issuedBy(source) + 1;
    },
  };
}

interface SlotContext {
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

function buildSlot(context: SlotContext): Slot {
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
      duration: (ordinal) => (ordinal === memory.words[slowOrdinal] ? options.scenario.slowCommandMilliseconds : 0),
      effect: (address, length) =>
        length >= 10 && changesState(readCode(memory, address)) ? digestMemory(memory, address, length) : 0,
    },
    oracles,
  );
  const backAgent = backendAgent(index);
  memory.protect(backendPage, backAgent);
  for (let page = 0; page < devicePages; page++) memory.protect(deviceFrame + page, backAgent);
  const backendStore = client(`tpmback${domid}`, host, backendConnection(index), 0);
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
    },
    driver,
  );

  const { ring } = options.tpmback;
  describeSlot(map, { name, guestDomain, guest, ring, backendPage, backend, deviceFrame, devicePages, domid });
  const memoryImage = frames.take(GUEST_PAGES - FIRST_GUEST_PFN);
  const deviceImage = frames.take(devicePages);
  return new Slot(
    memory,
    { index, domid, host, domain: guestDomain, device, guestStore, memoryImage, deviceImage },
    guest,
    backend,
  );
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

interface Allocator {
  /** The first of `count` new units. */
  take(count: number): number;
}

function allocator(first: number): Allocator {
  let next = first;
  return {
    take(count) {
      const start = next;
      next += count;
      return start;
    },
  };
}

function domain(
  memory: JournaledMemory,
  records: Allocator,
  place: { name: string; agent: number; firstFrame: number; pages: number },
): Domain {
  const record = records.take(DomainRecord.size);
  return new Domain(memory, { ...place, record, channelTable: records.take(PORTS_MAX * Channel.size) });
}
