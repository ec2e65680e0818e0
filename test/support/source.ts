/**
 * Just enough of a TypeScript scanner for tests on source text: it tells code from comments and from the insides of
 * strings, and keeps every character at its place. It does not parse; a regular expression is recognised by what
 * stands before it, which is right for formatted code.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Top-level folders with sources. */
export const SOURCE_FOLDERS: readonly string[] = [
  'protocol',
  'platform',
  'hypervisor',
  'xenstore-sim',
  'frontend',
  'backend',
  'simulator',
  'scenarios',
  'library',
  'campaign',
  'examples',
  'live',
  'viewer',
  'cli',
  'bench',
  'test',
];

export interface SourceFile {
  /** Relative to the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Every `.ts` below the source folders of `root`, sorted by path. */
export function readSources(root: string): SourceFile[] {
  const present = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return present
    .filter((folder) => SOURCE_FOLDERS.includes(folder.name))
    .flatMap((folder) =>
      readdirSync(`${root}/${folder.name}`, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !name.includes('node_modules'))
        .map((name) => `${folder.name}/${name.replaceAll('\\', '/')}`),
    )
    .sort()
    .map((path) => ({ path, text: readFileSync(`${root}/${path}`, 'utf8') }));
}

export interface BlankedSource {
  /** The text with comments turned into spaces. */
  readonly withStrings: string;
  /** The same, and the insides of strings and regular expressions too. Code inside `${}` stays. */
  readonly code: string;
}

// One alternative for each thing that may hold what looks like another.
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const STRING = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/y;
const REGEXP = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
/** Before a regular expression; after anything else `/` divides. */
const BEFORE_REGEXP = /(?:^|[=(,:;!&|?{}[+*%<>~^-]|=>|\b(?:return|case|typeof|in|of|yield|await))\s*$/;

export function blank(text: string): BlankedSource {
  const withStrings = [...Array(text.length).keys()].map((i) => text.charAt(i));
  const code = [...withStrings];
  /** For each open template literal: how many braces are open in its current `${}`. */
  const templates: number[] = [];
  let at = 0;

  const erase = (target: string[], from: number, to: number): void => {
    for (let i = from; i < to; i++) if (target[i] !== '\n') target[i] = ' ';
  };
  const match = (pattern: RegExp): number => {
    pattern.lastIndex = at;
    return pattern.test(text) ? pattern.lastIndex : -1;
  };
  const mayBeRegExp = (): boolean => BEFORE_REGEXP.test(code.slice(Math.max(0, at - 40), at).join(''));
  /** Skips the literal part of a template from `at` on, up to its end or to the next `${`. */
  const template = (): void => {
    const start = at;
    while (at < text.length && text[at] !== '`' && !(text[at] === '$' && text[at + 1] === '{')) {
      at += text[at] === '\\' ? 2 : 1;
    }
    erase(code, start, Math.min(at, text.length));
    if (text[at] === '$') {
      templates.push(0);
      at += 2;
    } else {
      at += 1;
    }
  };

  while (at < text.length) {
    const first = text[at];
    const comment = first === '/' ? match(COMMENT) : -1;
    if (comment >= 0) {
      erase(withStrings, at, comment);
      erase(code, at, comment);
      at = comment;
      continue;
    }
    const literal =
      first === "'" || first === '"' ? match(STRING) : first === '/' && mayBeRegExp() ? match(REGEXP) : -1;
    if (literal >= 0) {
      erase(code, at + 1, literal - 1);
      at = literal;
      continue;
    }
    at += 1;
    if (first === '`') {
      template();
    } else if (templates.length > 0 && first === '{') {
      templates.push((templates.pop() ?? 0) + 1);
    } else if (templates.length > 0 && first === '}') {
      const open = templates.pop() ?? 0;
      if (open > 0) templates.push(open - 1);
      else template();
    }
  }
  return { withStrings: withStrings.join(''), code: code.join('') };
}

/** What a source names after `from`, `import` and `import(`. */
export function importsOf(source: BlankedSource): string[] {
  const found: string[] = [];
  for (const place of source.code.matchAll(/\b(?:from|import)\s*\(?\s*(['"])\s*\1/g)) {
    const end = place.index + place[0].length - 1;
    const start = source.code.lastIndexOf(place[1] ?? "'", end - 1) + 1;
    found.push(source.withStrings.slice(start, end));
  }
  return found;
}

/** `specifier` as written in the file `path`, from the root of the repository, as `.ts`. Packages come back as they are. */
export function resolveImport(path: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return new URL(specifier, `file:///${path}`).pathname.slice(1).replace(/\.js$/, '.ts');
}

/** Line number, from 1, of a position in `text`. */
export function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}
