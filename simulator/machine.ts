/**
 * The parts of a world and where they lie in memory.
 *
 *     frame 0          page table
 *     frame 1          world state, domain records, channel tables, mappings      (the hypervisor's)
 *     per host         pages of domain 0
 *     per slot         the guest's pages, the backend process, the TPM, the images of guest and TPM
 *     last             the toolstack
 */

import { tpmDevicePages } from '../backend/tpm/device.js';
import type { TpmEngine } from '../backend/tpm/engine.js';
import type { CommandPool } from '../frontend/command-pool.js';
import { GUEST_PAGES } from '../frontend/guest-memory.js';
import { FIRST_GUEST_PFN } from '../hypervisor/domain.js';
import { MAPPINGS_MAX, Mapping } from '../hypervisor/grant-table.js';
import { Host } from '../hypervisor/host.js';
import { JournaledMemory } from '../hypervisor/journaled-memory.js';
import { MemoryMap } from '../hypervisor/memory-map.js';
import { PAGE_SIZE } from '../protocol/memory.js';
import { finite, POLICIES, Store } from '../xenstore-sim/index.js';
import { buildSlot } from './build-slot.js';
import { allocator, domain, TOOLSTACK_AGENT } from './frames.js';
import { Oracles } from './oracles.js';
import type { Slot } from './slot.js';
import { StoreClient } from './store-client.js';
import { StoreValues } from './store-value.js';
import { Toolstack } from './toolstack.js';
import { ToolstackState } from './toolstack-state.js';
import { type FaultBudget, USUAL_DAEMON, type WorldOptions } from './world-options.js';
import { WorldState } from './world-state.js';

const SLOTS = 2;
/** Number of the toolstack's connection to each store. */
const TOOLSTACK_CONNECTION = 1;

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
  const { faults } = options.scenario;
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
    const cell = memory.addCell(values.of(Store.empty(finite(POLICIES[options.daemon ?? USUAL_DAEMON]))));
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
    map.add({ owner: dom0.name, name: 'shared info', address: dom0.sharedInfo, size: PAGE_SIZE });
    map.add({ owner: dom0.name, name: 'grant table', address: dom0.grantTable, size: PAGE_SIZE });
    return host;
  });

  const client = (name: string, host: Host, id: number, domid: number): StoreClient => {
    const made = new StoreClient(memory, { name, cell: host.storeCell, values, id, domid });
    clients.push(made);
    return made;
  };
  const slots: Slot[] = [];
  const oracles = new Oracles(
    memory,
    pool,
    world,
    slots,
    () => toolstack.runTask.running || toolstack.recoverTask.running,
  );
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
  const toolstack: Toolstack = new Toolstack(memory, {
    address: toolstackPage,
    plan: options.scenario.plan,
    source,
    target,
    instance: options.tpmback.ring === 'v1',
    storeOf: (slot) => toolstackStores[hosts.indexOf(slot.host)] as StoreClient,
    onSnapshot: () => oracles.snapshot(toolstack.source),
    onRun: () => oracles.running(),
    keepsCheckpoint: faults.staleRestores + faults.mixedRestores > 0,
  });

  // Neither holds where a backend can be killed at any moment, the source be let run again, or what is about to happen
  // on both hosts be changed by one fault.
  const { toolstackKills, spuriousEvents, ...others } = faults;
  const mayBeIndependent = twoHosts && Object.values(others).every((strikes) => strikes === 0);
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
      world.lost_events = faults.lostEvents;
      world.store_restarts = faults.storeRestarts;
      world.watch_repeats = faults.watchRepeats;
      world.stream_cuts = faults.streamCuts;
      world.stale_restores = faults.staleRestores;
      world.mixed_restores = faults.mixedRestores;
      world.hostile_stores = faults.hostileStores;
      if (options.scenario.slowCommandMilliseconds > 0) world.slow_ordinal = oracles.issuedBy(source) + 1;
    },
  };
}
