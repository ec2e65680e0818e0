/**
 * Timers on virtual time. A timer is one word in the memory of whoever set it: 0 = off, 1 = fired, n = n - 1
 * milliseconds are left. So timers are saved, restored and cloned with the pages they lie in, and stand still while
 * their domain does not run (CLOCK_MONOTONIC of a guest does not count a suspend).
 *
 * Time passes only when nothing else has to happen (*maximal progress*): then the timers nearest to their end fire.
 * A wait that is long compared with everything else is thereby ordered by its length, and the rest by interleaving.
 */
import type { MachineMemory } from './machine-memory.js';

const OFF = 0;
const FIRED = 1;

/** A place where a timer may lie. */
export interface TimerPlace {
  /** Address of its word. */
  readonly address: number;
  /** Whether the time of its owner goes on. */
  readonly ticking: () => boolean;
}

export function setTimer(memory: MachineMemory, address: number, milliseconds: number): void {
  memory.write32(address, milliseconds + 1);
}

export function stopTimer(memory: MachineMemory, address: number): void {
  memory.write32(address, OFF);
}

export function hasFired(memory: MachineMemory, address: number): boolean {
  return memory.word(address >>> 2) === FIRED;
}

export function timerRuns(memory: MachineMemory, address: number): boolean {
  return memory.word(address >>> 2) >>> 0 > FIRED;
}

/** Milliseconds until the next timer fires, or 0 when none runs. */
export function untilNext(memory: MachineMemory, places: readonly TimerPlace[]): number {
  let nearest = 0;
  for (const place of places) {
    const left = (memory.word(place.address >>> 2) >>> 0) - FIRED;
    if (left > 0 && place.ticking() && (nearest === 0 || left < nearest)) nearest = left;
  }
  return nearest;
}

/** Lets `milliseconds` pass for every ticking timer; those that come to their end fire. */
export function passTime(memory: MachineMemory, places: readonly TimerPlace[], milliseconds: number): void {
  for (const place of places) {
    const left = (memory.word(place.address >>> 2) >>> 0) - FIRED;
    if (left > 0 && place.ticking()) memory.write32(place.address, Math.max(left - milliseconds, 0) + FIRED);
  }
}
