/**
 * How the benchmark measures and prints. Figures are medians with the smallest and the largest of the runs in brackets.
 */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** `median  [smallest .. largest]`. */
export function spread(values: readonly number[], format: (value: number) => string): string {
  return `${format(median(values)).padStart(10)}  [${format(Math.min(...values))} .. ${format(Math.max(...values))}]`;
}

/** Seconds that `body` takes. */
export function timed(body: () => unknown): number {
  const start = process.hrtime.bigint();
  body();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

export function thousands(value: number): string {
  return `${Math.round(value / 1000)} k`;
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Seconds of the processor that `action` takes, in this whole process: a busy machine lengthens them less than those of the clock. */
export function processorSeconds(action: () => void): number {
  const start = process.cpuUsage();
  action();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}
