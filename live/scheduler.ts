/**
 * Runs the drivers of one domain's process: in the simulator the world picks who acts next, here it is whoever can, in
 * turn, until nobody can; then the process sleeps until its doorbell rings or its event loop has something.
 *
 * After a ring the next one is likely to come soon, so for a while it is waited for in the futex, which is woken sooner
 * than an event loop. That bounds how long the event loop, with its watch events and timers, is left alone.
 *
 * A step runs whole, as there: nothing of the same process comes between its stores, and it is committed to the journal
 * when it is done. Between two steps the other processes go on as they please.
 */
import type { Task } from '../hypervisor/steps.js';
import { passTime, type TimerPlace, untilNext } from '../hypervisor/timers.js';
import type { Doorbell } from './memory/doorbell.js';
import type { BellListener } from './memory/event-loop-bell.js';
import type { SharedMemory } from './memory/shared-memory.js';

export interface LiveActor {
  /** What it does next, as the simulator names it; asked before it is done, and only where somebody watches. */
  name(): string;
  ready(): boolean;
  run(): void;
  /** Nobody else of this process acts while this holds: a spinlock with interrupts off. */
  exclusive?(): boolean;
}

/** Somebody who looks at every step of a process, and may hold it back. */
export interface StepWatch {
  /**
   * A step is about to be taken. False: not now; whoever says so kicks the scheduler when it may be. With `locked` the
   * process holds a lock, and the watch is to wait until it may say true.
   */
  begin(name: string, locked: boolean): boolean;
  /** The step is done, and committed. */
  end(): void;
  /** Whether no time passes for the drivers. */
  timeStands?(): boolean;
}

export interface SchedulerPlace {
  readonly memory: SharedMemory;
  readonly doorbell: Doorbell;
  readonly listener: BellListener;
  readonly actors: readonly LiveActor[];
  readonly timers: readonly TimerPlace[];
  /** Whether the domain runs. One that does not takes no step. */
  readonly running: () => boolean;
  /** Whether the thread may block for a moment: the event loop has nothing to wait for that is nearer. */
  readonly mayBlock: () => boolean;
  /** Null, as usual: nobody watches. */
  readonly watch: StepWatch | null;
  /** Called for what a driver throws; the process cannot go on. */
  readonly onFault: (error: unknown) => void;
}

/** After a ring the next one is waited for in the futex for so long, and the event loop has its turn so often meanwhile. */
const HOT_MILLISECONDS = 50;
const TURN_MILLISECONDS = 10;
/** The same where somebody watches, who may let a step be taken at any time. */
const WATCHED_TURN_MILLISECONDS = 1;
/** The event loop has its turn after so many steps too. */
const STEPS_MAX = 1000;

export class Scheduler {
  readonly #place: SchedulerPlace;
  readonly #locks: readonly LiveActor[];
  #scheduled = false;
  #stopped = false;
  #pumping = false;
  #lastRing = 0;
  #lastTick = performance.now();
  #timer: NodeJS.Timeout | null = null;

  constructor(place: SchedulerPlace) {
    this.#place = place;
    this.#locks = place.actors.filter(({ exclusive }) => exclusive !== undefined);
  }

  /** Somebody of this process may have become ready. */
  readonly kick = (): void => {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  };

  /** The same, at once, for a caller that waits for the outcome. */
  kickNow(): void {
    if (!this.#stopped && !this.#pumping) this.#pump();
  }

  /** The doorbell has woken the event loop. */
  readonly rung = (): void => {
    this.#place.doorbell.awake();
    this.#lastRing = performance.now();
    if (!this.#stopped && !this.#pumping) this.#pump();
  };

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#place.listener.close();
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    if (!this.#stopped) this.#pump();
  };

  #pump(): void {
    const { doorbell, memory, onFault } = this.#place;
    this.#pumping = true;
    const begun = performance.now();
    try {
      for (;;) {
        const seen = doorbell.count;
        this.#tick();
        if (!this.#runAll()) {
          this.kick();
          return;
        }
        memory.commit();
        if (this.#stopped) return;
        // Where somebody rings all the time. Whoever has just rung has been served before.
        if (performance.now() - begun > TURN_MILLISECONDS) {
          this.kick();
          return;
        }
        if (!this.#waitBriefly(seen)) {
          this.#listen(seen);
          return;
        }
        if (doorbell.count === seen) {
          this.kick();
          return;
        }
        this.#lastRing = performance.now();
      }
    } catch (error) {
      this.stop();
      onFault(error);
    } finally {
      this.#pumping = false;
    }
  }

  /** Lets everybody act who can. False when it takes long: the event loop must have its turn. */
  #runAll(): boolean {
    const { actors, memory, running, watch } = this.#place;
    let steps = 0;
    for (let progress = true; progress; ) {
      progress = false;
      for (const actor of actors) {
        if (!running()) return true;
        if (!actor.ready()) continue;
        if (watch !== null && !watch.begin(actor.name(), false)) continue;
        progress = true;
        actor.run();
        memory.commit();
        watch?.end();
        steps += 1 + this.#runLocked();
        // A timer that the next step sets must not be charged the time before that.
        this.#tick();
      }
      if (steps > STEPS_MAX) return false;
    }
    return true;
  }

  /** Whoever holds a lock, because the step before has taken it, runs to the end. Returns the steps that were taken. */
  #runLocked(): number {
    const { memory, watch } = this.#place;
    let steps = 0;
    for (const actor of this.#locks) {
      while (actor.exclusive?.() === true) {
        watch?.begin(actor.name(), true);
        actor.run();
        memory.commit();
        watch?.end();
        steps++;
      }
    }
    return steps;
  }

  /** False when the event loop is to be gone back to until somebody rings; else somebody has, or a while has passed. */
  #waitBriefly(seen: number): boolean {
    const { doorbell, mayBlock, memory, timers, watch } = this.#place;
    if (doorbell.count !== seen) return true;
    if (this.#scheduled || !mayBlock() || performance.now() - this.#lastRing > HOT_MILLISECONDS) return false;
    const longest = watch === null ? TURN_MILLISECONDS : WATCHED_TURN_MILLISECONDS;
    doorbell.block(seen, Math.min(untilNext(memory, timers) || longest, longest));
    return true;
  }

  #listen(seen: number): void {
    const { doorbell, listener, memory, timers } = this.#place;
    if (!doorbell.listen(seen)) {
      this.kick();
      return;
    }
    listener.arm(seen);
    if (this.#timer !== null) clearTimeout(this.#timer);
    const milliseconds = untilNext(memory, timers);
    this.#timer = milliseconds > 0 ? setTimeout(this.kick, milliseconds) : null;
  }

  /** Lets the time pass that has passed, in whole milliseconds. */
  #tick(): void {
    const { memory, timers, running } = this.#place;
    const passed = Math.floor(performance.now() - this.#lastTick);
    if (passed <= 0) return;
    this.#lastTick += passed;
    if (this.#place.watch?.timeStands?.() === true) return;
    if (running() && untilNext(memory, timers) > 0) passTime(memory, timers, passed);
  }
}

/** A task of `owner` as an actor: one step at a time, and to its end where it holds a lock. */
export function taskActor(owner: string, task: Task<never>): LiveActor {
  return {
    name: () => `${owner}.${task.definition.name}/${task.next}`,
    ready: () => task.ready(),
    run: () => task.step(),
    ...(task.definition.exclusive ? { exclusive: () => task.ready() } : {}),
  };
}
