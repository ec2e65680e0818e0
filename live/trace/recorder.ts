/**
 * Records the steps of a process that runs drivers: with each what it asked of the store, what it changed of its own
 * state, and what its part says of it.
 */
import type { PooledCommand } from '../../frontend/command-pool.js';
import type { FieldWatch } from '../../protocol/field-values.js';
import type { StepDetails, TracedRequest } from '../../protocol/live-trace.js';
import type { StepWatch } from '../scheduler.js';
import type { TraceWriter } from './writer.js';

type Mutable = { -readonly [K in keyof StepDetails]: StepDetails[K] };

export class StepRecorder implements StepWatch {
  readonly writer: TraceWriter;
  readonly #fields: FieldWatch;
  readonly #more: (name: string, details: Mutable) => void;
  readonly #before: (name: string) => StepDetails | undefined;
  #name = '';
  #begin = 0;
  #store: TracedRequest[] = [];
  #details: Mutable = {};

  /** `more` is called after each step; `before` says what is known of one that begins, if it must not be lost with it. */
  constructor(
    writer: TraceWriter,
    fields: FieldWatch,
    more: (name: string, details: Mutable) => void,
    before: (name: string) => StepDetails | undefined = () => undefined,
  ) {
    this.writer = writer;
    this.#fields = fields;
    this.#more = more;
    this.#before = before;
  }

  begin(name: string): boolean {
    this.#name = name;
    this.#begin = this.writer.begin(name, this.#before(name));
    return true;
  }

  end(): void {
    const details = this.#details;
    if (this.#store.length > 0) details.store = this.#store;
    const state = this.#fields.changed();
    if (state !== null) details.state = state;
    this.#more(this.#name, details);
    this.writer.end(this.#begin, details);
    this.#store = [];
    this.#details = {};
  }

  /** Something to be told with the step that is under way. */
  note(details: StepDetails): void {
    Object.assign(this.#details, details);
  }

  /** Store requests of the step that is under way, each when it has been answered. */
  get requests(): TracedRequest[] {
    return this.#store;
  }
}

/** A log for whoever is made before the recorder is. */
export function laterLog(recorder: () => StepRecorder | null): {
  readonly requests: TracedRequest[];
  note(details: StepDetails): void;
} {
  const unheard: TracedRequest[] = [];
  return {
    get requests() {
      return recorder()?.requests ?? unheard;
    },
    note: (details) => recorder()?.note(details),
  };
}

/** A command as it is recorded. */
export function commandDetails({
  words,
  length,
  locality,
}: Pick<PooledCommand, 'words' | 'length' | 'locality'>): StepDetails {
  return { command: Buffer.from(words.buffer, words.byteOffset, length).toString('hex'), locality };
}
