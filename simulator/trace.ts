/**
 * Traces: for each step of a schedule who did it, what was asked of xenstored, and who wrote which field.
 *
 * As text a trace is JSON lines: one header record, one record a step, and one record that says how it ended.
 */
import type { MemoryMap } from '../hypervisor/memory-map.js';
import type { BlockNames } from './block-data/schedule.js';
import type { IdentityNames } from './block-identity/schedule.js';
import { changesSince, type FieldChange } from './field-changes.js';
import type { Replayable } from './replay.js';
import type { WorldNames } from './schedule.js';
import type { StoreListener, StoreOperation } from './store-client.js';
import { ORACLE_NAMES, type OracleName, oracleBit } from './world-state.js';

interface TraceOrigin {
  /** Version of the format. */
  readonly trace: 1;
  /** Seed of the run, null for a replay. */
  readonly seed: number | null;
}

export interface TraceHeader extends TraceOrigin, WorldNames {}

export interface IdentityTraceHeader extends TraceOrigin, IdentityNames {}

export interface BlockTraceHeader extends TraceOrigin, BlockNames {}

export type AnyTraceHeader = TraceHeader | IdentityTraceHeader | BlockTraceHeader;

/** One line that says which world it was. */
export function headline(header: AnyTraceHeader): string {
  if ('blkfront' in header) return `${header.scenario}: blkfront ${header.blkfront}`;
  return 'design' in header
    ? `${header.scenario}: design ${header.design}`
    : `${header.scenario}: tpmfront ${header.tpmfront} with tpmback ${header.tpmback}, session ${header.session}`;
}

export interface TraceStep {
  /** From 1. */
  readonly step: number;
  /** Name of the choice. */
  readonly choice: string;
  /** Who acts: `guest1`, `tpmback1`, `tpm1`, `toolstack`, `supervisor`, `time` or `fault`. */
  readonly actor: string;
  /** Requests to xenstored, in order. */
  readonly store: readonly StoreOperation[];
  readonly changes: readonly FieldChange[];
  /** Oracles that failed in this step. */
  readonly violations: readonly OracleName[];
  /** What the machine reported, when a driver threw or touched memory it may not. */
  readonly fault: string | null;
}

export interface TraceEnd {
  readonly holds: boolean;
  readonly oracle: OracleName | null;
  /** Nothing more could happen, and the end was judged. */
  readonly quiescent: boolean;
}

export interface Trace<H extends AnyTraceHeader = TraceHeader> {
  readonly header: H;
  readonly steps: readonly TraceStep[];
  readonly end: TraceEnd;
}

/** A world whose steps can be told in detail. */
export interface Recordable extends Replayable {
  /** Hears every store request from now on; null for nobody. */
  listen(listener: StoreListener | null): void;
  /** Names for its memory. */
  traceMap(): MemoryMap;
}

/** Takes steps of a world and writes down what they do. */
export class Recorder {
  readonly steps: TraceStep[] = [];
  readonly #world: Recordable;
  readonly #map: MemoryMap;

  constructor(world: Recordable) {
    this.#world = world;
    this.#map = world.traceMap();
  }

  take(choice: number): void {
    const world = this.#world;
    const { memory } = world;
    const mark = memory.journalLength;
    const before = world.violations;
    const name = world.describe(choice);
    const store: StoreOperation[] = [];
    world.listen((operation) => store.push(operation));
    world.step(choice);
    // Looking for choices may try steps out, which nobody should hear.
    world.listen(null);
    this.steps.push({
      step: this.steps.length + 1,
      choice: name,
      actor: actorOf(name),
      store,
      changes: changesSince(memory, this.#map, mark),
      violations: ORACLE_NAMES.filter((oracle) => (world.violations & ~before & oracleBit(oracle)) !== 0),
      fault: world.lastFault,
    });
  }
}

/** Who acts in a choice of this name: what stands before the first dot or slash. */
export function actorOf(choice: string): string {
  return choice.split(/[./]/, 1)[0] as string;
}

/** A trace as JSON lines. The same trace gives the same bytes. */
export function formatTrace({ header, steps, end }: Trace<AnyTraceHeader>): string {
  return [header, ...steps, { end }].map((record) => `${JSON.stringify(record)}\n`).join('');
}
