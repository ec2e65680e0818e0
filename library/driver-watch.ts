/**
 * Tells another thread what of a driver is running now, so that it can see that it does not end: nothing in this thread
 * could interrupt a loop.
 *
 *     word 0   number of what runs now, 0 = nothing of a driver
 *     word 1   counts up with everything that begins
 *
 * Each step of each task and each callback of a driver is wrapped when the driver is made. Without a watch, as in a
 * program that uses the library, nothing is.
 */
import type { Task } from '../hypervisor/steps.js';

export const WATCH_WORDS = 2;

/** Hears what a number means: what runs, and of which file. */
export type Tell = (number: number, what: string, file: string) => void;

export class DriverWatch {
  readonly #words: Int32Array;
  readonly #tell: Tell;
  readonly #numbers = new Map<string, number>();

  /** `words` are shared with the thread that watches, which is told what the numbers mean. */
  constructor(words: Int32Array, tell: Tell) {
    this.#words = words;
    this.#tell = tell;
  }

  /** The number of what runs, for `enter`. */
  numberOf(what: string, file: string): number {
    const key = `${what}\n${file}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#numbers.size + 1;
    this.#numbers.set(key, number);
    this.#tell(number, what, file);
    return number;
  }

  /** Something begins; returns what ran before, for `leave`. */
  enter(number: number): number {
    const before = this.#words[0] as number;
    this.#words[0] = number;
    Atomics.add(this.#words, 1, 1);
    return before;
  }

  leave(before: number): void {
    this.#words[0] = before;
  }

  run<T>(what: string, file: string, action: () => T): T {
    const before = this.enter(this.numberOf(what, file));
    try {
      return action();
    } finally {
      this.leave(before);
    }
  }

  /** Wraps methods `methods` and the steps of the tasks of a driver that was just made. */
  wrap(driver: object, file: string, methods: readonly string[], tasks: readonly Task<never>[]): void {
    for (const name of methods) {
      const method: unknown = Reflect.get(driver, name);
      if (typeof method !== 'function') continue;
      const number = this.numberOf(name, file);
      const wrapped = (...given: readonly unknown[]): unknown => {
        const before = this.enter(number);
        try {
          return Reflect.apply(method, driver, given);
        } finally {
          this.leave(before);
        }
      };
      Object.defineProperty(driver, name, { value: wrapped, configurable: true, writable: true });
    }
    for (const task of tasks) this.#wrapTask(task, file);
  }

  #wrapTask(task: Task<never>, file: string): void {
    const { definition } = task;
    const steps = definition.steps.map((step, index) => {
      const name = `step ${definition.name}/${definition.stepNames[index]}`;
      const number = this.numberOf(name, file);
      const { when } = step;
      const run = (context: never): ReturnType<typeof step.run> => {
        const before = this.enter(number);
        try {
          return step.run(context);
        } finally {
          this.leave(before);
        }
      };
      if (when === undefined) return { run };
      const condition = this.numberOf(`the condition of ${name}`, file);
      return {
        run,
        when: (context: never): boolean => {
          const before = this.enter(condition);
          try {
            return when.call(step, context);
          } finally {
            this.leave(before);
          }
        },
      };
    });
    Object.defineProperty(task, 'definition', { value: { ...definition, steps } });
  }
}

let present: DriverWatch | null = null;

/** The watch of this thread, if somebody watches. */
export function driverWatch(): DriverWatch | null {
  return present;
}

/** To be called once, before any driver file is loaded. */
export function setDriverWatch(watch: DriverWatch | null): void {
  present = watch;
}
