/**
 * What the simulator itself remembers in memory, so that it is undone and hashed with the rest.
 */
import { bool, layout, u8, u32 } from '../protocol/layout.js';

export const WorldState = layout('world', {
  /** Bit set of the oracles that have failed, by their place in `ORACLES`. */
  violations: u32,
  /** Faults that may still strike. */
  backend_kills: u8,
  toolstack_kills: u8,
  spurious_events: u8,
  clones: u8,
  /** Ordinal of the command that takes the time the scenario gives; 0 = none. */
  slow_ordinal: u32,
  /** The toolstack is dead and its successor has not come yet. */
  toolstack_dead: bool,
  lost_events: u8,
  store_restarts: u8,
  watch_repeats: u8,
  stream_cuts: u8,
  stale_restores: u8,
  mixed_restores: u8,
  hostile_stores: u8,
});

export const ORACLES = [
  {
    name: 'exactly-once',
    title: 'Each command changes the TPM exactly once: the chain of the device equals the chain of what was issued.',
  },
  { name: 'right-answer', title: 'Each response reaches the user that issued the command, once, and belongs to it.' },
  {
    name: 'no-hang',
    title: 'Nobody waits for ever: when nothing more can happen, no user, kernel or toolstack is left waiting.',
  },
  { name: 'in-step', title: 'A snapshot of the domain after command n holds the device after command n.' },
  { name: 'one-instance', title: 'At most one running copy of a domain owns the state of a device.' },
  {
    name: 'stray-memory',
    title:
      'No access to a page that is not granted, no write after access ended; where looked for: no double fetch, no entry past a ring.',
  },
  { name: 'driver-fault', title: 'No driver throws, and no driver breaks an assertion.' },
  {
    name: 'right-device',
    title: 'A backend exposes no block device but the one that was meant, and a script detaches no other.',
  },
  { name: 'one-writer', title: 'No two guests write to one block device.' },
  {
    name: 'no-leak',
    title: 'At the end nothing is held for nobody: no block device, and no page or channel of a domain that has ended.',
  },
  {
    name: 'refusal-shown',
    title: 'A backend that does not open its device says so: state Closing, and an error node.',
  },
  { name: 'no-false-refusal', title: 'The device that was meant is never refused, nor taken for shared.' },
  {
    name: 'store-permissions',
    title: 'A domain that may not read or change a node neither does so nor hears of it, and one that may can.',
  },
] as const;

export type OracleName = (typeof ORACLES)[number]['name'];

export const ORACLE_NAMES: readonly OracleName[] = ORACLES.map(({ name }) => name);

/** The bit of an oracle in `violations`. */
export function oracleBit(name: OracleName): number {
  return 1 << ORACLE_NAMES.indexOf(name);
}

/** The first oracle in a set of bits, in the order of `ORACLES`. */
export function firstOracle(bits: number): OracleName | undefined {
  return ORACLE_NAMES.find((_, index) => (bits & (1 << index)) !== 0);
}
