/**
 * The peer of the explorer: the same world, explored the plain way. Each state is kept as a copy of all memory, gone
 * back to by copying, and recognised by a string in a `Set`. What the journal and its hash save shows as a ratio.
 */
import { createHash } from 'node:crypto';
import { CHOICES_MAX } from '../simulator/explore/explore.js';
import type { StoreValue } from '../simulator/store-value.js';
import type { World } from '../simulator/world.js';

export interface PeerResult {
  readonly states: number;
  readonly transitions: number;
}

/** Explores at most `maxStates` states depth-first. */
export function exploreByCopying(world: World, maxStates: number): PeerResult {
  const { memory } = world;
  const visited = new Set<string>();
  const choices = new Int32Array(CHOICES_MAX);
  const stack: { words: Int32Array; cells: StoreValue[]; choices: Int32Array; next: number }[] = [];
  let transitions = 0;

  const key = (): string => {
    const hash = createHash('sha1').update(memory.words);
    for (const cell of cells(world)) hash.update(`${cell.hashLow},${cell.hashHigh};`);
    return hash.digest('base64');
  };
  const push = (): void => {
    const count = world.enumerate(choices);
    memory.reset();
    stack.push({ words: memory.words.slice(), cells: cells(world), choices: choices.slice(0, count), next: 0 });
  };

  visited.add(key());
  push();
  while (stack.length > 0 && visited.size < maxStates) {
    const top = stack[stack.length - 1] as (typeof stack)[number];
    if (top.next === top.choices.length) {
      stack.pop();
      continue;
    }
    memory.words.set(top.words);
    top.cells.forEach((cell, index) => {
      memory.assignCell(index, cell);
    });
    world.step(top.choices[top.next++] as number);
    transitions++;
    const state = key();
    if (visited.has(state)) continue;
    visited.add(state);
    push();
  }
  return { states: visited.size, transitions };
}

function cells(world: World): StoreValue[] {
  return world.machine.hosts.map((host) => memoryCell(world, host.storeCell));
}

function memoryCell(world: World, cell: number): StoreValue {
  return world.memory.cell(cell) as StoreValue;
}
