/** Reads the marshalled structures of TPM 2.0 from front to back. For recordings that are known to be well formed. */
export class TpmReader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  u8(): number {
    return this.bytes.readUInt8(this.at++);
  }

  u16(): number {
    this.at += 2;
    return this.bytes.readUInt16BE(this.at - 2);
  }

  u32(): number {
    this.at += 4;
    return this.bytes.readUInt32BE(this.at - 4);
  }

  take(length: number): Buffer {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** A TPM2B without its size. */
  sized(): Buffer {
    return this.take(this.u16());
  }

  rest(): Buffer {
    return this.bytes.subarray(this.at);
  }
}

/** `values` as 16-bit sizes with their bytes: TPM2Bs. */
export function sizedBytes(...values: readonly Uint8Array[]): Buffer {
  return Buffer.concat(values.flatMap((value) => [number16(value.length), value]));
}

export function number16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
