/**
 * Keeps a part running: started again whenever it ends without having been told to, after a delay that grows while it
 * keeps ending and is forgotten once it has lasted.
 */
import type { Serving } from '../part-main.js';
import type { RunningPart } from './spawn.js';

const FIRST_DELAY_MILLISECONDS = 10;
const DELAY_MILLISECONDS_MAX = 2000;
/** A part that has lasted so long is taken to be well. */
const LASTED_MILLISECONDS = 5000;
/** For ending itself, before it is killed. */
const STOP_MILLISECONDS = 3000;

export interface SupervisedPart {
  readonly name: string;
  /** Starts it; what it cannot begin without is waited for here. */
  start(): RunningPart | Promise<RunningPart>;
  /** It has ended: what the kernel does for a dead process, before the next one starts. */
  ended?(): Promise<void>;
  /** It serves, for the first time or again. */
  ready?(report: Serving): void;
}

export class Supervisor {
  readonly #part: SupervisedPart;
  #running: RunningPart | null = null;
  #serving: RunningPart | null = null;
  #delay = 0;
  #stopped = false;
  /** Counts the calls of `start` and `adopt`: whoever was to start it again before the last of them is not to any more. */
  #turn = 0;
  #restarts = 0;
  #loop: Promise<void> | null = null;
  #wakeSleep: (() => void) | null = null;

  constructor(part: SupervisedPart) {
    this.#part = part;
  }

  get name(): string {
    return this.#part.name;
  }

  get running(): RunningPart | null {
    return this.#running;
  }

  /** The process that runs has said that it serves. */
  get serving(): boolean {
    return this.#serving !== null && this.#serving === this.#running;
  }

  /** How often it has been started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Resolves when the part serves. Rejects when it ends before that, though it is then started again all the same. */
  async start(): Promise<Serving> {
    const turn = this.#nextTurn();
    const running = await this.#part.start();
    this.#running = running;
    this.#loop = this.#watch(running, turn);
    return running.ready.then((report) => {
      this.#serving = running;
      this.#part.ready?.(report);
      return report;
    });
  }

  /** Goes on with a part that runs already. */
  adopt(running: RunningPart): void {
    this.#running = running;
    this.#serving = running;
    this.#loop = this.#watch(running, this.#nextTurn());
  }

  kill(): void {
    this.#running?.kill();
  }

  /** Ends the part for good; with force if it does not end itself. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wakeSleep?.();
    const running = this.#running;
    if (running !== null) {
      running.stop();
      const timer = setTimeout(() => running.kill(), STOP_MILLISECONDS);
      await running.ended;
      clearTimeout(timer);
    }
    await this.#loop;
    this.#running = null;
  }

  #nextTurn(): number {
    this.#stopped = false;
    this.#wakeSleep?.();
    return ++this.#turn;
  }

  #over(turn: number): boolean {
    return this.#stopped || turn !== this.#turn;
  }

  async #watch(first: RunningPart, turn: number): Promise<void> {
    for (let running = first; ; ) {
      const began = performance.now();
      await running.ended;
      if (this.#over(turn)) return;
      this.#running = null;
      if (performance.now() - began > LASTED_MILLISECONDS) this.#delay = 0;
      const next = await this.#again(turn);
      if (next === null) return;
      running = next;
    }
  }

  async #again(turn: number): Promise<RunningPart | null> {
    for (;;) {
      if (this.#delay > 0) await this.#sleep(this.#delay);
      this.#delay = Math.min(Math.max(FIRST_DELAY_MILLISECONDS, this.#delay * 2), DELAY_MILLISECONDS_MAX);
      if (this.#over(turn)) return null;
      try {
        await this.#part.ended?.();
        if (this.#over(turn)) return null;
        const running = await this.#part.start();
        if (this.#over(turn)) {
          running.kill();
          return null;
        }
        this.#restarts++;
        this.#running = running;
        running.ready.then(
          (report) => {
            this.#serving = running;
            this.#part.ready?.(report);
          },
          () => undefined,
        );
        return running;
      } catch {
        // Another part that it needs is down too: later.
      }
    }
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wakeSleep = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
