/** Reading the parameters of a command and writing those of a response: big-endian, TPM2B = 16-bit size and bytes. */
import { bigEndian16, bigEndian32 } from '../../../protocol/tpm/header.js';
import { TPM_RC, withParameter } from '../../../protocol/tpm/response-codes.js';
import { type HashAlgorithm, hashById } from './hash.js';

/** The command ends with this response code. Thrown by the model's commands, caught where they are dispatched. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly responseCode: number;

  constructor(responseCode: number) {
    super(`response code 0x${responseCode.toString(16)}`);
    this.responseCode = responseCode;
  }
}

/** Takes values from the front of `bytes`. What is not there, or not allowed, ends the command. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** `blame` adds to a code which handle, session or parameter is at fault. */
  u8(blame: Blame): number {
    return this.#bytes[this.#take(1, blame)] as number;
  }

  u16(blame: Blame): number {
    return bigEndian16(this.#bytes, this.#take(2, blame));
  }

  u32(blame: Blame): number {
    return bigEndian32(this.#bytes, this.#take(4, blame));
  }

  /** `length` bytes, as a copy. */
  bytes(length: number, blame: Blame): Uint8Array {
    const start = this.#take(length, blame);
    return this.#bytes.slice(start, start + length);
  }

  /** The bytes of a TPM2B, of which there may be `maximum`. */
  sized(maximum: number, blame: Blame): Uint8Array {
    const size = this.u16(blame);
    if (size > maximum) throw new Refusal(blame(TPM_RC.SIZE));
    return this.bytes(size, blame);
  }

  /** A TPM_ALG_ID that must be a hash of this model. */
  hash(blame: Blame): HashAlgorithm {
    const hash = hashById(this.u16(blame));
    if (hash === undefined) throw new Refusal(blame(TPM_RC.HASH));
    return hash;
  }

  /** Nothing may be left. Every command calls this before it changes state. */
  end(): void {
    if (this.left !== 0) throw new Refusal(TPM_RC.SIZE);
  }

  #take(length: number, blame: Blame): number {
    if (length > this.left) throw new Refusal(blame(TPM_RC.INSUFFICIENT));
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

/** Turns a bare code of format one into one that names the culprit. */
export type Blame = (code: number) => number;

/** Blames parameter `number`. */
export function parameter(number: number): Blame {
  return (code) => withParameter(code, number);
}

/** Collects values; grows as needed. */
export class Writer {
  readonly #bytes: number[] = [];

  u8(value: number): this {
    this.#bytes.push(value & 0xff);
    return this;
  }

  u16(value: number): this {
    return this.u8(value >>> 8).u8(value);
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  bytes(value: Uint8Array): this {
    for (const byte of value) this.#bytes.push(byte);
    return this;
  }

  /** A TPM2B. */
  sized(value: Uint8Array): this {
    return this.u16(value.length).bytes(value);
  }

  get done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** `bytes` without the zeros at their end: authorisation values are compared like this (part 1, "authValue"). */
export function withoutTrailingZeros(bytes: Uint8Array): Uint8Array {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length--;
  return bytes.slice(0, length);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
