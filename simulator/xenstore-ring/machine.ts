/**
 * The parts of an exploration of the ring, and where they lie in memory.
 *
 *     frame 0         page table
 *     frame 1         violations, domain records, channel tables, mappings
 *     then            guest 1 | guest 2 | xenstored 1 | xenstored 2 | toolstack | domain 0 of each host | image
 */
import type { XsShape } from '../../frontend/xenstore-ring/memory.js';
import { LINUX, type XsRules } from '../../frontend/xenstore-ring/rules.js';
import { Domain, DomainRecord, DomainState, FIRST_GUEST_PFN } from '../../hypervisor/domain.js';
import { Channel, PORTS_MAX } from '../../hypervisor/event-channels.js';
import { MAPPINGS_MAX, Mapping } from '../../hypervisor/grant-table.js';
import { Host } from '../../hypervisor/host.js';
import { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { layout, u32 } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { Store } from '../../xenstore-sim/index.js';
import { type DaemonName, finite, POLICIES } from '../../xenstore-sim/policy.js';
import { RING_POLICIES } from '../../xenstore-sim/ring-end.js';
import { StoreClient } from '../store-client.js';
import { StoreValues } from '../store-value.js';
import type { Ask } from './callers.js';
import { RING_DAEMON_PAGES, RingDaemon } from './daemon.js';
import { RingGuest, ringGuestPages } from './guest.js';
import { type RingHost, type RingPlan, RingToolstack } from './toolstack.js';

export interface RingWorldOptions {
  readonly daemon: DaemonName;
  readonly plan: RingPlan;
  readonly rules?: XsRules;
  /** Bytes of each buffer; 16 when absent. */
  readonly ringBytes?: number;
  /** What all four indices are when the exploration begins; 0 when absent. */
  readonly startIndex?: number;
  /** What the user asks, one after the other. */
  readonly asks: readonly Ask[];
  /** Whether the steps in which a chunk is moved (bytes, index, event) run one by one or as one; `fine` when absent. */
  readonly grain?: 'fine' | 'chunk';
  /** Whether the guest runs before its connection is introduced, as with Xen's toolstacks before the order was changed. */
  readonly introducesLate?: boolean;
  /** Stores of which the guest makes one, at any moment, behind its driver's back. */
  readonly hostile?: readonly HostileStore[];
  /** Whether the guest watches a node, and how often somebody on its host writes to that; null for no watch. */
  readonly writes: number | null;
}

/** A field of the ring page, and what it is set to, or by how much it is moved. */
export interface HostileStore {
  readonly field: 'req_cons' | 'req_prod' | 'rsp_cons' | 'rsp_prod' | 'connection' | 'error' | 'server_features';
  readonly to?: number;
  readonly by?: number;
}

export const RingWorldState = layout('ring world', { violations: u32, writes: u32, strikes: u32 });

/** The node that is watched: short, so that few steps carry its name. */
export const WATCHED = 'w';
/** Nodes that each new guest is given. */
const NODES: readonly (readonly [string, string])[] = [
  [WATCHED, '0'],
  ['a', 'A'],
  ['b', 'Bb'],
];

const TOOLSTACK_CONNECTION = 1;
const DAEMON_AGENTS = [1 << 4, 1 << 5] as const;

export interface RingMachine {
  readonly memory: JournaledMemory;
  readonly state: ReturnType<typeof RingWorldState.view>;
  readonly guests: readonly RingGuest[];
  readonly daemons: readonly RingDaemon[];
  readonly stores: readonly StoreClient[];
  readonly toolstack: RingToolstack;
}

/** `onWrong` is told of replies that are not what was expected. */
export function buildRingMachine(options: RingWorldOptions, onWrong: (ask: Ask, found: string) => void): RingMachine {
  const shape: XsShape = { ringBytes: options.ringBytes ?? 16, payloadBytes: 32, requests: 3, watches: 1, events: 6 };
  const pages = ringGuestPages(shape);
  let frame = 2;
  const takeFrames = (count: number): number => {
    frame += count;
    return frame - count;
  };
  const guestFrames = [takeFrames(pages), takeFrames(pages)];
  const daemonFrames = [takeFrames(RING_DAEMON_PAGES), takeFrames(RING_DAEMON_PAGES)];
  const toolstackFrame = takeFrames(1);
  const dom0Frames = [takeFrames(2), takeFrames(2)];
  const image = takeFrames(pages - FIRST_GUEST_PFN);
  const memory = new JournaledMemory(frame);

  let free = PAGE_SIZE;
  const take = (size: number): number => {
    free += size;
    return free - size;
  };
  const state = RingWorldState.view(memory).at(take(RingWorldState.size));
  const domainAt = (name: string, agent: number, firstFrame: number, count: number): Domain =>
    new Domain(memory, {
      name,
      agent,
      firstFrame,
      pages: count,
      record: take(DomainRecord.size),
      channelTable: take(PORTS_MAX * Channel.size),
    });

  const values = new StoreValues();
  const policy = finite(POLICIES[options.daemon]);
  const hosts = [0, 1].map((index) => {
    const storeCell = memory.addCell(values.of(Store.empty(policy)));
    const host = new Host(memory, {
      name: `host${index + 1}`,
      maptrack: take(MAPPINGS_MAX * Mapping.size),
      storeCell,
    });
    host.domains.push(domainAt('dom0', DAEMON_AGENTS[index] as number, dom0Frames[index] as number, 2));
    return host;
  });
  const hostOf = (guest: number): Host => hosts[options.plan === 'migrate' ? guest : 0] as Host;
  const guests = [0, 1].map((index) => {
    const host = hostOf(index);
    const domain = domainAt(`guest${index + 1}`, 1 << index, guestFrames[index] as number, pages);
    host.domains.push(domain);
    return new RingGuest(memory, {
      domid: index + 1,
      domain,
      host,
      shape,
      rules: options.rules ?? LINUX,
      asks: options.asks,
      watched: WATCHED,
      onWrong,
    });
  });
  const stores = hosts.map(
    (host) =>
      new StoreClient(memory, { name: host.name, cell: host.storeCell, values, id: TOOLSTACK_CONNECTION, domid: 0 }),
  );
  const daemons = hosts.map((host, index) => {
    const agent = DAEMON_AGENTS[index] as number;
    const first = daemonFrames[index] as number;
    for (let page = 0; page < RING_DAEMON_PAGES; page++) memory.protect(first + page, agent);
    const domain = host.domains[0] as Domain;
    domain.create(0);
    domain.setState(DomainState.Running);
    return new RingDaemon(memory, {
      name: `xenstored${index + 1}`,
      agent,
      host,
      domain,
      values,
      address: first * PAGE_SIZE,
      policy: RING_POLICIES[options.daemon],
      ringBytes: shape.ringBytes,
    });
  });
  const ringHost = (index: number): RingHost => ({
    daemon: daemons[index] as RingDaemon,
    store: stores[index] as StoreClient,
  });
  const toolstack = new RingToolstack(memory, {
    address: toolstackFrame * PAGE_SIZE,
    plan: options.plan,
    introducesLate: options.introducesLate ?? false,
    source: guests[0] as RingGuest,
    target: guests[1] as RingGuest,
    sourceHost: ringHost(0),
    targetHost: ringHost(options.plan === 'migrate' ? 1 : 0),
    image,
    nodes: NODES,
  });
  return { memory, state, guests, daemons, stores, toolstack };
}
