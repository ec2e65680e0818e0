/**
 * Scenarios that differ from a known one in how often faults strike and how wide numbers are. The difference is part of
 * the name, so schedule files and tokens find them again:
 *
 *     clean-migration+spurious-events=1+sequence-bits=2
 *
 * Each variation stands once, in any order; the name that comes out has them in the order of `VARIATIONS`, and only
 * those that differ from the scenario they vary.
 */
import { QuiesceError } from '../protocol/errors.js';
import type { FaultBudget, Scenario } from './world-options.js';

interface VariationEntry {
  readonly name: string;
  /** The budget it sets; null for the width of the sequence numbers. */
  readonly fault: keyof FaultBudget | null;
  readonly minimum: number;
  readonly maximum: number;
}

const FAULT_MAX = 3;
/** How wide sequence numbers are where nothing is said. */
const SEQUENCE_BITS = 32;

export const VARIATIONS: readonly VariationEntry[] = [
  { name: 'backend-kills', fault: 'backendKills', minimum: 0, maximum: FAULT_MAX },
  { name: 'toolstack-kills', fault: 'toolstackKills', minimum: 0, maximum: FAULT_MAX },
  { name: 'spurious-events', fault: 'spuriousEvents', minimum: 0, maximum: FAULT_MAX },
  { name: 'double-resumes', fault: 'doubleResumes', minimum: 0, maximum: FAULT_MAX },
  { name: 'lost-events', fault: 'lostEvents', minimum: 0, maximum: FAULT_MAX },
  { name: 'store-restarts', fault: 'storeRestarts', minimum: 0, maximum: FAULT_MAX },
  { name: 'watch-repeats', fault: 'watchRepeats', minimum: 0, maximum: FAULT_MAX },
  { name: 'stream-cuts', fault: 'streamCuts', minimum: 0, maximum: FAULT_MAX },
  { name: 'stale-restores', fault: 'staleRestores', minimum: 0, maximum: FAULT_MAX },
  { name: 'mixed-restores', fault: 'mixedRestores', minimum: 0, maximum: FAULT_MAX },
  { name: 'hostile-stores', fault: 'hostileStores', minimum: 0, maximum: FAULT_MAX },
  { name: 'sequence-bits', fault: null, minimum: 2, maximum: SEQUENCE_BITS },
];

export type Variation = Partial<FaultBudget> & { readonly sequenceBits?: number };

/** `base` with some of it changed, and the name that says so. `base` itself must not be a variation. */
export function varied(base: Scenario, { sequenceBits, ...faults }: Variation): Scenario {
  const budget: FaultBudget = { ...base.faults, ...faults };
  const bits = sequenceBits ?? base.sequenceBits ?? SEQUENCE_BITS;
  const suffix = VARIATIONS.flatMap(({ name, fault }) => {
    const [value, usual] =
      fault === null ? [bits, base.sequenceBits ?? SEQUENCE_BITS] : [budget[fault], base.faults[fault]];
    return value === usual ? [] : [`+${name}=${value}`];
  });
  if (suffix.length === 0) return base;
  return { ...base, name: base.name + suffix.join(''), faults: budget, sequenceBits: bits };
}

/** The name of the scenario that is varied, and how. Throws `UNKNOWN_NAME` for a variation there is not. */
export function parseVariation(name: string): { readonly base: string; readonly variation: Variation } {
  const [base = '', ...parts] = name.split('+');
  const variation: { -readonly [K in keyof Variation]: Variation[K] } = {};
  for (const part of parts) {
    const [, key, digits] = /^([a-z-]+)=([0-9]{1,2})$/.exec(part) ?? [];
    const entry = VARIATIONS.find((candidate) => candidate.name === key);
    const value = Number(digits);
    if (entry === undefined || value < entry.minimum || value > entry.maximum) {
      const known = VARIATIONS.map((each) => `${each.name}=${each.minimum}..${each.maximum}`).join(', ');
      throw new QuiesceError('UNKNOWN_NAME', `scenario '${name}': expected one of ${known} after '+', found '${part}'`);
    }
    const field = entry.fault ?? 'sequenceBits';
    if (variation[field] !== undefined)
      throw new QuiesceError('UNKNOWN_NAME', `scenario '${name}': expected ${entry.name} once, found it twice`);
    variation[field] = value;
  }
  return { base, variation };
}
