/**
 * The parts of a world of block data, and where they lie in memory.
 *
 *     frame 0         page table
 *     frame 1         world state, domain records, channel tables, mappings
 *     per host        pages of domain 0
 *     per slot        guest | blkback process | image of the guest
 *     then            disk | image of the disk | toolstack
 */
import { Blkback, type BlkbackServices } from '../../backend/blkback/blkback.js';
import { BLKBACK_PAGES } from '../../backend/blkback/memory.js';
import { type BlkbackRules, CAREFUL } from '../../backend/blkback/rules.js';
import type { DeviceTable } from '../../backend/device-opening/device-table.js';
import type { Blkfront, BlkfrontServices } from '../../frontend/blkfront/blkfront.js';
import { BlockGuest } from '../../frontend/blkfront/guest.js';
import { BLOCK_GUEST_PAGES } from '../../frontend/blkfront/memory.js';
import type { BlkfrontRules } from '../../frontend/blkfront/rules.js';
import type { BlockOperation, BlockUserKind } from '../../frontend/blkfront/user.js';
import type { BlockProbe } from '../../hypervisor/block-probe.js';
import { Domain, DomainRecord, FIRST_GUEST_PFN } from '../../hypervisor/domain.js';
import { Channel, PORTS_MAX } from '../../hypervisor/event-channels.js';
import { MAPPINGS_MAX, Mapping } from '../../hypervisor/grant-table.js';
import { Host } from '../../hypervisor/host.js';
import { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { BLKIF_X86_64, type BlkifAbi } from '../../protocol/blkif.js';
import { bytes, layout, u32 } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { ringShape } from '../../protocol/ring.js';
import { type DaemonName, finite, POLICIES, Store } from '../../xenstore-sim/index.js';
import type { Grain } from '../actors.js';
import { BackendProcess } from '../backend-process.js';
import { StoreClient, type StoreListener } from '../store-client.js';
import { StoreValues } from '../store-value.js';
import { USUAL_DAEMON } from '../world-options.js';
import { ANY_DEVICE } from './any-device.js';
import { Disk } from './disk.js';
import type { HostileEnd } from './hostile.js';
import { type BlockPlan, BlockToolstack } from './toolstack.js';
import { SCRIPT_WRITES, type ScriptWrites } from './toolstack-nodes.js';

export interface BlockWorldOptions {
  readonly frontend: BlkfrontRules;
  readonly backend?: BlkbackRules;
  readonly plan: BlockPlan;
  readonly operations: readonly BlockOperation[];
  /** `waits` when absent. */
  readonly user?: BlockUserKind;
  /** Entries of the ring, 2 or 4; 2 when absent. */
  readonly ringSize?: number;
  /** The ABI of the guest; that of x86-64 when absent. */
  readonly abi?: BlkifAbi;
  /** Whether the steps at the ring run one by one, or each task until it has to wait; `fine` when absent. */
  readonly grain?: Grain;
  /** `connected` when absent: the exploration begins with a disk that is ready. */
  readonly start?: 'boot' | 'connected';
  /** How often a backend is killed; 0 when absent. */
  readonly kills?: number;
  /** Whether it can die between any two stores, or only between its steps; `stores` when absent. */
  readonly killsBetween?: 'stores' | 'steps';
  /** The cache of the disk is the backend's own and is lost when it is killed. */
  readonly cacheDiesWithBackend?: boolean;
  /** The end that stores what it likes, and how often it may; once when absent. */
  readonly hostile?: HostileEnd;
  readonly hostileStores?: number;
  /** Whether double fetches and overruns of the ring are looked for (`sanitizers.ts`). */
  readonly sanitize?: boolean;
  /** A driver of another design, in the place of that with these rules. */
  readonly createFrontend?: (services: BlkfrontServices) => Blkfront;
  readonly createBackend?: (services: BlkbackServices) => Blkback;
  /** The block devices of the driver domains; any number names the disk when absent. */
  readonly devices?: DeviceTable;
  /** What the block script writes; as the stock script when absent. */
  readonly script?: ScriptWrites;
  /** The xenstored of all hosts; `USUAL_DAEMON` when absent. */
  readonly daemon?: DaemonName;
  readonly listener?: StoreListener;
}

export const BlockWorldState = layout('block world', {
  violations: u32,
  /** Faults that may still strike. */
  kills: u32,
  hostile_stores: u32,
  /** A word for each end of each slot (`sanitizers.ts`). */
  beyond: bytes(16),
});

export type BlkbackProcess = BackendProcess<Blkback>;

/** One place for the guest: the domain, its backend, its connections to the store of its host, and its image. */
export interface BlockSlot {
  readonly domid: number;
  readonly host: Host;
  readonly domain: Domain;
  readonly guest: BlockGuest;
  readonly backend: BlkbackProcess;
  readonly guestStore: StoreClient;
  readonly toolstackStore: StoreClient;
  readonly scriptStore: StoreClient;
  /** First frame of the image. */
  readonly image: number;
}

export interface BlockMachine {
  readonly memory: JournaledMemory;
  readonly state: ReturnType<typeof BlockWorldState.view>;
  readonly slots: readonly [BlockSlot, BlockSlot];
  readonly clients: readonly StoreClient[];
  readonly disk: Disk;
  readonly diskImage: Disk;
  readonly toolstack: BlockToolstack;
}

const TOOLSTACK_CONNECTION = 1;
const BACKEND_AGENTS = [1 << 4, 1 << 5] as const;

export function buildBlockMachine(options: BlockWorldOptions, probe: BlockProbe, onSnapshot: () => void): BlockMachine {
  const { abi = BLKIF_X86_64, ringSize = 2 } = options;
  const shape = ringShape({ entrySize: abi.entrySize, size: ringSize });
  const imagePages = BLOCK_GUEST_PAGES - FIRST_GUEST_PFN;
  const hostCount = options.plan.startsWith('migrate') ? 2 : 1;
  let frame = 2;
  const frames = (count: number): number => {
    frame += count;
    return frame - count;
  };
  const dom0Frames = Array.from({ length: hostCount }, () => frames(2));
  const slotFrames = [0, 1].map(() => ({
    guest: frames(BLOCK_GUEST_PAGES),
    back: frames(BLKBACK_PAGES),
    image: frames(imagePages),
  }));
  const diskFrame = frames(1);
  const diskImageFrame = frames(1);
  const toolstackFrame = frames(1);
  const memory = new JournaledMemory(frame);

  let free = PAGE_SIZE;
  const take = (size: number): number => {
    free += size;
    return free - size;
  };
  const state = BlockWorldState.view(memory).at(take(64));
  const domainAt = (name: string, agent: number, firstFrame: number, pages: number): Domain => {
    const record = take(DomainRecord.size);
    return new Domain(memory, { name, agent, firstFrame, pages, record, channelTable: take(PORTS_MAX * Channel.size) });
  };
  const values = new StoreValues();
  const clients: StoreClient[] = [];
  const client = (name: string, host: Host, id: number, domid: number): StoreClient => {
    const made = new StoreClient(memory, { name, cell: host.storeCell, values, id, domid });
    made.listener = options.listener ?? null;
    clients.push(made);
    return made;
  };
  const hosts = dom0Frames.map((firstFrame, index) => {
    const storeCell = memory.addCell(values.of(Store.empty(finite(POLICIES[options.daemon ?? USUAL_DAEMON]))));
    const maptrack = take(MAPPINGS_MAX * Mapping.size);
    const host = new Host(memory, { name: `host${'AB'[index]}`, maptrack, storeCell });
    const dom0 = domainAt('dom0', 0, firstFrame, 2);
    dom0.create(0);
    dom0.resume(0);
    host.domains.push(dom0);
    return host;
  });
  const toolstackStores = hosts.map((host) => client('toolstack', host, TOOLSTACK_CONNECTION, 0));
  for (const store of toolstackStores) store.connect();
  memory.protect(diskFrame, BACKEND_AGENTS[0] | BACKEND_AGENTS[1]);
  const disk = new Disk(memory, diskFrame * PAGE_SIZE);

  const slots = slotFrames.map(({ guest: guestFrame, back: processFrame, image }, index): BlockSlot => {
    const hostIndex = Math.min(index, hostCount - 1);
    const host = hosts[hostIndex] as Host;
    const domid = index + 1;
    const name = `guest${domid}`;
    const domain = domainAt(name, 1 << index, guestFrame, BLOCK_GUEST_PAGES);
    host.domains.push(domain);
    const guestStore = client(name, host, 4 + index, domid);
    const scriptStore = client('script', host, 6 + index, 0);
    scriptStore.connect();
    const guest = new BlockGuest(memory, {
      slot: index,
      domain,
      host,
      store: guestStore,
      probe,
      rules: options.frontend,
      abi,
      shape,
      operations: options.operations,
      user: options.user ?? 'waits',
      createFrontend: options.createFrontend,
      onSuspend: () => guestStore.domainShutdown(domid),
    });
    const agent = BACKEND_AGENTS[index] as number;
    for (let page = 0; page < BLKBACK_PAGES; page++) memory.protect(processFrame + page, agent);
    const dom0 = host.domains[0] as Domain;
    const store = client(`blkback${domid}`, host, 2 + index, 0);
    const page = processFrame * PAGE_SIZE;
    const createBackend = options.createBackend ?? ((services) => new Blkback(services));
    const driver = createBackend({
      slot: index,
      memory,
      domain: dom0,
      host,
      store,
      devices: options.devices ?? ANY_DEVICE,
      device: disk,
      probe,
      rules: options.backend ?? CAREFUL,
      ringSize,
      page,
      agent,
      frontendDomid: () => domid,
    });
    const backend = new BackendProcess(
      memory,
      { name: `blkback${domid}`, agent, page, pages: BLKBACK_PAGES, domain: dom0, host, store },
      driver,
    );
    const toolstackStore = toolstackStores[hostIndex] as StoreClient;
    return { domid, host, domain, guest, backend, guestStore, toolstackStore, scriptStore, image };
  }) as unknown as readonly [BlockSlot, BlockSlot];

  const diskImage = new Disk(memory, diskImageFrame * PAGE_SIZE);
  const toolstack = new BlockToolstack(memory, {
    address: toolstackFrame * PAGE_SIZE,
    plan: options.plan,
    script: options.script ?? SCRIPT_WRITES,
    source: slots[0],
    target: slots[1],
    saveDisk: () => memory.copyPage(diskFrame, diskImageFrame),
    onSnapshot,
  });
  return { memory, state, slots, clients, disk, diskImage, toolstack };
}
