/**
 * The control channel of swtpm, byte for byte: requests and responses of the "proxy TPM" interface
 * (swtpm, include/swtpm/tpm_ioctl.h and src/swtpm/ctrlchannel.c, tag v0.7.1; the sizes of the responses were measured on
 * that version, before CMD_INIT, while running and after STOP).
 *
 * A request is a 32-bit code and a body whose layout the code decides; a response is a body alone, so whoever reads it
 * must know what was asked. All integers are big-endian. swtpm reads one request at a time: a second one in the same
 * write is lost.
 */
import { QuiesceError } from '../errors.js';
import { bigEndian32 } from './header.js';

/** Codes of the requests, by the names of tpm_ioctl.h without CMD_. */
export const PTM_CMD = {
  GET_CAPABILITY: 0x01,
  INIT: 0x02,
  SHUTDOWN: 0x03,
  GET_TPMESTABLISHED: 0x04,
  SET_LOCALITY: 0x05,
  HASH_START: 0x06,
  HASH_DATA: 0x07,
  HASH_END: 0x08,
  CANCEL_TPM_CMD: 0x09,
  STORE_VOLATILE: 0x0a,
  RESET_TPMESTABLISHED: 0x0b,
  GET_STATEBLOB: 0x0c,
  SET_STATEBLOB: 0x0d,
  STOP: 0x0e,
  GET_CONFIG: 0x0f,
  SET_DATAFD: 0x10,
  SET_BUFFERSIZE: 0x11,
  GET_INFO: 0x12,
  LOCK_STORAGE: 0x13,
} as const satisfies Record<string, number>;

export type PtmCommandName = keyof typeof PTM_CMD;

/** Bits of GET_CAPABILITY. */
export const PTM_CAP = {
  INIT: 1 << 0,
  SHUTDOWN: 1 << 1,
  GET_TPMESTABLISHED: 1 << 2,
  SET_LOCALITY: 1 << 3,
  HASHING: 1 << 4,
  CANCEL_TPM_CMD: 1 << 5,
  STORE_VOLATILE: 1 << 6,
  RESET_TPMESTABLISHED: 1 << 7,
  GET_STATEBLOB: 1 << 8,
  SET_STATEBLOB: 1 << 9,
  STOP: 1 << 10,
  GET_CONFIG: 1 << 11,
  SET_DATAFD: 1 << 12,
  SET_BUFFERSIZE: 1 << 13,
  GET_INFO: 1 << 14,
  /** Commands on the data channel may carry a locality in front. */
  SEND_COMMAND_HEADER: 1 << 15,
  LOCK_STORAGE: 1 << 16,
} as const satisfies Record<string, number>;

/** Results: codes of TPM 1.2, also where the TPM is a 2.0 (libtpms, include/libtpms/tpm_error.h). */
export const PTM_RESULT = {
  SUCCESS: 0,
  BAD_PARAMETER: 0x03,
  FAIL: 0x09,
  /** No such request, or not in this state: before INIT, after STOP, or while running. */
  BAD_ORDINAL: 0x0a,
  KEY_NOT_FOUND: 0x0d,
  DECRYPT_ERROR: 0x21,
  BAD_LOCALITY: 0x3d,
  /** Of GET_STATEBLOB: there is no such blob. */
  RETRY: 0x800,
} as const satisfies Record<string, number>;

/** Flag of INIT: the volatile state is deleted once it has been read. */
export const PTM_INIT_FLAG_DELETE_VOLATILE = 1;

/** Numbers of the blobs. */
export const PTM_BLOB = { permanent: 1, volatile: 2, savestate: 3 } as const;

/** Bytes before the data in the response to GET_STATEBLOB. */
export const STATE_BLOB_HEAD = 16;
/** More than this in one response is refused: no state or description is as long. */
export const PTM_RESPONSE_SIZE_MAX = 4 * 1024 * 1024;

/** A request whose body is a row of 32-bit words, followed by `bytes`. */
export function ptmRequest(name: PtmCommandName, words: readonly number[] = [], bytes?: Uint8Array): Uint8Array {
  const request = new Uint8Array(4 + 4 * words.length + (bytes?.length ?? 0));
  const view = new DataView(request.buffer);
  view.setUint32(0, PTM_CMD[name]);
  words.forEach((word, i) => {
    view.setUint32(4 + 4 * i, word);
  });
  if (bytes !== undefined) request.set(bytes, 4 + 4 * words.length);
  return request;
}

export const initRequest = (flags: number): Uint8Array => ptmRequest('INIT', [flags]);

/** `locality` 0 to 4; swtpm answers BAD_LOCALITY to others. */
export const setLocalityRequest = (locality: number): Uint8Array =>
  ptmRequest('SET_LOCALITY', [], Uint8Array.of(locality));

/** The part of a blob from `offset` on. */
export const getStateBlobRequest = (blob: number, offset: number): Uint8Array =>
  ptmRequest('GET_STATEBLOB', [0, blob, offset]);

export const setStateBlobRequest = (blob: number, bytes: Uint8Array): Uint8Array =>
  ptmRequest('SET_STATEBLOB', [0, blob, bytes.length], bytes);

/** `size` 0 asks for the size; others are refused while the TPM runs. */
export const setBufferSizeRequest = (size: number): Uint8Array => ptmRequest('SET_BUFFERSIZE', [size]);

/** `flags` 1: specification, 2: attributes, 4: keys. */
export const getInfoRequest = (flags: number, offset: number): Uint8Array =>
  ptmRequest('GET_INFO', [0, flags, offset, 0]);

/**
 * Bytes of the whole response to `name` that begins with `head`; undefined when more of it is needed to tell.
 * Throws `BAD_FRAME` for a length that no swtpm sends.
 */
export function ptmResponseSize(name: PtmCommandName, head: Uint8Array): number | undefined {
  if (name === 'GET_CAPABILITY') return 8;
  if (head.length < 4) return undefined;
  const result = bigEndian32(head, 0);
  if (name === 'GET_STATEBLOB') {
    if (result === PTM_RESULT.BAD_ORDINAL) return 4;
    return head.length < STATE_BLOB_HEAD ? undefined : bounded(name, STATE_BLOB_HEAD + bigEndian32(head, 12));
  }
  if (result !== PTM_RESULT.SUCCESS) return 4;
  switch (name) {
    case 'GET_TPMESTABLISHED':
    case 'GET_CONFIG':
      return 8;
    case 'SET_BUFFERSIZE':
      return 16;
    case 'GET_INFO':
      return head.length < 12 ? undefined : bounded(name, 12 + bigEndian32(head, 8));
    default:
      return 4;
  }
}

function bounded(name: PtmCommandName, size: number): number {
  if (size <= PTM_RESPONSE_SIZE_MAX) return size;
  throw new QuiesceError(
    'BAD_FRAME',
    `control channel: expected at most ${PTM_RESPONSE_SIZE_MAX} bytes in the response to ${name}, found ${size} announced`,
  );
}

/** The first word of a whole response: `PTM_RESULT`. GET_CAPABILITY has none in older versions, and 0 there in newer ones. */
export function ptmResult(response: Uint8Array): number {
  return bigEndian32(response, 0);
}

/** `PTM_CAP` bits. */
export function readCapability(response: Uint8Array): number {
  return bigEndian32(response, 4);
}

export interface StateBlobPart {
  readonly result: number;
  /** Bytes of the whole blob from offset 0 on. */
  readonly total: number;
  readonly bytes: Uint8Array;
}

export function readStateBlob(response: Uint8Array): StateBlobPart {
  const result = ptmResult(response);
  if (response.length < STATE_BLOB_HEAD) return { result, total: 0, bytes: new Uint8Array(0) };
  return { result, total: bigEndian32(response, 8), bytes: new Uint8Array(response.subarray(STATE_BLOB_HEAD)) };
}

export interface BufferSizes {
  readonly now: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** Of a SET_BUFFERSIZE that succeeded. */
export function readBufferSizes(response: Uint8Array): BufferSizes {
  return { now: bigEndian32(response, 4), minimum: bigEndian32(response, 8), maximum: bigEndian32(response, 12) };
}

/** The JSON text of a GET_INFO that succeeded, without the nul at its end. */
export function readInfo(response: Uint8Array): string {
  return new TextDecoder().decode(response.subarray(12)).replace(/\0+$/, '');
}

/** Of a GET_TPMESTABLISHED that succeeded. */
export function readEstablished(response: Uint8Array): boolean {
  return response[4] !== 0;
}

const nameByCode = new Map(Object.entries(PTM_CMD).map(([name, code]) => [code as number, name as PtmCommandName]));

/** The name of a request's code, or undefined. */
export function ptmCommandName(code: number): PtmCommandName | undefined {
  return nameByCode.get(code);
}

/** Bytes of each request's body, after its code; those with data say how much in the last word counted here. */
const REQUEST_BODY: Readonly<Partial<Record<PtmCommandName, number>>> = {
  INIT: 4,
  SET_LOCALITY: 1,
  HASH_DATA: 4,
  RESET_TPMESTABLISHED: 1,
  GET_STATEBLOB: 12,
  SET_STATEBLOB: 12,
  SET_BUFFERSIZE: 4,
  GET_INFO: 16,
  LOCK_STORAGE: 4,
};

/**
 * Bytes of the whole request that begins with `head`, its code included; undefined when more of it is needed to tell, or
 * when the code is unknown and `head` has 4 bytes or more: then nobody can say where it ends.
 */
export function ptmRequestSize(head: Uint8Array): number | undefined {
  if (head.length < 4) return undefined;
  const name = ptmCommandName(bigEndian32(head, 0));
  if (name === undefined) return undefined;
  const fixed = 4 + (REQUEST_BODY[name] ?? 0);
  if (name !== 'HASH_DATA' && name !== 'SET_STATEBLOB') return fixed;
  return head.length < fixed ? undefined : fixed + bigEndian32(head, fixed - 4);
}
