/**
 * DIRECTORY_PART: the list of children in pieces that fit a payload.
 */
import { XS_PAYLOAD_BYTES_MAX } from '../protocol/xs-wire.js';
import type { Node } from './node.js';
import type { Reply } from './requests.js';

/**
 * The children of `node` from byte `offset` of the list of names on, as many whole names as fit. An offset in the middle
 * of a name begins there, as in the C xenstored.
 */
export function directoryPart(node: Node, offset: number): Reply {
  const generation = generationOf(node);
  const namesMax = XS_PAYLOAD_BYTES_MAX - (generation.length + 1) - 1;
  const names: string[] = [];
  let at = 0;
  let bytes = 0;
  for (const name of node.children) {
    const end = at + name.length + 1;
    if (end > offset) {
      const rest = name.slice(Math.max(0, offset - at));
      if (bytes + rest.length >= namesMax) return { kind: 'part', generation, names, last: false };
      names.push(rest);
      bytes += rest.length + 1;
    }
    at = end;
  }
  return { kind: 'part', generation, names, last: true };
}

/** A number that changes with every change of the node. Where changes are not counted, the hash does. */
function generationOf(node: Node): string {
  if (node.generation !== 0) return String(node.generation);
  return String((BigInt(node.hashHigh >>> 0) << 32n) | BigInt(node.hashLow >>> 0));
}
