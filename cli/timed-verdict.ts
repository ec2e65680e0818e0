/**
 * Verdicts with the time they took: the simulator has no clock.
 */
import { decideOwn } from '../library/question.js';
import type { Pairing } from '../simulator/pairing.js';
import type { Verdict, VerdictOptions } from '../simulator/verdict.js';

export interface TimedVerdict extends Verdict {
  readonly seconds: number;
}

/** Decides, and measures. `clock` gives seconds since some moment. Throws `USAGE` when the ends speak different rings. */
export function decideTimed(pairing: Pairing, options: VerdictOptions, clock: () => number): TimedVerdict {
  const start = clock();
  const { schedule, token, ...verdict } = decideOwn(pairing, options);
  return { ...verdict, seconds: Math.round((clock() - start) * 1e6) / 1e6, schedule, token };
}

/** Seconds on a clock that only goes forward. */
export function monotonicSeconds(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}
