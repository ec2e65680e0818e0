/**
 * Decision trees over the places of a memory, one for each root: an inner node names the place to look at next, and what
 * it holds there leads on; a leaf holds a number. As a step's code goes on by what it has read so far, the way of a step
 * that was seen before is found by looking at what it looked at.
 *
 * A node is three words: the place, the value that leads on to the node behind it, and where to go with another value. The
 * nodes of a way that was written at once lie one behind the other, so that following it is a loop over an array. Past a
 * few values of one place the others are found in a hash table.
 */
import { longer } from '../../protocol/allocate.js';

/** Nodes after which a tree is full: 12 MiB, and 24 MiB of branches at most. */
export const NODES_MAX = 1 << 20;
const NODE = 3;
const VALUE = 1;
const OTHER = 2;

/** In the place of a place: the value is what the leaf holds, or the node where the way goes on. */
const LEAF = -1;
const ELSEWHERE = -2;

/** For another value: none is known, or it is found in the table. */
const NOWHERE = 0;
const IN_TABLE = -1;
/** Values of one place that are tried one after the other. */
const TRIED = 4;

/** What `find` returns for what was not seen; leaves hold numbers from 0 on. */
export const UNSEEN = -1;

/** What is written: where a step began, and what it read. */
export interface Way {
  readonly reads: Int32Array;
  readonly readCount: number;
  /** What a place held at the beginning. */
  before(place: number): number;
  pass(place: number): void;
  passed(place: number): boolean;
}

export class DecisionTree {
  readonly #places: Int32Array;
  readonly #nodesMax: number;
  #nodes = new Int32Array(NODE << 10);
  /** Where the next node goes; 0 is none. */
  #end = NODE;
  /** First node of each root, or 0. */
  #roots = new Int32Array(1 << 6);
  /** Branches: the node tried last, the value, the node that it leads to. */
  #branches = new Int32Array(NODE << 6);
  #branchCount = 0;

  constructor(places: Int32Array, nodesMax = NODES_MAX) {
    this.#places = places;
    this.#nodesMax = nodesMax;
  }

  /** Whether no further way may be written before `clear`. */
  get full(): boolean {
    return this.#end >= this.#nodesMax * NODE;
  }

  /** What the leaf holds to which the present state leads, or `UNSEEN`. */
  find(root: number): number {
    if (root >= this.#roots.length) return UNSEEN;
    const nodes = this.#nodes;
    const places = this.#places;
    let node = this.#roots[root] as number;
    while (node > 0) {
      const place = nodes[node] as number;
      if (place >= 0) {
        const value = places[place] as number;
        if (value === nodes[node + VALUE]) node += NODE;
        else {
          const other = nodes[node + OTHER] as number;
          node = other === IN_TABLE ? this.#branch(node, value) : other;
        }
      } else if (place === LEAF) return nodes[node + VALUE] as number;
      else node = nodes[node + VALUE] as number;
    }
    return UNSEEN;
  }

  /** Writes down a way that `find` did not find, or at whose end is what holds no longer. */
  add(root: number, way: Way, leaf: number): void {
    while (root >= this.#roots.length) this.#roots = longer(this.#roots);
    let node = this.#roots[root] as number;
    /** The node after which nothing is known, and how many values of its place were tried. */
    let last = NOWHERE;
    let tried = 0;
    while (node > 0) {
      const place = this.#nodes[node] as number;
      last = node;
      if (place === LEAF) break;
      if (place === ELSEWHERE) {
        node = this.#nodes[node + VALUE] as number;
        continue;
      }
      const value = way.before(place);
      if (value === this.#nodes[node + VALUE]) {
        way.pass(place);
        tried = 0;
        node += NODE;
        continue;
      }
      tried++;
      const other = this.#nodes[node + OTHER] as number;
      node = other === IN_TABLE ? this.#branch(node, value) : other;
    }
    if (last === NOWHERE) {
      this.#roots[root] = this.#append(way, leaf);
      return;
    }
    const place = this.#nodes[last] as number;
    if (place === LEAF) {
      const begin = this.#append(way, leaf);
      this.#nodes[last] = ELSEWHERE;
      this.#nodes[last + VALUE] = begin;
      return;
    }
    // Another value of a place that is looked at already.
    const value = way.before(place);
    way.pass(place);
    const begin = this.#node(place, value);
    this.#append(way, leaf);
    if (this.#nodes[last + OTHER] === NOWHERE && tried < TRIED) this.#nodes[last + OTHER] = begin;
    else {
      this.#nodes[last + OTHER] = IN_TABLE;
      this.#addBranch(last, value, begin);
    }
  }

  clear(): void {
    this.#roots.fill(0);
    this.#branches.fill(0);
    this.#branchCount = 0;
    this.#end = NODE;
  }

  /** Nodes for all that the way reads and that was not passed yet, and the leaf. Returns the first. */
  #append(way: Way, leaf: number): number {
    const begin = this.#end;
    for (let i = 0; i < way.readCount; i++) {
      const place = way.reads[i] as number;
      if (!way.passed(place)) this.#node(place, way.before(place));
    }
    this.#node(LEAF, leaf);
    return begin;
  }

  #node(place: number, value: number): number {
    const node = this.#end;
    if (node === this.#nodes.length) this.#nodes = longer(this.#nodes);
    this.#nodes[node] = place;
    this.#nodes[node + VALUE] = value;
    this.#nodes[node + OTHER] = NOWHERE;
    this.#end += NODE;
    return node;
  }

  /** The node to which `value` leads where `node` was tried last, or `NOWHERE`. */
  #branch(node: number, value: number): number {
    const branches = this.#branches;
    const mask = branches.length / NODE - 1;
    for (let slot = slotOf(node, value) & mask; ; slot = (slot + 1) & mask) {
      const to = branches[slot * NODE + 2] as number;
      if (to === NOWHERE || (branches[slot * NODE] === node && branches[slot * NODE + 1] === value)) return to;
    }
  }

  #addBranch(node: number, value: number, to: number): void {
    if (this.#branchCount * 2 * NODE >= this.#branches.length) {
      const old = this.#branches;
      this.#branches = new Int32Array(old.length * 2);
      for (let at = 0; at < old.length; at += NODE)
        if (old[at + 2] !== NOWHERE) this.#insert(old[at] as number, old[at + 1] as number, old[at + 2] as number);
    }
    this.#insert(node, value, to);
    this.#branchCount++;
  }

  #insert(node: number, value: number, to: number): void {
    const branches = this.#branches;
    const mask = branches.length / NODE - 1;
    let slot = slotOf(node, value) & mask;
    while (branches[slot * NODE + 2] !== NOWHERE) slot = (slot + 1) & mask;
    branches[slot * NODE] = node;
    branches[slot * NODE + 1] = value;
    branches[slot * NODE + 2] = to;
  }
}

function slotOf(node: number, value: number): number {
  const mixed = Math.imul(value ^ Math.imul(node, 0x9e3779b1), 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
