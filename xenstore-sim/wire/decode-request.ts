/**
 * The request in a frame.
 */
import { binaryString, XsType } from '../../protocol/xs-wire.js';
import type { Policy } from '../policy.js';
import type { Request } from '../requests.js';
import type { Tree } from '../tree.js';
import { parseRequest } from './parse-request.js';

/** The request of type `type` whose payload lies in `input` from `from` to `end`. */
export function decodeRequest(
  policy: Policy,
  tree: Tree,
  type: number,
  input: Uint8Array,
  from: number,
  end: number,
): Request {
  return (
    (type === XsType.WRITE ? decodeWrite(tree, input, from, end) : null) ??
    parseRequest(policy, type, binaryString(input, from, end))
  );
}

/** A WRITE, with the path looked up where it lies, and the value as a string of its own. Null if there is no nul. */
function decodeWrite(tree: Tree, input: Uint8Array, from: number, end: number): Request | null {
  let nul = from;
  while (nul < end && input[nul] !== 0) nul++;
  if (nul === end) return null;
  const path = tree.find(input, from, nul)?.path ?? binaryString(input, from, nul);
  return { type: 'write', path, value: binaryString(input, nul + 1, end) };
}
