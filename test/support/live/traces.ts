/** Traces of live runs: those that are kept, and what they become when somebody changes them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePartTrace } from '../../../protocol/live-trace.js';
import { liveScenario } from '../../../scenarios/live-scenarios.js';
import { conformLive, type LiveConformance } from '../../../simulator/conformance/live/conform-live.js';
import { varied } from '../../../simulator/scenario-variation.js';

export type TraceFiles = Map<string, string[]>;

export interface Line {
  at: number;
  begin?: string;
  of?: number;
  [detail: string]: unknown;
}

const FOLDER = join(process.cwd(), 'test', 'recordings', 'live-runs');

/** The lines of each file of a kept trace. */
export function keptTrace(name: string): TraceFiles {
  return traceOf(join(FOLDER, name));
}

export function traceOf(folder: string): TraceFiles {
  const files = readdirSync(folder).filter((file) => file.endsWith('.jsonl'));
  return new Map(files.sort().map((file) => [file, readFileSync(join(folder, file), 'utf8').split('\n').slice(0, -1)]));
}

export function followed(files: TraceFiles, maxTries = 200_000): LiveConformance {
  const parts = [...files].map(([file, lines]) => parsePartTrace(file, `${lines.join('\n')}\n`));
  return conformLive(parts, {
    scenarioOf: ({ drain, cancelled, backendDeaths }) =>
      varied(liveScenario({ drain, cancelled }), { backendKills: backendDeaths }),
    session: './live.session.jsonl',
    maxTries,
  });
}

/** Line numbers, from 1, of the beginning and the end of the `count`th step of this name. */
export function placeOf(files: TraceFiles, file: string, step: string, count = 1): { begin: number; end: number } {
  const lines = (files.get(file) ?? []).map((line) => JSON.parse(line) as Line);
  const begin = lines.map(({ begin }, i) => (begin === step ? i : -1)).filter((i) => i >= 0)[count - 1];
  if (begin === undefined) throw new Error(`${file}: expected ${step} ${count} times`);
  const end = lines.findIndex(({ of }) => of === lines[begin]?.at);
  return { begin: begin + 1, end: end + 1 };
}

/** A copy in which line `number` of a file is another; null takes it away. */
export function changed(
  files: TraceFiles,
  file: string,
  number: number,
  change: (line: Line) => Line | null,
): TraceFiles {
  const copy = new Map([...files].map(([name, lines]) => [name, [...lines]]));
  const lines = copy.get(file) as string[];
  const line = change(JSON.parse(lines[number - 1] as string) as Line);
  lines.splice(number - 1, 1, ...(line === null ? [] : [JSON.stringify(line)]));
  return copy;
}
