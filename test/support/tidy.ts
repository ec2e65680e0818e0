/**
 * Rules of the house that a machine can check. A pure function over source text, like `layers.ts`.
 */
import { blank, importsOf, lineAt, resolveImport, type SourceFile } from './source.js';

export const LINE_LENGTH_MAX = 140;
export const FILE_LINES_MAX = 400;
/** The median length of a file stays below this many lines. */
export const FILE_LINES_MEDIAN = 130;

/** Programs: nobody imports them. */
const ENTRY_POINTS: readonly string[] = ['cli/main.ts', 'bench/main.ts', 'bench/mutants/main.ts', 'viewer/main.ts'];
/** Folders of files that nobody imports: tests, and examples that the command is given. */
const NOT_IMPORTED: readonly string[] = ['test/', 'examples/'];
/** Layers that may print. */
const PRINTING: readonly string[] = ['cli', 'bench', 'test'];

// Spelled in pieces, so that this file passes its own rules.
const UNFINISHED = new RegExp(`\\b(?:TO${'DO'}|FIX${'ME'})\\b`, 'g');
const HALF_A_TEST = /\.(?:only|skip)\s*\(/g;
/** At the outermost level of a file: it would be the limit of all tests, as they run in one process. */
const LIMIT_OF_ALL = /^t\.setTimeout\(/gm;
const PRINT = /\bconsole\s*\.\s*log\b/g;

/** Every breach in `sources`, which must be all sources there are, as `path:line: what is wrong`. */
export function tidyBreaches(sources: readonly SourceFile[]): string[] {
  return [...sources.flatMap(fileBreaches), ...unusedFiles(sources), ...medianBreach(sources)];
}

/** Median number of lines of a file. */
export function medianLines(sources: readonly SourceFile[]): number {
  const lengths = sources.map((file) => lineCount(file.text)).sort((a, b) => a - b);
  return lengths[Math.floor((lengths.length - 1) / 2)] ?? 0;
}

function lineCount(text: string): number {
  return text.replace(/\n$/, '').split('\n').length;
}

function fileBreaches({ path, text }: SourceFile): string[] {
  const { code } = blank(text);
  const found: string[] = [];
  const search = (where: string, pattern: RegExp, message: string): void => {
    for (const hit of where.matchAll(pattern)) found.push(`${path}:${lineAt(where, hit.index)}: ${message}`);
  };
  search(text, new RegExp(`^.{${LINE_LENGTH_MAX + 1},}$`, 'gm'), `longer than ${LINE_LENGTH_MAX} characters`);
  search(text, UNFINISHED, 'left unfinished');
  search(code, HALF_A_TEST, 'runs only part of the tests');
  if (path.endsWith('.test.ts')) search(code, LIMIT_OF_ALL, 'sets the time limit of all tests');
  if (!PRINTING.includes(path.split('/')[0] ?? '')) search(code, PRINT, 'prints');
  const lines = lineCount(text);
  if (lines > FILE_LINES_MAX) found.push(`${path}: ${lines} lines, more than ${FILE_LINES_MAX}`);
  return found;
}

function unusedFiles(sources: readonly SourceFile[]): string[] {
  const used = new Set(ENTRY_POINTS);
  for (const { path, text } of sources) {
    const source = blank(text);
    for (const specifier of importsOf(source)) used.add(resolveImport(path, specifier));
    // A worker or a program of its own is named by its address.
    for (const place of source.withStrings.matchAll(/new URL\(\s*'(\.[^']+\.js)'/g))
      used.add(resolveImport(path, place[1] ?? ''));
  }
  return sources
    .filter(({ path }) => !NOT_IMPORTED.some((folder) => path.startsWith(folder)) && !used.has(path))
    .map(({ path }) => `${path}: imported by nobody`);
}

function medianBreach(sources: readonly SourceFile[]): string[] {
  const median = medianLines(sources);
  return median < FILE_LINES_MEDIAN
    ? []
    : [`the median file has ${median} lines, expected less than ${FILE_LINES_MEDIAN}`];
}
