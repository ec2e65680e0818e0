/** What was found of the mutants, as text and as JSON. */
import type { Survives } from '../../scenarios/mutants/mutant.js';
import { median } from '../figures.js';
import type { ExploreAnswer, FuzzAnswer } from './answer.js';
import type { MutantRun } from './run.js';

/** What differs from what is written with the mutant, or null. */
export function surprise({ mutant, answer, error, testFails }: MutantRun): string | null {
  const { found } = mutant;
  if (error !== null) return error;
  if (found.question === null) {
    const explored = answer?.explore?.found ?? null;
    if (explored !== null) return `nothing was to find it, and ${explored.question} does: ${explored.oracle}`;
    if (testFails === false) return `test/${found.test}.test.ts was to find it, and passes`;
    return null;
  }
  const asked = answer?.expected?.found ?? null;
  const wanted = found.oracles.join(' or ');
  if (asked === null) return `${found.question} was to fail by ${wanted}, and holds`;
  if (asked.oracle !== null && found.oracles.includes(asked.oracle)) return null;
  return `${found.question} was to fail by ${wanted}, and fails by ${asked.oracle ?? asked.what}`;
}

export interface Summary {
  readonly mutants: number;
  readonly explored: number;
  /** By all seeds, and by some. */
  readonly fuzzed: number;
  readonly fuzzedSometimes: number;
  /** By a test and nothing else. */
  readonly tested: number;
  /** Those that change nothing that can be observed. */
  readonly equivalent: number;
  readonly surprises: number;
}

export function summaryOf(runs: readonly MutantRun[]): Summary {
  const count = (is: (run: MutantRun) => boolean): number => runs.filter(is).length;
  const fuzz = ({ answer }: MutantRun): readonly FuzzAnswer[] => answer?.fuzz ?? [];
  const byFuzz = (run: MutantRun): number => fuzz(run).filter(({ found }) => found !== null).length;
  return {
    mutants: runs.length,
    explored: count(({ answer }) => (answer?.explore ?? answer?.expected)?.found != null),
    fuzzed: count((run) => byFuzz(run) > 0 && byFuzz(run) === fuzz(run).length),
    fuzzedSometimes: count((run) => byFuzz(run) > 0 && byFuzz(run) < fuzz(run).length),
    tested: count(({ testFails }) => testFails === true),
    equivalent: count(({ mutant: { found } }) => found.question === null && (found as Survives).test === null),
    surprises: count((run) => surprise(run) !== null),
  };
}

export function reportJson(runs: readonly MutantRun[]): string {
  const mutants = runs.map((run) => {
    const { mutant, answer, testFails } = run;
    const { name, what, edits, found } = mutant;
    const fuzz = answer?.fuzz ?? [];
    const files = [...new Set(edits.map(({ file }) => file))];
    return {
      name,
      what,
      files,
      expected: found,
      explore: answer?.explore ?? answer?.expected ?? null,
      fuzz: fuzz.length === 0 ? null : { ...medianOf(fuzz), foundBy: foundBy(fuzz), seeds: fuzz.length },
      test: found.question === null ? { name: found.test, fails: testFails } : null,
      surprise: surprise(run),
    };
  });
  return `${JSON.stringify({ ...summaryOf(runs), list: mutants })}\n`;
}

export function reportText(runs: readonly MutantRun[]): string {
  const lines = runs.flatMap((run) => {
    const { mutant, answer, testFails } = run;
    const { found } = mutant;
    const odd = surprise(run);
    const explored = answer?.explore ?? answer?.expected ?? null;
    return [
      mutant.name,
      ...(explored === null ? [] : [exploreLine(explored)]),
      ...(answer === null || answer.fuzz.length === 0 ? [] : [fuzzLine(answer.fuzz)]),
      ...(testFails === null || found.question !== null ? [] : [testLine(found.test ?? '', testFails)]),
      ...(found.question === null && found.test === null ? ['  nothing that can be observed is different'] : []),
      ...(odd === null ? [] : [`  NOT AS EXPECTED: ${odd}`]),
    ];
  });
  const { mutants, explored, fuzzed, fuzzedSometimes, tested, equivalent, surprises } = summaryOf(runs);
  const asked = runs.some(({ answer }) => (answer?.fuzz ?? []).length > 0);
  const sometimes = fuzzedSometimes === 0 ? '' : ` (and ${fuzzedSometimes} by some seeds)`;
  return [
    ...lines,
    '',
    `${mutants} mutants: ${explored} found by explore, ${asked ? `${fuzzed} by fuzz${sometimes}, ` : ''}${tested} by a test alone,`,
    `${equivalent} that change nothing that can be observed, ${surprises} not as expected`,
    '',
  ].join('\n');
}

function exploreLine({ found, states, seconds }: ExploreAnswer): string {
  const cost = `${time(seconds)} ${String(states).padStart(9)} states`;
  return found === null
    ? `  explore  ${'-'.padEnd(17)} ${cost}`
    : `  explore  ${(found.oracle ?? 'no world').padEnd(17)} ${cost}  ${found.question}`;
}

function fuzzLine(answers: readonly FuzzAnswer[]): string {
  const { oracle, seconds, runs, question } = medianOf(answers);
  const by = foundBy(answers);
  const of = by === answers.length ? [] : [`${by} of ${answers.length} seeds`];
  const where = [...(question === null ? [] : [question]), ...of].join(', ');
  return `  fuzz     ${(oracle ?? '-').padEnd(17)} ${time(seconds)} ${String(runs).padStart(9)} runs    ${where}`;
}

function testLine(test: string, fails: boolean): string {
  return `  test     ${fails ? 'fails' : 'passes'}: test/${test}.test.ts`;
}

/** The median of those that have found it, or of all where none has. */
function medianOf(answers: readonly FuzzAnswer[]): {
  readonly oracle: string | null;
  readonly question: string | null;
  readonly seconds: number;
  readonly runs: number;
} {
  const found = answers.filter((answer) => answer.found !== null);
  const counted = found.length === 0 ? answers : found;
  const [first] = found;
  return {
    oracle: first === undefined ? null : (first.found?.oracle ?? 'no world'),
    question: first?.found?.question ?? null,
    seconds: median(counted.map(({ seconds }) => seconds)),
    runs: median(counted.map(({ runs }) => runs)),
  };
}

function foundBy(answers: readonly FuzzAnswer[]): number {
  return answers.filter(({ found }) => found !== null).length;
}

function time(seconds: number): string {
  return `${seconds.toFixed(2).padStart(7)} s`;
}
