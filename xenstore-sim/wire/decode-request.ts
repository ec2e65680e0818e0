/**
 * The request in a frame.
 */
import { binaryString, XsType } from '../../protocol/xs-wire.js';
import type { Policy } from '../policy.js';
import type { Request } from '../requests.js';
import { parseRequest } from './parse-request.js';

/** The request of type `type` whose payload lies in `input` from `from` to `end`. */
export function decodeRequest(policy: Policy, type: number, input: Uint8Array, from: number, end: number): Request {
  return (
    (type === XsType.WRITE ? decodeWrite(input, from, end) : null) ??
    parseRequest(policy, type, binaryString(input, from, end))
  );
}

/** A WRITE, with path and value as strings of their own. Null if there is no nul. */
function decodeWrite(input: Uint8Array, from: number, end: number): Request | null {
  let nul = from;
  while (nul < end && input[nul] !== 0) nul++;
  if (nul === end) return null;
  return { type: 'write', path: binaryString(input, from, nul), value: binaryString(input, nul + 1, end) };
}
