/**
 * Whether a step of the simulator has done what is recorded of the same step of a live run.
 */

import { RING_PFN } from '../../../frontend/guest-memory.js';
import { V2Tpmfront } from '../../../frontend/tpmfront/v2.js';
import { digestMemory } from '../../../protocol/digest.js';
import type { StepDetails, TracedRequest } from '../../../protocol/live-trace.js';
import { payloadCapacity, payloadOffset, TpmifSharedPage } from '../../../protocol/tpmif-v2.js';
import type { LiveEvent } from './events.js';
import type { LiveWorld } from './live-world.js';

/** Numbers of a live driver's own commands begin here, whatever the length of the session. */
const OWN_FIRST = 0x8000_0000;

/** What is to be kept of the moment before the step. */
export interface Before {
  readonly who: 'guest' | 'tpmback' | null;
  readonly slot: number;
  readonly values: ReadonlyMap<string, number>;
  /** Digest of the packet in the guest's ring page. */
  readonly packet: number;
}

export function before(event: LiveEvent, live: LiveWorld): Before {
  const [, kind = '', digit = '1'] = /(guest|tpmback|tpm)(\d)/.exec(event.name) ?? [];
  const slot = Number(digit) - 1;
  const who = kind === 'guest' || kind === 'tpmback' ? kind : null;
  const values = who === null ? new Map<string, number>() : live.values(who, slot);
  return {
    who,
    slot,
    values,
    packet: event.details.response === undefined || who !== 'guest' ? 0 : packet(live, slot),
  };
}

/** The first thing that is not as recorded, in words; null where all is. */
export function difference(
  event: LiveEvent,
  live: LiveWorld,
  was: Before,
  requests: readonly TracedRequest[],
): string | null {
  const { details } = event;
  const { who, slot } = was;
  if (who === null) return null;
  return (
    requestDifference(details.store ?? [], requests) ??
    stateDifference(details.state ?? {}, live, was) ??
    ringDifference(details.ring, live, slot) ??
    packetDifference(details, live, was)
  );
}

function requestDifference(recorded: readonly TracedRequest[], simulated: readonly TracedRequest[]): string | null {
  const count = Math.max(recorded.length, simulated.length);
  for (let i = 0; i < count; i++) {
    const live = textOf(recorded[i]);
    const here = textOf(simulated[i]);
    if (live !== here) return `store request ${i + 1}: recorded ${live}, simulated ${here}`;
  }
  return null;
}

function textOf(request: TracedRequest | undefined): string {
  return request === undefined ? 'none' : request.join(' ').trimEnd();
}

/** What was recorded as changed, and what the simulated step changes, must be the same fields with the same values. */
function stateDifference(
  recorded: { readonly [field: string]: number },
  live: LiveWorld,
  { who, slot, values }: Before,
): string | null {
  if (who === null) return null;
  const { sessionLength } = live;
  for (const [name, value] of live.values(who, slot)) {
    const simulated = name === 'tpmfront.command' && value >= sessionLength ? value - sessionLength + OWN_FIRST : value;
    const found = recorded[name];
    if (found === undefined ? value !== values.get(name) : found !== simulated)
      return `${name}: recorded ${found ?? 'as it was'}, simulated ${simulated}`;
  }
  const other = Object.keys(recorded).find((name) => !values.has(name));
  return other === undefined ? null : `${other}: recorded ${recorded[other]}, and there is no such field`;
}

function ringDifference(ring: StepDetails['ring'], live: LiveWorld, slot: number): string | null {
  if (ring === undefined) return null;
  const [page, recorded] = ring;
  const { domain } = live.slot(slot);
  const { state } = TpmifSharedPage.view(live.world.memory).at(domain.page(RING_PFN + page));
  return state === recorded ? null : `state of ring page ${page}: recorded ${recorded}, simulated ${state}`;
}

function packetDifference(
  { request, response }: StepDetails,
  live: LiveWorld,
  { who, slot, packet }: Before,
): string | null {
  const { memory } = live.world;
  if (who === 'guest') return digestDifference('response', response, packet);
  const back = live.backendOf(live.slot(slot));
  const { device } = back.services;
  if (request !== undefined) {
    const taken = digestMemory(memory, device.commandAddress, device.state.length);
    return digestDifference('request', request, taken);
  }
  if (response === undefined) return null;
  return digestDifference('response', response, digestMemory(memory, back.packetAddress, device.state.response_length));
}

function digestDifference(what: string, recorded: number | undefined, simulated: number): string | null {
  if (recorded === undefined || recorded === simulated) return null;
  const hex = (digest: number): string => (digest >>> 0).toString(16).padStart(8, '0');
  return `digest of the ${what}: recorded ${hex(recorded)}, simulated ${hex(simulated)}`;
}

/** As the frontend takes it. */
function packet(live: LiveWorld, slot: number): number {
  const { guest, domain } = live.slot(slot);
  if (!(guest.front instanceof V2Tpmfront)) return 0;
  const page = TpmifSharedPage.view(live.world.memory).at(domain.page(guest.front.state.ring_pfn));
  const length = Math.min(page.length, payloadCapacity());
  return digestMemory(live.world.memory, page.base + payloadOffset(), length);
}
