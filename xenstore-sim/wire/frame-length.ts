/**
 * Where a frame ends in what a client has sent.
 */
import { readWord, XS_HEADER_BYTES, XS_PAYLOAD_BYTES_MAX } from '../../protocol/xs-wire.js';
import type { Policy } from '../policy.js';

const LENGTH_AT = 12;
/** In place of a length. */
export const INCOMPLETE = 0;
export const OVERLONG = -1;

/**
 * The bytes of the frame at `at` of `input`, `INCOMPLETE` if they are not all there, or `OVERLONG` if it ends the
 * connection.
 *
 * @param ring Whether the client is at a ring, and not at a socket.
 */
export function frameLength(policy: Policy, ring: boolean, input: Uint8Array, at: number): number {
  const there = input.length - at;
  if (there < XS_HEADER_BYTES) return INCOMPLETE;
  let length = readWord(input, at + LENGTH_AT);
  if (length > XS_PAYLOAD_BYTES_MAX) {
    if (policy.overlongRequest === 'close') return OVERLONG;
    length = XS_PAYLOAD_BYTES_MAX;
  }
  if (length === 0 && policy.emptyPayloadWaits && !ring && there === XS_HEADER_BYTES) return INCOMPLETE;
  return there < XS_HEADER_BYTES + length ? INCOMPLETE : XS_HEADER_BYTES + length;
}

/** Whether `input` ends inside a frame, of which the client owes the rest. A whole frame may wait for other reasons. */
export function endsInside(policy: Policy, ring: boolean, input: Uint8Array): boolean {
  if (input.length === 0 || frameLength(policy, ring, input, 0) !== INCOMPLETE) return false;
  return input.length !== XS_HEADER_BYTES || readWord(input, LENGTH_AT) !== 0;
}
