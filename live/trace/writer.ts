/**
 * Writes the trace of one part: a file of its own for each time the part is started, each line with one system call, so
 * that a part that is killed leaves whole lines and at most the beginning of one more.
 */
import { openSync, writeSync } from 'node:fs';
import { LIVE_TRACE_VERSION, type StepDetails } from '../../protocol/live-trace.js';
import type { TraceClock } from './clock.js';
import { inTurn, Turns } from './turns.js';

/** What is told of the run in the first line of each file. */
export interface TraceRun {
  readonly tpmfront: string;
  readonly tpm: string;
  readonly drain: boolean;
}

const NOTHING: StepDetails = {};

export class TraceWriter {
  readonly #clock: TraceClock;
  readonly #descriptor: number;
  /** Of a run that is driven. */
  readonly turns: Turns | null;
  /** The part was started before. */
  readonly again: boolean;

  /** `part` as in `a/guest`. */
  constructor(directory: string, part: string, clock: TraceClock, run: TraceRun) {
    this.#clock = clock;
    const { descriptor, number } = openNext(`${directory}/${part.replace('/', '-')}`);
    this.#descriptor = descriptor;
    this.again = number > 1;
    this.turns = Turns.of(directory, clock);
    this.#line((at) => ({ at, trace: LIVE_TRACE_VERSION, part, pid: process.pid, ...run }));
  }

  /** A step begins, of which `details` are known before. Returns its moment, by which `end` names it. */
  begin(name: string, details: StepDetails = NOTHING): number {
    return this.#line((at) => ({ at, begin: name, ...details }));
  }

  /** The step that began at `of` has ended. */
  end(of: number, details: StepDetails = NOTHING): void {
    if (of !== 0) this.#line((at) => ({ at, of, ...details }));
  }

  /** Of a driven run: the process gets SIGKILL if that is how its part is to die now, after this hypercall or promise. */
  diesAfter(part: string, call: string): void {
    if (this.turns?.isDeathAfter(part, call) === true) process.kill(process.pid, 'SIGKILL');
  }

  /** Where the disk is full, or the bound reached, the run goes on without a trace. */
  #line(entry: (at: number) => object): number {
    const at = this.#clock.next();
    if (at === 0) return 0;
    const bytes = Buffer.from(`${JSON.stringify(entry(at))}\n`, 'utf8');
    try {
      if (writeSync(this.#descriptor, bytes) === bytes.length) return at;
    } catch {
      // Said below.
    }
    this.#clock.lose(at);
    return 0;
  }
}

/** The first of `prefix.1.jsonl`, `prefix.2.jsonl` and so on that is not there. */
function openNext(prefix: string): { descriptor: number; number: number } {
  for (let number = 1; ; number++) {
    try {
      return { descriptor: openSync(`${prefix}.${number}.jsonl`, 'ax', 0o600), number };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Does something that takes its time, during which others act, in its turn. What fails has no end. */
export async function traced<T>(trace: TraceWriter | null, name: string, work: () => Promise<T>): Promise<T> {
  if (trace === null) return work();
  return inTurn(trace.turns, name, async () => {
    const of = trace.begin(name);
    const result = await work();
    trace.end(of);
    return result;
  });
}
