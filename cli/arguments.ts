/**
 * The words after the name of a command, checked against what the command accepts.
 */
import { parseArgs } from 'node:util';
import { QuiesceError } from '../protocol/errors.js';

export interface OptionSpec {
  /** What the value is, for the help; an option without is a flag. */
  readonly value?: string;
  readonly help: string;
}

export type OptionSpecs = { readonly [name: string]: OptionSpec };

export interface Accepted {
  readonly options: OptionSpecs;
  /** Names of the words that are not options, for messages. Of one that ends in `...` there may be any number. */
  readonly words: readonly string[];
  /** How many of them must be there. */
  readonly required: number;
}

/** Options of every command. */
export const COMMON_OPTIONS: OptionSpecs = {
  help: { help: 'show what the command does and accepts' },
  version: { help: 'show the version' },
};

const SHORT: Readonly<Record<string, string>> = { h: 'help', V: 'version' };

export class Arguments {
  readonly words: readonly string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>, words: readonly string[]) {
    this.#values = values;
    this.words = words;
  }

  flag(name: string): boolean {
    return this.#values.has(name);
  }

  /** Throws `USAGE` when it was given more than once. */
  text(name: string): string | undefined {
    const values = this.texts(name);
    if (values.length <= 1) return values[0];
    throw usage(`--${name}: expected once, found '${values.join("' and '")}'`);
  }

  /** Every value of an option that may be repeated, in the order given. */
  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** Throws `USAGE` for what is not an integer from `minimum` to `maximum`. */
  integer(name: string, range: { readonly minimum: number; readonly maximum: number }): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= range.minimum && value <= range.maximum) return value;
    throw usage(`--${name}: expected an integer from ${range.minimum} to ${range.maximum}, found '${text}'`);
  }

  /** Throws `USAGE` for what is not one of `accepted`. */
  oneOf<T extends string>(name: string, accepted: readonly T[]): T | undefined {
    const text = this.text(name);
    const found = accepted.find((candidate) => candidate === text);
    if (text === undefined || found !== undefined) return found;
    throw usage(`--${name}: expected ${accepted.join(' or ')}, found '${text}'`);
  }
}

/** Throws `USAGE` for an unknown option, a missing value, and words too many or too few. */
export function parseArguments(argv: readonly string[], { options, words, required }: Accepted): Arguments {
  const all: OptionSpecs = { ...options, ...COMMON_OPTIONS };
  const known = Object.keys(all)
    .map((name) => `--${name}`)
    .join(', ');
  const types = Object.entries(all).map(
    ([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }] as const,
  );
  const { tokens } = parseArgs({ args: [...argv], options: Object.fromEntries(types), strict: false, tokens: true });

  const values = new Map<string, string[]>();
  const found: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') found.push(token.value);
    if (token.kind !== 'option') continue;
    const name = token.rawName.startsWith('--') ? token.name : (SHORT[token.name] ?? '');
    const spec = Object.hasOwn(all, name) ? all[name] : undefined;
    if (spec === undefined) throw usage(`unknown option ${token.rawName}; known: ${known}`);
    if (spec.value === undefined) {
      if (token.value !== undefined) throw usage(`--${name} takes no value, found '${token.value}'`);
    } else if (token.value === undefined || token.value === '' || (!token.inlineValue && token.value.startsWith('-'))) {
      throw usage(`--${name}: expected ${spec.value} after it`);
    }
    values.set(name, [...(values.get(name) ?? []), token.value ?? '']);
  }
  const parsed = new Arguments(values, found);
  if (parsed.flag('help') || parsed.flag('version')) return parsed;
  const extra = words.at(-1)?.endsWith('...') === true ? undefined : found[words.length];
  if (extra !== undefined)
    throw usage(
      `unexpected '${extra}'; ${words.length === 0 ? 'only options are accepted' : `expected at most ${words.join(' ')}`}`,
    );
  if (found.length < required) throw usage(`expected ${words[found.length]}`);
  return parsed;
}

export function usage(message: string): QuiesceError {
  return new QuiesceError('USAGE', message);
}
