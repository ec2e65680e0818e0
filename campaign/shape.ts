/**
 * Reading JSON that somebody else may have written: each field is asked for with what it must be, and what it is not
 * ends in one message that names the place.
 */
import { QuiesceError } from '../protocol/errors.js';

export class Shape {
  readonly #root: string;
  readonly #path: string;
  readonly #value: Readonly<Record<string, unknown>>;

  private constructor(root: string, path: string, value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw bad(path === '' ? root : `${root}: ${path}`, 'an object', value);
    this.#root = root;
    this.#path = path;
    this.#value = value as Readonly<Record<string, unknown>>;
  }

  /** Throws `BAD_CAMPAIGN` for what is no JSON object. `name` is what messages call it. */
  static parse(name: string, text: string): Shape {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new QuiesceError('BAD_CAMPAIGN', `${name}: expected JSON, found ${shown(text.slice(0, 40))}`);
    }
    return new Shape(name, '', value);
  }

  get names(): readonly string[] {
    return Object.keys(this.#value);
  }

  at(name: string): Shape {
    return new Shape(this.#root, this.#inside(name), this.#field(name));
  }

  text(name: string): string {
    const value = this.#field(name);
    if (typeof value !== 'string') throw bad(this.#place(name), 'text', value);
    return value;
  }

  matching(name: string, pattern: RegExp): string {
    const value = this.text(name);
    if (!pattern.test(value)) throw bad(this.#place(name), `text like ${pattern.source}`, value);
    return value;
  }

  oneOf<T extends string>(name: string, accepted: readonly T[]): T {
    const value = this.text(name);
    const found = accepted.find((candidate) => candidate === value);
    if (found === undefined) throw bad(this.#place(name), accepted.join(' or '), value);
    return found;
  }

  integer(name: string, minimum: number, maximum: number): number {
    const value = this.#field(name);
    if (!Number.isSafeInteger(value) || (value as number) < minimum || (value as number) > maximum)
      throw bad(this.#place(name), `an integer from ${minimum} to ${maximum}`, value);
    return value as number;
  }

  flag(name: string): boolean {
    const value = this.#field(name);
    if (typeof value !== 'boolean') throw bad(this.#place(name), 'true or false', value);
    return value;
  }

  /** What `read` gives where the field is there. */
  optional<T>(name: string, read: (name: string) => T): T | undefined {
    return this.#field(name) === undefined ? undefined : read(name);
  }

  /** The elements of a list, each an object. */
  list(name: string): readonly Shape[] {
    const value = this.#field(name);
    if (!Array.isArray(value)) throw bad(this.#place(name), 'a list', value);
    return value.map((element, index) => new Shape(this.#root, `${this.#inside(name)}[${index}]`, element));
  }

  integers(name: string, minimum: number, maximum: number): readonly number[] {
    const value = this.#field(name);
    if (!Array.isArray(value)) throw bad(this.#place(name), 'a list', value);
    const wrong = value.findIndex(
      (element) => !Number.isSafeInteger(element) || element < minimum || element > maximum,
    );
    if (wrong >= 0)
      throw bad(`${this.#place(name)}[${wrong}]`, `an integer from ${minimum} to ${maximum}`, value[wrong]);
    return value as readonly number[];
  }

  #place(name: string): string {
    return `${this.#root}: ${this.#inside(name)}`;
  }

  #inside(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }

  #field(name: string): unknown {
    return Object.hasOwn(this.#value, name) ? this.#value[name] : undefined;
  }
}

function bad(place: string, expected: string, found: unknown): QuiesceError {
  return new QuiesceError('BAD_CAMPAIGN', `${place}: expected ${expected}, found ${shown(found)}`);
}

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
