/**
 * What a hostile peer can do, thing by thing: store a value into a field of a page, write a node. Each strikes at any
 * moment, as long as there is budget for it.
 */
import type { JournaledMemory } from '../hypervisor/journaled-memory.js';
import { type Actor, actor } from './actors.js';
import type { StoreClient } from './store-client.js';

export interface HostileField {
  readonly name: string;
  readonly offset: number;
  readonly bytes: 1 | 2 | 4;
  /** What is stored. */
  readonly values: readonly number[];
  /** What is added to what is there. */
  readonly by?: readonly number[];
}

export interface HostilePage {
  readonly who: string;
  readonly where: string;
  /** Of the page now, or 0. */
  readonly address: () => number;
}

/** A node and what is written into it. */
export type HostileNode = readonly [name: string, values: readonly string[]];

/** A thing that can be done, before it has a budget. */
export interface Deed {
  readonly name: string;
  readonly possible: () => boolean;
  readonly run: () => void;
}

export function fieldDeeds(
  memory: JournaledMemory,
  { who, where, address }: HostilePage,
  fields: readonly HostileField[],
): readonly Deed[] {
  const possible = (): boolean => address() !== 0;
  return fields.flatMap(({ name, offset, bytes, values, by = [] }) => [
    ...values.map((value) => ({
      name: `${who} stores ${name}=${value} in ${where}`,
      possible,
      run: () => store(memory, address() + offset, bytes, value),
    })),
    ...by.map((more) => ({
      name: `${who} stores ${name}${more < 0 ? '-' : '+'}=${Math.abs(more)} in ${where}`,
      possible,
      run: () => store(memory, address() + offset, bytes, load(memory, address() + offset, bytes) + more),
    })),
  ]);
}

/** A node that is there is its own; another it might not make. */
export function nodeDeeds(
  who: string,
  client: StoreClient,
  nodes: readonly HostileNode[],
  pathOf: (node: string) => string,
): readonly Deed[] {
  return nodes.flatMap(([name, values]) =>
    values.map((value) => ({
      name: `${who} writes ${name}='${value}'`,
      possible: () => client.connected && client.peek(pathOf(name)) !== null,
      run: () => client.write(pathOf(name), value),
    })),
  );
}

export interface HostileBudget {
  /** Who does it: another processor of the peer, not held up by a spinlock of its driver. */
  readonly agents: number;
  readonly left: () => boolean;
  readonly spend: () => void;
}

export function hostileActors({ agents, left, spend }: HostileBudget, deeds: readonly Deed[]): readonly Actor[] {
  return deeds.map(({ name, possible, run }) =>
    actor({
      name: `fault/${name}`,
      agents,
      enabled: () => left() && possible(),
      run: () => {
        spend();
        run();
      },
    }),
  );
}

function load(memory: JournaledMemory, address: number, bytes: HostileField['bytes']): number {
  if (bytes === 1) return memory.read8(address);
  return bytes === 2 ? memory.read16(address) : memory.read32(address);
}

function store(memory: JournaledMemory, address: number, bytes: HostileField['bytes'], value: number): void {
  if (bytes === 1) memory.write8(address, value);
  else if (bytes === 2) memory.write16(address, value);
  else memory.write32(address, value);
}
