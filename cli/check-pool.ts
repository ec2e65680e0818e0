/**
 * Decides the cells of the table on as many threads as there are. What comes out depends neither on their number nor
 * on who finishes first: each cell is decided alone, and the verdicts are put in the order of the cells.
 */
import { Worker } from 'node:worker_threads';
import { EventEmitter } from 'eventemitter3';
import { loadSession } from '../library/sessions.js';
import { type Cell, type CheckTask, longestFirst } from './check-cells.js';
import { resolvePairing } from './pairing-options.js';
import { decideTimed, monotonicSeconds, type TimedVerdict } from './timed-verdict.js';

export type WorkerReply =
  | { readonly kind: 'progress'; readonly states: number }
  | { readonly kind: 'verdict'; readonly cell: Cell; readonly verdict: TimedVerdict };

interface CheckEvents {
  /** A cell has been decided. */
  verdict: (cell: Cell, verdict: TimedVerdict) => void;
  /** So many more states have been seen. */
  states: (more: number) => void;
}

export class CheckPool extends EventEmitter<CheckEvents> {
  readonly #task: CheckTask;
  readonly #jobs: number;

  /** With one job the work is done in this thread. */
  constructor(task: CheckTask, jobs: number) {
    super();
    this.#task = task;
    this.#jobs = jobs;
  }

  /** The verdicts of `cells`, in their order. */
  async decide(cells: readonly Cell[]): Promise<readonly TimedVerdict[]> {
    const found = new Map<number, TimedVerdict>();
    this.on('verdict', ({ index }, verdict) => found.set(index, verdict));
    const queue = [...longestFirst(cells)];
    if (this.#jobs === 1) this.#decideHere(queue);
    else await this.#decideInThreads(queue);
    return cells.map(({ index }) => found.get(index) as TimedVerdict);
  }

  #decideHere(queue: readonly Cell[]): void {
    const decideCell = cellDecider(this.#task, (more) => this.emit('states', more));
    for (const cell of queue) this.emit('verdict', cell, decideCell(cell));
  }

  async #decideInThreads(queue: Cell[]): Promise<void> {
    const workers = Array.from({ length: Math.min(this.#jobs, queue.length) }, () => {
      return new Worker(new URL('./check-worker.js', import.meta.url), { workerData: this.#task });
    });
    try {
      await Promise.all(workers.map((worker) => this.#feed(worker, queue)));
    } finally {
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
  }

  /** Hands `worker` one cell after the other until none is left. Rejects when the thread fails. */
  #feed(worker: Worker, queue: Cell[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const next = (): void => {
        const cell = queue.shift();
        if (cell === undefined) resolve();
        else worker.postMessage(cell);
      };
      worker.on('message', (reply: WorkerReply) => {
        if (reply.kind === 'progress') this.emit('states', reply.states);
        else {
          this.emit('verdict', reply.cell, reply.verdict);
          next();
        }
      });
      worker.on('error', reject);
      worker.on('exit', (status) => reject(new Error(`a thread of check ended with status ${status}`)));
      next();
    });
  }
}

/** A function that decides cells, and tells how many more states were seen. */
export function cellDecider(task: CheckTask, onStates: (more: number) => void): (cell: Cell) => TimedVerdict {
  const session = loadSession(task.session);
  return ({ scenario, tpmfront }) => {
    let before = 0;
    const onProgress = ({ states }: { readonly states: number }): void => {
      // A second search of the same cell begins to count again.
      onStates(states - (states > before ? before : 0));
      before = states;
    };
    const pairing = { ...resolvePairing({ scenario, tpmfront }), session };
    return decideTimed(pairing, { ...task, onProgress }, monotonicSeconds);
  };
}
