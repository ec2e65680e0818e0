/**
 * A vTPM's state as one row of bytes, for a socket or a file. All integers are big-endian.
 *
 *     0   4   'QVTS'
 *     4   1   version: 1
 *     5   1   device: 1 swtpm, 2 model
 *     6   1   blobs that are there: 1 permanent, 2 volatile, 4 savestate
 *     7   1   0
 *     8  16   generation
 *    24       for each blob that is there: u32 length, 32 bytes of SHA-256 (`StateBlob.digest`), the bytes
 */
import { QuiesceError } from '../../protocol/errors.js';
import { bigEndian32 } from '../../protocol/tpm/header.js';
import {
  STATE_BLOB_KINDS,
  STATE_BLOB_SIZE_MAX,
  type StateBlob,
  type StateBlobKind,
  type VtpmDeviceKind,
  type VtpmState,
} from './vtpm-state.js';

const MAGIC = 0x51565453;
const VERSION = 1;
const DEVICES: readonly VtpmDeviceKind[] = ['swtpm', 'model'];
const HEAD = 24;
const GENERATION_AT = 8;
const DIGEST_BYTES = 32;
const BLOB_HEAD = 4 + DIGEST_BYTES;

/** Bytes of the longest state. */
export const STATE_STREAM_SIZE_MAX = HEAD + STATE_BLOB_KINDS.length * (BLOB_HEAD + STATE_BLOB_SIZE_MAX);

export function encodeState(state: VtpmState): Uint8Array {
  const blobs = STATE_BLOB_KINDS.flatMap((kind) => state[kind] ?? []);
  const bytes = Buffer.alloc(blobs.reduce((sum, blob) => sum + BLOB_HEAD + blob.bytes.length, HEAD));
  bytes.writeUInt32BE(MAGIC, 0);
  bytes[4] = VERSION;
  bytes[5] = 1 + DEVICES.indexOf(state.device);
  bytes[6] = blobs.reduce((mask, blob) => mask | bitOf(blob.kind), 0);
  bytes.write(state.generation, GENERATION_AT, 'hex');
  let at = HEAD;
  for (const blob of blobs) {
    bytes.writeUInt32BE(blob.bytes.length, at);
    bytes.write(blob.digest, at + 4, 'hex');
    bytes.set(blob.bytes, at + BLOB_HEAD);
    at += BLOB_HEAD + blob.bytes.length;
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * The state in `bytes`, which hold nothing else. Throws `BAD_STATE_STREAM`. Whether the blobs are whole and belong together
 * is for `checkState` to say, which every device asks before it takes over a state.
 */
export function decodeState(bytes: Uint8Array): VtpmState {
  if (bytes.length < HEAD) bad(`${HEAD} bytes at least`, bytes.length);
  if (bigEndian32(bytes, 0) !== MAGIC) bad('the state of a vTPM', 'other bytes');
  if (bytes[4] !== VERSION) bad(`version ${VERSION}`, bytes[4] ?? 0);
  const device = DEVICES[(bytes[5] ?? 0) - 1];
  if (device === undefined) bad('device 1 or 2', bytes[5] ?? 0);
  const present = bytes[6] ?? 0;
  if (present > 7 || (present & bitOf('permanent')) === 0) bad('a permanent blob', `blobs ${present}`);
  if (bytes[7] !== 0) bad('0 in byte 7', bytes[7] ?? 0);
  const generation = hex(bytes.subarray(GENERATION_AT, HEAD));
  let at = HEAD;
  const take = (kind: StateBlobKind): StateBlob | null => {
    if ((present & bitOf(kind)) === 0) return null;
    if (bytes.length - at < BLOB_HEAD) bad(`a ${kind} blob`, `the end after ${bytes.length} bytes`);
    const length = bigEndian32(bytes, at);
    const start = at + BLOB_HEAD;
    if (length > STATE_BLOB_SIZE_MAX || length > bytes.length - start)
      bad(`a ${kind} blob of ${length} bytes`, `${bytes.length - start} bytes`);
    at = start + length;
    return {
      kind,
      generation,
      digest: hex(bytes.subarray(start - DIGEST_BYTES, start)),
      bytes: new Uint8Array(bytes.subarray(start, at)),
    };
  };
  const permanent = take('permanent') as StateBlob;
  const state: VtpmState = { device, generation, permanent, volatile: take('volatile'), savestate: take('savestate') };
  if (at !== bytes.length) bad(`the end after ${at} bytes`, `${bytes.length} bytes`);
  return state;
}

function bitOf(kind: StateBlobKind): number {
  return 1 << STATE_BLOB_KINDS.indexOf(kind);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function bad(expected: string, found: number | string): never {
  throw new QuiesceError('BAD_STATE_STREAM', `state of a vTPM: expected ${expected}, found ${found}`);
}
