/**
 * Layouts: typed fields at fixed offsets over a `Memory`.
 *
 * A layout is declared once and serves four masters: the driver that reads the fields, the wire (byte-exact with
 * Xen's headers), the trace (field names in place of addresses) and the viewer (an annotated dump). The state of a
 * driver is declared the same way, because a domain is its memory.
 *
 *     const TpmifSharedPage = layout('tpmif_shared_page', { length: u32, state: u8, locality: u8, pad: u8, nr_extra_pages: u8 });
 *     const page = TpmifSharedPage.view(memory).at(address);
 *     page.state = 1;
 *
 * Fields are placed as a C compiler for x86-64 places them: each at the next multiple of its size. A view is a
 * flyweight: `at` moves it, and no access allocates.
 */
import { assert } from './assert.js';
import type { Memory } from './memory.js';

/** How a field is stored. `T` is what the accessor gives and takes. */
export interface FieldKind<T> {
  readonly kind: 'u8' | 'u16' | 'u32' | 'u64' | 'bool' | 'uint' | 'bytes';
  /** Bytes the field takes. */
  readonly size: number;
  /** Bytes its offset must be a multiple of. */
  readonly align: number;
  /** For `uint`: the bits that are kept by a store. */
  readonly mask: number;
  /** Never set; carries the type. */
  readonly type?: T;
}

export const u8: FieldKind<number> = { kind: 'u8', size: 1, align: 1, mask: 0xff };
export const u16: FieldKind<number> = { kind: 'u16', size: 2, align: 2, mask: 0xffff };
export const u32: FieldKind<number> = { kind: 'u32', size: 4, align: 4, mask: 0xffffffff };
/** 64 bits, read and written as a number; values above 2^53 - 1 lose their low bits. */
export const u64: FieldKind<number> = { kind: 'u64', size: 8, align: 8, mask: 0xffffffff };
/** One byte, 0 or 1. */
export const bool: FieldKind<boolean> = { kind: 'bool', size: 1, align: 1, mask: 1 };

/** An unsigned integer that wraps at 2^`bits` and is stored in 4 bytes: wrap-around within reach of a test. */
export function uint(bits: number): FieldKind<number> {
  assert(bits >= 1 && bits <= 32, `uint: expected 1 to 32 bits, found ${bits}`);
  return { kind: 'uint', size: 4, align: 4, mask: bits === 32 ? 0xffffffff : 2 ** bits - 1 };
}

/** `length` bytes; the accessor gives the address of the first. `align` defaults to 4. */
export function bytes(length: number, align = 4): FieldKind<number> {
  return { kind: 'bytes', size: length, align, mask: 0 };
}

export type Fields = { readonly [name: string]: FieldKind<unknown> };

/** A window on one record in memory. */
export type View<F extends Fields> = {
  -readonly [K in keyof F]: F[K] extends FieldKind<infer T> ? T : never;
} & {
  /** Address of the record in bytes. */
  readonly base: number;
  /** Moves the window; returns itself. */
  at(address: number): View<F>;
};

export interface FieldPlace {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

export interface Layout<F extends Fields> {
  readonly name: string;
  /** Bytes of one record, padded to its largest alignment. */
  readonly size: number;
  readonly offset: { readonly [K in keyof F]: number };
  readonly fields: readonly FieldPlace[];
  /** A new window, at address 0 until moved. */
  view(memory: Memory): View<F>;
}

/** A layout of any fields, for tables of layouts. */
export type AnyLayout = Pick<Layout<Fields>, 'name' | 'size' | 'fields'>;

export function layout<F extends Fields>(name: string, fields: F): Layout<F> {
  const places: FieldPlace[] = [];
  const offset: Record<string, number> = {};
  let end = 0;
  let widest = 1;

  class Window {
    readonly memory: Memory;
    base = 0;
    constructor(memory: Memory) {
      this.memory = memory;
    }
    at(address: number): this {
      this.base = address;
      return this;
    }
  }

  for (const [field, kind] of Object.entries(fields)) {
    const start = Math.ceil(end / kind.align) * kind.align;
    assert(
      !(field in Window.prototype) && field !== 'base' && field !== 'memory',
      `layout ${name}: the field name ${field} is reserved`,
    );
    offset[field] = start;
    places.push({ name: field, offset: start, size: kind.size });
    Object.defineProperty(Window.prototype, field, accessor(kind, start));
    end = start + kind.size;
    widest = Math.max(widest, kind.align);
  }

  return {
    name,
    size: Math.ceil(end / widest) * widest,
    offset: offset as { readonly [K in keyof F]: number },
    fields: places,
    view: (memory) => new Window(memory) as unknown as View<F>,
  };
}

interface Placed {
  readonly memory: Memory;
  readonly base: number;
}

function accessor(kind: FieldKind<unknown>, offset: number): PropertyDescriptor & ThisType<Placed> {
  const mask = kind.mask;
  switch (kind.kind) {
    case 'u8':
      return {
        get() {
          return this.memory.read8(this.base + offset);
        },
        set(value: number) {
          this.memory.write8(this.base + offset, value);
        },
      };
    case 'u16':
      return {
        get() {
          return this.memory.read16(this.base + offset);
        },
        set(value: number) {
          this.memory.write16(this.base + offset, value);
        },
      };
    case 'u32':
      return {
        get() {
          return this.memory.read32(this.base + offset);
        },
        set(value: number) {
          this.memory.write32(this.base + offset, value);
        },
      };
    case 'uint':
      return {
        get() {
          return this.memory.read32(this.base + offset);
        },
        set(value: number) {
          this.memory.write32(this.base + offset, (value & mask) >>> 0);
        },
      };
    case 'u64':
      return {
        get() {
          return this.memory.read32(this.base + offset) + this.memory.read32(this.base + offset + 4) * 0x100000000;
        },
        set(value: number) {
          this.memory.write32(this.base + offset, value % 0x100000000);
          this.memory.write32(this.base + offset + 4, Math.floor(value / 0x100000000));
        },
      };
    case 'bool':
      return {
        get() {
          return this.memory.read8(this.base + offset) !== 0;
        },
        set(value: boolean) {
          this.memory.write8(this.base + offset, value ? 1 : 0);
        },
      };
    case 'bytes':
      return {
        get() {
          return this.base + offset;
        },
      };
  }
}
