/**
 * What an exploration took, and what its reduction left out, for a person to read.
 */
import type { Reduction } from '../simulator/explore/explore.js';
import type { LengthProof } from '../simulator/explore/shortest.js';
import { counted, wrapped } from './schedule-text.js';

export interface Effort {
  readonly states: number;
  readonly transitions: number;
  readonly offered: number;
  readonly reduction: Reduction;
  readonly holds: boolean;
  readonly seconds: number;
  readonly shortest: LengthProof | null;
  readonly schedule: readonly string[];
}

const LEFT_OUT: Readonly<Record<Reduction, string>> = {
  none: 'nothing left out',
  hosts: 'steps on hosts that cannot touch each other in one order',
  sleep: 'sleep sets',
  stubborn: 'stubborn sets by footprints',
  dpor: 'partial-order reduction by footprints',
};

const PROOFS: Readonly<Record<LengthProof, string>> = {
  shortest: 'there is no shorter one',
  'shortest-kept': 'there is no shorter one among those that the reduction keeps',
  unknown: 'there may be a shorter one',
};

/** Lines, of at most `columns`: how much was seen, what was left out; of a failure, how long its schedule is, with a colon. */
export function effortLines(effort: Effort, columns: number): readonly string[] {
  const { states, transitions, offered, reduction, holds, seconds, shortest, schedule } = effort;
  const seen = `${counted(states, 'state')}, ${counted(transitions, 'transition')}, ${seconds.toFixed(2)} s`;
  if (!holds) {
    const proof = shortest === null ? '' : `; ${PROOFS[shortest]}`;
    return wrapped(`${seen}, a schedule of ${counted(schedule.length, 'step')}${proof}:`, columns);
  }
  return [seen, ...wrapped(`reduction ${reduction}: ${LEFT_OUT[reduction]}${leftOut(transitions, offered)}`, columns)];
}

function leftOut(transitions: number, offered: number): string {
  const percent = Math.floor((1 - transitions / Math.max(offered, 1)) * 100);
  return percent > 0 ? `, ${percent} % of the choices in these states` : '';
}
