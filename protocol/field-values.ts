/**
 * The values of a record's fields, and which of them have changed since they were last looked at.
 */
import type { FieldPlace } from './layout.js';
import type { Memory } from './memory.js';

/** A field under the name by which it is told. */
export interface NamedField {
  readonly name: string;
  readonly address: number;
  /** 1, 2 or 4 bytes. */
  readonly size: number;
}

/** The numbers of a record at `base`: fields of other sizes and those in `without` are left out. */
export function namedFields(
  prefix: string,
  fields: readonly FieldPlace[],
  base: number,
  without: readonly string[] = [],
): readonly NamedField[] {
  return fields
    .filter(({ name, size }) => (size === 1 || size === 2 || size === 4) && !without.includes(name))
    .map(({ name, offset, size }) => ({ name: `${prefix}.${name}`, address: base + offset, size }));
}

export function fieldValue(memory: Memory, { address, size }: NamedField): number {
  return size === 1 ? memory.read8(address) : size === 2 ? memory.read16(address) : memory.read32(address);
}

export class FieldWatch {
  readonly #memory: Memory;
  readonly #fields: readonly NamedField[];
  readonly #values: number[];

  constructor(memory: Memory, fields: readonly NamedField[]) {
    this.#memory = memory;
    this.#fields = fields;
    this.#values = fields.map((field) => fieldValue(memory, field));
  }

  /** Fields that are not what they were, with their values; null where all are. */
  changed(): { readonly [field: string]: number } | null {
    let found: { [field: string]: number } | null = null;
    for (let i = 0; i < this.#fields.length; i++) {
      const field = this.#fields[i] as NamedField;
      const value = fieldValue(this.#memory, field);
      if (value === this.#values[i]) continue;
      this.#values[i] = value;
      found ??= {};
      found[field.name] = value;
    }
    return found;
  }
}
