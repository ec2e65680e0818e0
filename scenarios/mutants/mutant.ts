/**
 * A mutant: a small fault seeded into something that holds, to see whether what looks for faults finds it.
 *
 * It is a change of the source text, applied when the file is loaded and never written anywhere. Each old text stands in
 * its file exactly once; where the file has changed since, the mutant is refused (`bench/mutants/patch.ts`).
 *
 * What must find it, and why, is written here before it is run, from the argument. A mutant that nothing finds either
 * lacks an oracle or a situation, which then is added, or changes nothing that can be observed, and says why.
 */
import type { OracleName } from '../../simulator/world-state.js';

export interface Edit {
  /** Path of the source in the repository. */
  readonly file: string;
  readonly old: string;
  readonly new: string;
}

/** The oracle that must fail, or one of several where the argument leaves open which is first. */
export interface FoundBy {
  /** Name of a question (`questions.ts`). */
  readonly question: string;
  readonly oracles: readonly OracleName[];
  readonly why: string;
}

export interface Mutant {
  readonly name: string;
  readonly what: string;
  readonly edits: readonly Edit[];
  readonly found: FoundBy | Survives;
}

/** No question can find it. */
export interface Survives {
  readonly question: null;
  readonly why: string;
  /** The test that finds it, without `.test.ts`; null where nothing that can be observed is different. */
  readonly test: string | null;
}

/** A mutant of one change. */
export function mutant(
  name: string,
  what: string,
  edit: readonly [file: string, old: string, now: string],
  found: Mutant['found'],
): Mutant {
  const [file, old, now] = edit;
  return { name, what, edits: [{ file, old, new: now }], found };
}

export function foundBy(question: string, oracles: OracleName | readonly OracleName[], why: string): FoundBy {
  return { question, oracles: typeof oracles === 'string' ? [oracles] : oracles, why };
}

export function survives(test: string | null, why: string): Survives {
  return { question: null, why, test };
}
