/**
 * Verifiers that SPIN makes of the model, compiled and run.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MODEL = 'bench/spin/sequenced.pml';
const RUN_MILLISECONDS = 120_000;

export interface PanRun {
  readonly states: number;
  readonly transitions: number;
  /** Whether every assertion held. */
  readonly holds: boolean;
  /** Of the processor, which a busy machine lengthens less than those of the clock. */
  readonly seconds: number;
}

/** What is missing to make one; empty when nothing is. */
export function missingSpin(): readonly string[] {
  return ['spin', 'gcc'].filter((program) => spawnSync(program, [program === 'spin' ? '-V' : '--version']).error);
}

export class Pan {
  readonly #folder: string;

  /**
   * `defines` go to SPIN (`COMMANDS=3`), `flags` to the compiler (`-DSAFETY`); `change` is what is done to the model's
   * text before. Throws what the two complain of.
   */
  constructor(defines: readonly string[], flags: readonly string[], change = (model: string): string => model) {
    this.#folder = mkdtempSync(join(tmpdir(), 'quiesce-spin-'));
    writeFileSync(join(this.#folder, 'model.pml'), change(readFileSync(MODEL, 'utf8')));
    this.#run('spin', [...defines.map((define) => `-D${define}`), '-a', 'model.pml']);
    this.#run('gcc', ['-O3', '-w', ...flags, '-o', 'pan', 'pan.c']);
  }

  /** A whole search, with a table of 2^`bits` states: somewhat larger than what is found, as it costs time to make. */
  run(bits: number): PanRun {
    const output = this.#run('bash', ['-c', `TIMEFORMAT='processor %U %S'; time ./pan -m20000 -w${bits} -n 2>&1`]);
    const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? Number.NaN);
    return {
      states: number(/(\d+) states, stored/),
      transitions: number(/(\d+) transitions \(/),
      holds: number(/errors: (\d+)/) === 0 && !output.includes('max search depth too small'),
      seconds: number(/processor ([\d.]+) /) + number(/processor [\d.]+ ([\d.]+)/),
    };
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #run(program: string, argv: readonly string[]): string {
    const options = { cwd: this.#folder, encoding: 'utf8', timeout: RUN_MILLISECONDS, maxBuffer: 1 << 26 } as const;
    const { status, stdout, stderr, error } = spawnSync(program, argv, options);
    if (status !== 0) throw new Error(`${program} ${argv.join(' ')}: ${error?.message ?? ''}${stdout}${stderr}`);
    return stdout + stderr;
  }
}
