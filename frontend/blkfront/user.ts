/**
 * The user of a virtual disk: a list of reads, writes and flushes of numbered blocks, issued one after the other.
 *
 * `waits` is a filesystem as Linux's block layer knows them: before it touches a block again it waits for what it has
 * asked of that block, and a flush waits for everything before it and holds everything after it. `streams` waits for
 * nothing and takes the order of its requests for the order in which they land, which no Linux promises.
 */
import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import { DONE, Task, task } from '../../hypervisor/steps.js';
import { assert } from '../../protocol/assert.js';
import { BlkifOperation } from '../../protocol/blkif.js';
import { BlockUserState, OPERATIONS_MAX } from './memory.js';
import type { BlockRequest } from './requests.js';

export interface BlockOperation {
  readonly operation: BlkifOperation;
  /** Of no meaning for a flush. */
  readonly block: number;
}

export const read = (block: number): BlockOperation => ({ operation: BlkifOperation.Read, block });
export const write = (block: number): BlockOperation => ({ operation: BlkifOperation.Write, block });
export const FLUSH: BlockOperation = { operation: BlkifOperation.FlushDiskcache, block: 0 };

export type BlockUserKind = 'waits' | 'streams';

export interface BlockUserPlace {
  readonly address: number;
  readonly operations: readonly BlockOperation[];
  readonly kind: BlockUserKind;
  readonly accepts: () => boolean;
  readonly submit: (request: BlockRequest) => void;
}

const issue = task<BlockUser>('user', {
  issue: { when: (user) => user.mayIssue(), run: (user) => user.issue() },
});

export class BlockUser {
  readonly place: BlockUserPlace;
  readonly state: ReturnType<typeof BlockUserState.view>;
  readonly task: Task<BlockUser>;
  readonly #memory: MachineMemory;

  constructor(memory: MachineMemory, place: BlockUserPlace) {
    assert(place.operations.length <= OPERATIONS_MAX, `block user: expected up to ${OPERATIONS_MAX} operations`);
    this.#memory = memory;
    this.place = place;
    this.state = BlockUserState.view(memory).at(place.address);
    this.task = new Task(memory, issue, this, place.address + BlockUserState.offset.issue);
  }

  mayIssue(): boolean {
    return this.place.accepts() && (this.place.kind === 'streams' || this.#mayTouch());
  }

  issue(): string | typeof DONE {
    const { state, place } = this;
    const number = state.position;
    const { operation, block } = place.operations[number] as BlockOperation;
    this.#memory.write32(state.before + 4 * number, state.answered);
    state.position = number + 1;
    place.submit({ operation, block, number, value: contentOf(number) });
    return number + 1 < place.operations.length ? 'issue' : DONE;
  }

  answered(number: number): void {
    this.state.answered |= 1 << number;
  }

  failed(number: number): void {
    this.state.failed |= 1 << number;
  }

  /** Bit set of the operations that were answered before operation `number` was issued. */
  before(number: number): number {
    return this.#memory.read32(this.state.before + 4 * number);
  }

  /** Everything was issued, and answered one way or the other. */
  get finished(): boolean {
    const all = (1 << this.place.operations.length) - 1;
    return !this.task.running && ((this.state.answered | this.state.failed) & all) === all;
  }

  #mayTouch(): boolean {
    const { state, place } = this;
    const next = place.operations[state.position] as BlockOperation;
    for (let number = 0; number < state.position; number++) {
      if (((state.answered | state.failed) & (1 << number)) !== 0) continue;
      const open = place.operations[number] as BlockOperation;
      const flush = isFlush(open) || isFlush(next);
      if (flush || open.block === next.block) return false;
    }
    return true;
  }
}

/** What operation `number` writes: distinct, and growing in the order in which it is issued. Blocks begin as 0. */
export function contentOf(number: number): number {
  return number + 1;
}

function isFlush({ operation }: BlockOperation): boolean {
  return operation === BlkifOperation.FlushDiskcache;
}
