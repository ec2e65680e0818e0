/**
 * A TPM command with its locality in front: u32 8, u8 locality, u32 size, command; answered with u32 size, response,
 * u32 0. It is TPM_SEND_COMMAND of the reference simulator (microsoft/ms-tpm-20-ref, TPMCmd/Simulator/include/
 * TpmTcpProtocol.h), and swtpm takes it on its data channel too (src/swtpm/tpmlib.c). All integers are big-endian.
 */
import { QuiesceError } from '../errors.js';
import { bigEndian32, TPM_HEADER_SIZE, TPM_RESPONSE_SIZE_MAX } from './header.js';

export const TPM_SEND_COMMAND = 8;
/** Bytes in front of the command. */
export const SEND_COMMAND_HEAD = 9;
/** Bytes in front of the response, and after it. */
export const SEND_COMMAND_SIZE_FIELD = 4;
export const SEND_COMMAND_TAIL = 4;

/** A new array with head and command. */
export function sendCommand(command: Uint8Array, locality: number): Uint8Array {
  const { length } = command;
  const bytes = new Uint8Array(SEND_COMMAND_HEAD + length);
  bytes[3] = TPM_SEND_COMMAND;
  bytes[4] = locality;
  writeBigEndian32(bytes, 5, length);
  bytes.set(command, SEND_COMMAND_HEAD);
  return bytes;
}

/** The answer to `sendCommand`, as a new array: size, response, and a zero for "done". */
export function sentCommandAnswer(response: Uint8Array): Uint8Array {
  const { length } = response;
  const bytes = new Uint8Array(SEND_COMMAND_SIZE_FIELD + length + SEND_COMMAND_TAIL);
  writeBigEndian32(bytes, 0, length);
  bytes.set(response, SEND_COMMAND_SIZE_FIELD);
  return bytes;
}

/**
 * Bytes of the whole answer that begins with `head`, or undefined when its size is not there yet.
 * Throws `BAD_FRAME` for a size that no response has.
 */
export function sentCommandAnswerSize(head: Uint8Array): number | undefined {
  if (head.length < SEND_COMMAND_SIZE_FIELD) return undefined;
  const size = bigEndian32(head, 0);
  if (size >= TPM_HEADER_SIZE && size <= TPM_RESPONSE_SIZE_MAX)
    return SEND_COMMAND_SIZE_FIELD + size + SEND_COMMAND_TAIL;
  throw badAnswer(`${TPM_HEADER_SIZE} to ${TPM_RESPONSE_SIZE_MAX} bytes of response`, `${size} announced`);
}

/** The response in a whole answer, as a new array. Throws `BAD_FRAME` unless size field, length and tail agree. */
export function sentCommandResponse(answer: Uint8Array): Uint8Array {
  const size = answer.length - SEND_COMMAND_SIZE_FIELD - SEND_COMMAND_TAIL;
  const own = bigEndian32(answer, SEND_COMMAND_SIZE_FIELD + 2);
  if (own !== size) throw badAnswer(`a response whose size field says ${size}`, own);
  const tail = bigEndian32(answer, answer.length - SEND_COMMAND_TAIL);
  if (tail !== 0) throw badAnswer('0 after the response', tail);
  return new Uint8Array(answer.subarray(SEND_COMMAND_SIZE_FIELD, SEND_COMMAND_SIZE_FIELD + size));
}

function badAnswer(expected: string, found: number | string): QuiesceError {
  return new QuiesceError('BAD_FRAME', `answer to a TPM command: expected ${expected}, found ${found}`);
}

function writeBigEndian32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
