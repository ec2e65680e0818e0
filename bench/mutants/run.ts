/** Runs mutants, each in a process of its own: a fault may make it run for ever, or use all the memory there is. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Mutant } from '../../scenarios/mutants/mutant.js';
import type { Answer, Task } from './answer.js';

export interface MutantRun {
  readonly mutant: Mutant;
  /** Null where its process did not end in time, or not well. */
  readonly answer: Answer | null;
  /** Why there is no answer. */
  readonly error: string | null;
  /** Whether the test that is to find it fails; null where there is none, or it was not asked. */
  readonly testFails: boolean | null;
}

export interface RunOptions extends Pick<Task, 'explore' | 'seeds' | 'runs'> {
  /** Whether the test is asked that finds it where no question does. */
  readonly test: boolean;
  readonly workers: number;
  /** Of one process. */
  readonly timeoutMilliseconds: number;
  readonly onDone?: ((run: MutantRun, done: number) => void) | undefined;
}

/** Answers in the order of `mutants`. */
export async function runMutants(mutants: readonly Mutant[], options: RunOptions): Promise<readonly MutantRun[]> {
  const runs: MutantRun[] = [];
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < mutants.length) {
      const at = next++;
      const run = await runMutant(mutants[at] as Mutant, options);
      runs[at] = run;
      options.onDone?.(run, ++done);
    }
  };
  await Promise.all(Array.from({ length: options.workers }, work));
  return runs;
}

async function runMutant(mutant: Mutant, options: RunOptions): Promise<MutantRun> {
  const { explore, seeds, runs, test, timeoutMilliseconds } = options;
  const { edits, found } = mutant;
  const asks = explore || seeds.length > 0 || found.question !== null;
  const task: Task = { edits, found, explore, seeds, runs };
  const asked = asks
    ? await ended(new URL('./child.js', import.meta.url), [JSON.stringify(task)], timeoutMilliseconds)
    : null;
  const name = found.question === null && test ? found.test : null;
  const tested =
    name === null
      ? null
      : await ended(new URL('./test-child.js', import.meta.url), [JSON.stringify(edits), name], timeoutMilliseconds);
  return {
    mutant,
    answer: asked?.error === null ? (JSON.parse(asked.output) as Answer) : null,
    error: asked?.error ?? null,
    testFails: tested === null ? null : failsAsTest(tested),
  };
}

interface Ended {
  readonly output: string;
  /** Null where it ended well. */
  readonly error: string | null;
}

function ended(program: URL, given: readonly string[], timeout: number): Promise<Ended> {
  // What a mutant executes is no coverage of the sources.
  const { NODE_V8_COVERAGE: _, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--no-warnings', fileURLToPath(program), ...given],
      { env: { ...env, TAP: '1' }, timeout, maxBuffer: 1 << 26 },
      (error, output, messages) => {
        if (error === null) resolve({ output, error: null });
        else if (error.killed === true) resolve({ output, error: `it does not end in ${timeout / 1000} s` });
        else resolve({ output, error: messages.slice(0, 2000) || error.message });
      },
    );
  });
}

/** A test that breaks off before it has looked at anything shows nothing. */
function failsAsTest({ output, error }: Ended): boolean {
  return error !== null && /^\s*not ok /m.test(output);
}
