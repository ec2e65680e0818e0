/**
 * The zoo: every tpmfront and tpmback by name, and what goes with each.
 */

import type { BackendServices, Tpmback } from '../backend/tpmback/tpmback.js';
import { TpmbackV1 } from '../backend/tpmback/v1.js';
import { TpmbackV2 } from '../backend/tpmback/v2.js';
import type { GuestServices, Tpmfront } from '../frontend/tpmfront/tpmfront.js';
import { CREATE_TPMFRONT } from '../frontend/tpmfront/zoo.js';
import { QuiesceError } from '../protocol/errors.js';

export interface TpmfrontEntry {
  readonly name: string;
  readonly summary: string;
  /** The backend it was made for. */
  readonly tpmback: string;
  /** Its toolstack drains the vTPM before it copies the domain's memory. */
  readonly drain: boolean;
  /** Its toolstack waits for the guest without limit, as xend did in 2006. */
  readonly patient: boolean;
  readonly create: (services: GuestServices) => Tpmfront;
}

export interface TpmbackEntry {
  readonly name: string;
  readonly summary: string;
  /** The ring it serves; a frontend of another ring cannot be paired with it. */
  readonly ring: 'v1' | 'v2';
  readonly create: (services: BackendServices) => Tpmback;
}

export const TPMFRONTS: readonly TpmfrontEntry[] = [
  {
    name: 'wait-loop',
    summary: 'the 2006 tpmfront: its suspend waits 301 s, then gives the command up',
    tpmback: 'v1',
    drain: false,
    patient: true,
    create: CREATE_TPMFRONT['wait-loop'],
  },
  {
    name: 'resend',
    summary: 'sends the command in flight again after a resume',
    tpmback: 'v2',
    drain: false,
    patient: false,
    create: CREATE_TPMFRONT.resend,
  },
  {
    name: 'no-hook',
    summary: 'no suspend hook at all: goes on waiting after a resume',
    tpmback: 'v2',
    drain: false,
    patient: false,
    create: CREATE_TPMFRONT['no-hook'],
  },
  {
    name: 'linux',
    summary: "today's Linux driver: resume is remove and probe",
    tpmback: 'v2',
    drain: false,
    patient: false,
    create: CREATE_TPMFRONT.linux,
  },
  {
    name: 'quiesce',
    summary: 'suspend waits for the response, suspend_cancelled and resume open again',
    tpmback: 'v2',
    drain: false,
    patient: false,
    create: CREATE_TPMFRONT.quiesce,
  },
  {
    name: 'ring-handoff',
    summary: 'the vTPM is drained first, so the response travels in the ring page',
    tpmback: 'v2',
    drain: true,
    patient: false,
    create: CREATE_TPMFRONT['ring-handoff'],
  },
  {
    name: 'sequenced',
    summary: 'commands are numbered; number and response are kept with the TPM state',
    tpmback: 'sequenced',
    drain: false,
    patient: false,
    create: CREATE_TPMFRONT.sequenced,
  },
];

export const TPMBACKS: readonly TpmbackEntry[] = [
  {
    name: 'v1',
    summary: 'the 2006 tpmback: a ring without index or state',
    ring: 'v1',
    create: (services) => new TpmbackV1(services),
  },
  {
    name: 'v2',
    summary: 'one page with a state byte',
    ring: 'v2',
    create: (services) => new TpmbackV2(services, false),
  },
  {
    name: 'sequenced',
    summary: 'v2 with numbered commands; falls back to v2',
    ring: 'v2',
    create: (services) => new TpmbackV2(services, true),
  },
];

/** Throws `UNKNOWN_NAME` with the names there are. */
export function findTpmfront(name: string): TpmfrontEntry {
  return find('tpmfront', TPMFRONTS, name);
}

/** Throws `UNKNOWN_NAME` with the names there are. */
export function findTpmback(name: string): TpmbackEntry {
  return find('tpmback', TPMBACKS, name);
}

/** Throws `USAGE` when the two ends do not speak the same ring. */
export function assertPair(front: TpmfrontEntry, back: TpmbackEntry): void {
  const ring = findTpmback(front.tpmback).ring;
  if (ring === back.ring) return;
  const possible = TPMBACKS.filter((entry) => entry.ring === ring).map((entry) => entry.name);
  throw new QuiesceError(
    'USAGE',
    `tpmfront ${front.name} speaks the ${ring} ring, tpmback ${back.name} the ${back.ring} ring; possible: ${possible.join(', ')}`,
  );
}

/** More names than this are a wall; those of the same folder, and so many of them, are told. */
const NAMES_TOLD = 24;

export function find<T extends { readonly name: string }>(kind: string, entries: readonly T[], name: string): T {
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry !== undefined) return entry;
  throw new QuiesceError('UNKNOWN_NAME', `there is no ${kind} '${name}'; known: ${knownNames(entries, name)}`);
}

function knownNames(entries: readonly { readonly name: string }[], name: string): string {
  const names = entries.map((known) => known.name);
  const folder = name.slice(0, name.lastIndexOf('/') + 1);
  const near = names.filter((known) => known.startsWith(folder));
  const told = near.length > 0 ? near : names;
  const rest = told.length - NAMES_TOLD;
  return told.slice(0, NAMES_TOLD).join(', ') + (rest > 0 ? ` and ${rest} more, see quiesce list` : '');
}
