/**
 * A run of the simulator as a recording is one: a schedule taken by name, and the store requests it makes.
 *
 * `DIFFERENCES` names all in which the simulator differs from the recordings on purpose. A test drops the changes of
 * the entries that it names, and only those, from both sides; so a difference that is not listed fails.
 */
import { readCommandHeader } from '../../protocol/tpm/header.js';
import { SCENARIOS } from '../../scenarios/scenarios.js';
import { findTpmback, findTpmfront } from '../../simulator/drivers.js';
import { worldOptions } from '../../simulator/pairing.js';
import type { StoreOperation } from '../../simulator/store-client.js';
import { World } from '../../simulator/world.js';
import type { WorldOptions } from '../../simulator/world-options.js';
import { changesOf, type Request, type Roles } from './recording.js';
import { recordedSession } from './sessions.js';

interface Difference {
  readonly why: string;
  /** The changes that one of the two sides does not have, or has elsewhere. */
  readonly changes: RegExp;
}

export const DIFFERENCES = {
  'shutdown-watch-at-boot': {
    why: 'the simulated guest boots in the step that makes it, before the backend has looked; libxl lets it run later',
    changes: /^guest WATCH source:control\/shutdown$/,
  },
  'other-vtpms': {
    why: 'two simulated hosts: the source was the last vTPM of its own, on one host the target has one too',
    changes: /^toolstack RM back-root$/,
  },
} as const satisfies { readonly [name: string]: Difference };

export type DifferenceName = keyof typeof DIFFERENCES;

/** `changes` without those of the differences named. */
export function without(changes: readonly string[], ...names: readonly DifferenceName[]): readonly string[] {
  return changes.filter((change) => !names.some((name) => DIFFERENCES[name].changes.test(change)));
}

/** One thing that happened: a choice by its name, or a store request. */
export type Happening = { readonly choice: string } | { readonly request: Request };

export interface RunOptions extends Partial<Pick<WorldOptions, 'user' | 'commands' | 'reduction'>> {
  readonly scenario: string;
  /** Name of the recorded session whose commands are issued. */
  readonly session?: string;
  /** Code of the command of the session to begin with. */
  readonly from?: number;
  readonly change?: (scenario: WorldOptions['scenario']) => WorldOptions['scenario'];
}

/** The order of most recordings: each end does what it can before the toolstack goes on. */
export const EAGER: readonly string[] = ['guest1.user', 'guest1.tpmfront', 'tpm', 'guest'];

export const ROLES: Roles = { source: 1, target: 2 };

export class Run {
  readonly world: World;
  readonly happenings: Happening[] = [];
  readonly #choices = new Int32Array(4096);

  constructor(options: RunOptions) {
    const { scenario: name, session = 'ima_extends', from, change = (same) => same, ...more } = options;
    const found = SCENARIOS.find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`there is no scenario ${name}`);
    const recorded = recordedSession(session);
    const first = recorded.entries.findIndex(
      ({ command }) => from === undefined || readCommandHeader(command).code === from,
    );
    const pairing = {
      scenario: change(found),
      tpmfront: findTpmfront('linux'),
      tpmback: findTpmback('v2'),
      session: { ...recorded, entries: recorded.entries.slice(first) },
    };
    const listener = (operation: StoreOperation): void => {
      this.happenings.push({ request: requestOf(operation) });
    };
    this.world = new World(worldOptions(pairing, { commands: 1, ...more, listener }));
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
      this.happenings.push({ choice: name });
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

  get requests(): readonly Request[] {
    return this.happenings.flatMap((happening) => ('request' in happening ? [happening.request] : []));
  }

  get choices(): readonly string[] {
    return this.happenings.flatMap((happening) => ('choice' in happening ? [happening.choice] : []));
  }

  get changes(): readonly string[] {
    return changesOf(this.requests, ROLES);
  }
}

function requestOf({ client, operation, path, value }: StoreOperation): Request {
  const guest = /^guest(\d+)$/.exec(client)?.[1];
  const who = guest !== undefined ? 'guest' : client === 'toolstack' ? 'toolstack' : 'tpmback';
  const absolute = path.startsWith('/') || path === '' ? path : `/local/domain/${guest ?? 0}/${path}`;
  return { who, domid: Number(guest ?? 0), operation, path: absolute, value, line: 0 };
}
