/**
 * A state of a TPM in a file, with the number and the response of the command executed last: so that whoever comes after
 * a crash knows which command the state has seen, and can give its answer again. All integers are big-endian.
 *
 *     0   4   'QVTC'
 *     4   1   version: 1
 *     5   1   1 if the last command was numbered
 *     6   2   0
 *     8   4   its number
 *    12   4   length of its response, 0 before the first command
 *    16       the response, then the state as `encodeState` has it; then 32 bytes of SHA-256 over all that
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { QuiesceError } from '../../protocol/errors.js';
import { bigEndian32, TPM_RESPONSE_SIZE_MAX } from '../../protocol/tpm/header.js';
import { decodeState, encodeState } from './state-stream.js';
import type { VtpmState } from './vtpm-state.js';

export interface LastExecuted {
  /** Its number in the sequenced protocol; null if it had none. */
  readonly sequence: number | null;
  readonly response: Uint8Array;
}

export interface Checkpoint {
  /** Null before the first command. */
  readonly last: LastExecuted | null;
  readonly state: VtpmState;
}

const MAGIC = 0x51565443;
const VERSION = 1;
const HEAD = 16;
const DIGEST_BYTES = 32;

export function encodeCheckpoint({ last, state }: Checkpoint): Uint8Array {
  const head = Buffer.alloc(HEAD);
  head.writeUInt32BE(MAGIC, 0);
  head[4] = VERSION;
  head[5] = last === null || last.sequence === null ? 0 : 1;
  head.writeUInt32BE(last?.sequence ?? 0, 8);
  head.writeUInt32BE(last?.response.length ?? 0, 12);
  const body = Buffer.concat([head, last?.response ?? Buffer.alloc(0), encodeState(state)]);
  return Buffer.concat([body, digestOf(body)]);
}

/** Throws `BAD_STATE_STREAM` unless `bytes` are a whole checkpoint. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const end = bytes.length - DIGEST_BYTES;
  if (end < HEAD || !digestOf(bytes.subarray(0, end)).equals(bytes.subarray(end)))
    bad('one whose SHA-256 is the one it ends with', `${bytes.length} bytes with another`);
  if (bigEndian32(bytes, 0) !== MAGIC || bytes[4] !== VERSION) bad(`version ${VERSION}`, 'other bytes');
  const length = bigEndian32(bytes, 12);
  if (length > TPM_RESPONSE_SIZE_MAX || HEAD + length > end) bad('a response', `${length} bytes announced`);
  const sequence = bytes[5] === 0 ? null : bigEndian32(bytes, 8);
  const response = new Uint8Array(bytes.subarray(HEAD, HEAD + length));
  const state = decodeState(bytes.subarray(HEAD + length, end));
  return { last: length === 0 ? null : { sequence, response }, state };
}

/** Replaces the checkpoint in `file`: whole or not at all, whenever this process ends. Throws what the file system says. */
export function writeCheckpoint(file: string, checkpoint: Checkpoint): void {
  const part = `${file}.new`;
  try {
    writeFileSync(part, encodeCheckpoint(checkpoint), { mode: 0o600 });
    renameSync(part, file);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

/** The checkpoint in `file`, or null when there is none. Throws `BAD_STATE_STREAM`. */
export function readCheckpoint(file: string): Checkpoint | null {
  try {
    return decodeCheckpoint(readFileSync(file));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function digestOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function bad(expected: string, found: string): never {
  throw new QuiesceError('BAD_STATE_STREAM', `checkpoint of a vTPM: expected ${expected}, found ${found}`);
}
