/** A run of a world of block data as a recording is one: a schedule taken by name, and the store requests it makes. */

import { XVDA } from '../../protocol/vbd-paths.js';
import { BlockWorld, type BlockWorldOptions } from '../../simulator/block-data/world.js';
import type { StoreOperation } from '../../simulator/store-client.js';
import { simulatedBlockChanges } from './block-recording.js';
import type { Roles } from './recording.js';

export const BLOCK_ROLES: Roles = { source: 1, target: 2 };

export class BlockRun {
  readonly world: BlockWorld;
  readonly operations: StoreOperation[] = [];
  readonly choices: string[] = [];
  readonly #choices = new Int32Array(4096);

  constructor(options: BlockWorldOptions) {
    this.world = new BlockWorld({ ...options, listener: (operation) => this.operations.push(operation) });
  }

  /** Names of what can happen next. */
  get possible(): readonly string[] {
    const count = this.world.enumerate(this.#choices);
    return Array.from({ length: count }, (_, index) => this.world.describe(this.#choices[index] as number));
  }

  /** Takes the choices of these names, one after the other. */
  take(...names: readonly string[]): void {
    for (const name of names) {
      const { possible } = this;
      const index = possible.indexOf(name);
      if (index < 0) throw new Error(`${name} is not possible, only ${possible.join(', ')}`);
      this.choices.push(name);
      this.world.step(this.#choices[index] as number);
    }
  }

  /**
   * Goes on until nothing can happen, or until a choice whose name begins with `until` is possible. Takes the choice
   * whose name begins with the first of `prefer` that fits; one that fits none comes last.
   */
  go(prefer: readonly string[], until = 'nothing'): void {
    for (;;) {
      const { possible } = this;
      if (possible.length === 0 || possible.some((name) => name.startsWith(until))) return;
      const rank = (name: string): number => {
        const place = prefer.findIndex((start) => name.startsWith(start));
        return place < 0 ? prefer.length : place;
      };
      const [first] = possible.toSorted((a, b) => rank(a) - rank(b));
      if (first !== undefined) this.take(first);
    }
  }

  get changes(): readonly string[] {
    return simulatedBlockChanges(this.operations, XVDA, BLOCK_ROLES);
  }

  /** What is done from here on is compared, and nothing before. */
  forget(): void {
    this.operations.length = 0;
    this.choices.length = 0;
  }
}

/** In what the simulator differs from the recordings on purpose. A test drops the changes of the entries it names. */
export const BLOCK_DIFFERENCES = {
  'protocol-of-pv': {
    why: 'libxl writes the protocol for a guest whose kernel it has loaded itself, a PV guest; ours always is one',
    changes: /^toolstack (WRITE|SET_PERMS) \w+:front\/protocol/,
  },
  'other-disks': {
    why: 'the recorded guest keeps its first disk, or there is another guest, so the directories above do not go empty',
    changes: /^toolstack RM (\w+:(front|libxl|back)-parent|back-root)$/,
  },
  'back-root': {
    why: 'two simulated hosts: the source had the last disk of its own, on one host the target has one too',
    changes: /^toolstack RM back-root$/,
  },
} as const;

/** `changes` without those of the differences named. */
export function withoutBlock(
  changes: readonly string[],
  ...names: readonly (keyof typeof BLOCK_DIFFERENCES)[]
): readonly string[] {
  return changes.filter((change) => !names.some((name) => BLOCK_DIFFERENCES[name].changes.test(change)));
}
