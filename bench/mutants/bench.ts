/** The mutants' part of the benchmark: how soon explore and fuzz find each, with five seeds. */
import { availableParallelism } from 'node:os';
import { MUTANTS } from '../../scenarios/mutants/mutants.js';
import { print } from '../figures.js';
import { reportText } from './report.js';
import { type MutantRun, runMutants } from './run.js';

const SEEDS = [1, 2, 3, 4, 5];
/** Runs of one campaign, before a mutant counts as one that fuzz does not find. */
const FUZZ_RUNS = 10_000;
const TIMEOUT_MILLISECONDS = 900_000;

export interface MutantsAsked {
  /** Beginnings of names; all when empty. */
  readonly names: readonly string[];
  readonly workers: number;
  readonly fuzz: boolean;
  /** Whether the tests are asked, too, that find what no question does. */
  readonly test: boolean;
  readonly onDone?: (run: MutantRun, done: number, all: number) => void;
}

export function askMutants({ names, workers, fuzz, test, onDone }: MutantsAsked): Promise<readonly MutantRun[]> {
  const chosen = MUTANTS.filter(({ name }) => names.length === 0 || names.some((start) => name.startsWith(start)));
  return runMutants(chosen, {
    workers,
    explore: true,
    seeds: fuzz ? SEEDS : [],
    runs: FUZZ_RUNS,
    test,
    timeoutMilliseconds: TIMEOUT_MILLISECONDS,
    onDone: (run, done) => onDone?.(run, done, chosen.length),
  });
}

export async function benchMutants(): Promise<void> {
  print('mutants: until explore and fuzz find each; of fuzz the median of those of 5 seeds that do');
  print(reportText(await askMutants({ names: [], workers: availableParallelism(), fuzz: true, test: false })));
}
