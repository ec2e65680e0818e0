/**
 * A peer that stores what it likes: each field of the ring page and each node that an end may write, with values that
 * mean something, nothing, or too much. What becomes of the end that does it is its own affair; judged is that the other
 * one neither breaks nor touches memory it may not (`stray-memory`, `driver-fault`).
 *
 * Sources: the security lines 12 to 15 of the Xen ABI (lengths that do not fit or wrap, state bytes without meaning),
 * XSA-155 and XSA-38 for indices and lengths.
 */

import { GUEST_PAGES, RING_PAGES, RING_PFN } from '../frontend/guest-memory.js';
import { FIRST_GREF, GrantEntry } from '../hypervisor/grant-table.js';
import { ALL_AGENTS } from '../hypervisor/journaled-memory.js';
import { SEQUENCE_TRAILER_OFFSET, SequenceNode, SequenceTrailer } from '../protocol/tpmif-sequence.js';
import { TpmifTxRequest64 } from '../protocol/tpmif-v1.js';
import { TpmifSharedPage } from '../protocol/tpmif-v2.js';
import { vtpmPaths } from '../protocol/vtpm-paths.js';
import { DeviceNode } from '../protocol/xenbus.js';
import type { Actor } from './actors.js';
import {
  type Deed,
  fieldDeeds,
  type HostileField,
  type HostileNode,
  type HostilePage,
  hostileActors,
  nodeDeeds,
} from './hostile-deeds.js';
import type { Machine } from './machine.js';
import type { Slot } from './slot.js';

/** 4081 is one byte more than a page with a trailer takes, 4089 one more than a plain one, the last wraps. */
const LENGTHS = [0, 9, 4081, 4089, 0xffff_ffff];
const BYTES = [0, 1, 2, 3, 255];
const NUMBERS = [0, 1, 2, 0xffff_ffff];
/** References and ports: reserved, never given, past the table, negative, none at all. */
const NODE_NUMBERS = ['0', '7', '15', '16', '-1', '4294967304', '9.5', 'x', ''];

const RING: Readonly<Record<'v1' | 'v2', readonly HostileField[]>> = {
  v1: [
    { name: 'ref', offset: TpmifTxRequest64.offset.ref, bytes: 4, values: [0, 8, 15, 16, 0xffff_ffff] },
    { name: 'size', offset: TpmifTxRequest64.offset.size, bytes: 2, values: [0, 9, 4097, 0xffff] },
  ],
  v2: [
    { name: 'length', offset: TpmifSharedPage.offset.length, bytes: 4, values: LENGTHS },
    { name: 'state', offset: TpmifSharedPage.offset.state, bytes: 1, values: BYTES },
    { name: 'locality', offset: TpmifSharedPage.offset.locality, bytes: 1, values: [4, 255] },
    { name: 'nr_extra_pages', offset: TpmifSharedPage.offset.nr_extra_pages, bytes: 1, values: [1, 255] },
    trailer('request_sequence'),
    trailer('response_sequence'),
  ],
};

/** Of its grant table: no flag, a flag that is the hypervisor's; another domain; its last page, and one that it has not. */
const GRANT: readonly HostileField[] = [
  { name: 'flags', offset: GrantEntry.offset.flags, bytes: 2, values: [0, 2, 25] },
  { name: 'domid', offset: GrantEntry.offset.domid, bytes: 2, values: [1, 2] },
  { name: 'frame', offset: GrantEntry.offset.frame, bytes: 4, values: [GUEST_PAGES - 1, GUEST_PAGES, 0xffff_ffff] },
];

const GUEST_NODES: readonly HostileNode[] = [
  [DeviceNode.RingRef, NODE_NUMBERS],
  [DeviceNode.EventChannel, NODE_NUMBERS],
  [DeviceNode.State, ['0', '2', '4', '6', '9', '']],
  [DeviceNode.FeatureProtocolV2, ['0', '']],
  [SequenceNode.Feature, ['0', '']],
];

const BACKEND_NODES: readonly HostileNode[] = [
  [DeviceNode.State, ['0', '3', '6', '9', '']],
  [DeviceNode.FeatureProtocolV2, ['0', '']],
  [SequenceNode.Feature, ['0', '']],
  [SequenceNode.Executed, ['4294967296', '-1', 'x', '']],
];

/** What the guest of a slot may store and write while it runs. */
export function hostileGuest(machine: Machine, slot: Slot): readonly Actor[] {
  const { domain, domid, guestStore } = slot;
  const pages = Array.from({ length: RING_PAGES }, (_, page) => domain.page(RING_PFN + page));
  const nodes = vtpmPaths(0, domid);
  const entry = (): number => domain.grantTable + FIRST_GREF * GrantEntry.size;
  return strikes(machine, [
    ...fieldDeeds(machine.memory, { who: domain.name, where: 'its first grant', address: entry }, GRANT),
    ...pages.flatMap((address, page) =>
      stores(machine, { who: domain.name, where: `ring page ${page}`, address: () => address }),
    ),
    ...nodeDeeds(domain.name, guestStore, GUEST_NODES, (node) => nodes.front(node)),
  ]);
}

/** What the backend of a slot may store and write while it lives. */
export function hostileBackend(machine: Machine, slot: Slot): readonly Actor[] {
  const { backend, domid, host } = slot;
  const nodes = vtpmPaths(0, domid);
  // The page as the hypervisor has mapped it for the process, whatever its driver makes of the handle.
  const address = (): number => host.grants.firstMapping(backend.agent);
  return strikes(machine, [
    ...stores(machine, { who: backend.name, where: 'the ring page', address }),
    ...nodeDeeds(backend.name, backend.store, BACKEND_NODES, (node) => nodes.back(node)),
  ]);
}

function stores({ memory, options }: Machine, page: HostilePage): readonly Deed[] {
  return fieldDeeds(memory, page, RING[options.tpmback.ring]);
}

function strikes({ options, world }: Machine, deeds: readonly Deed[]): readonly Actor[] {
  if (options.scenario.faults.hostileStores === 0) return [];
  const left = (): boolean => world.hostile_stores > 0;
  const spend = (): void => {
    world.hostile_stores -= 1;
  };
  return hostileActors({ agents: ALL_AGENTS, left, spend }, deeds);
}

function trailer(name: 'request_sequence' | 'response_sequence'): HostileField {
  return { name, offset: SEQUENCE_TRAILER_OFFSET + SequenceTrailer.offset[name], bytes: 4, values: NUMBERS };
}
