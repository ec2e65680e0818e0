/**
 * The two most frequent requests on the shortest way: READ, and WRITE to a node that is there, of a privileged client;
 * here outside of transactions. From the bytes of the request to those of the node, without an object between them.
 *
 * Whatever is not as usual is left to `execute`, which does the same and all the rest.
 */
import { XS_PAYLOAD_BYTES_MAX, type XsHeader, XsType } from '../protocol/xs-wire.js';
import { performInsideDirectly } from './direct-inside.js';
import { PackedTree } from './packed-tree.js';
import { hashesOfLevels, hashPath, nulIn, SLASH } from './path-bytes.js';
import type { Owner } from './path-map.js';
import type { Store } from './store.js';
import { packedTree } from './tree.js';
import type { Output } from './wire/output.js';

/**
 * The store after the request of `connection` with the payload in `input` from `from` to `end`, whose reply is written to
 * `output`. Null, and nothing is done: it is not usual.
 *
 * @param owner Who gives `store` up.
 */
export function performDirectly(
  store: Store,
  owner: Owner,
  connection: number,
  header: XsHeader,
  input: Uint8Array,
  from: number,
  end: number,
  output: Output,
): Store | null {
  const { type, requestId, transactionId } = header;
  if (transactionId !== 0)
    return performInsideDirectly(store, owner, connection, header, input, from, end, output) ? store : null;
  if (type === XsType.READ) return read(store, requestId, input, from, end, output) ? store : null;
  const written = type === XsType.WRITE ? write(store, owner, input, from, end) : null;
  if (written !== null) output.frame(type, requestId, 0, 'OK', 1);
  return written;
}

function read(
  { tree, policy, quota }: Store,
  requestId: number,
  input: Uint8Array,
  from: number,
  end: number,
  output: Output,
): boolean {
  const nul = end - 1;
  const packed = packedTree(tree);
  if (packed === null || input[nul] !== 0 || nul - from < 2 || input[from] !== SLASH) return false;
  if (policy.pathLengthForAll && end - from > quota.quota.pathLength) return false;
  const hash = hashesOfLevels[hashPath(input, from, nul)] as number;
  const bucket = packed.bucket(hash);
  const at = bucket.findText(input, from, nul, hash);
  if (at < 0) return false;
  const length = bucket.valueLength(at);
  if (length > XS_PAYLOAD_BYTES_MAX) return false;
  output.frameOf(XsType.READ, requestId, bucket.bytes, bucket.valueAt(at), length);
  return true;
}

/** It tells nobody: there is no watch on the path or above it. */
function write(store: Store, owner: Owner, input: Uint8Array, from: number, end: number): Store | null {
  const { tree, policy, quota, watches } = store;
  if (!(tree instanceof PackedTree) || policy.rules !== 'c' || input[from] !== SLASH) return null;
  const nul = nulIn(input, from, end);
  if (nul === end || nul - from < 2) return null;
  if (policy.pathLengthForAll && nul - from >= quota.quota.pathLength) return null;
  const levels = hashPath(input, from, nul);
  const hash = hashesOfLevels[levels] as number;
  const bucket = tree.bucket(hash);
  if (bucket.owner !== owner) return null;
  const at = bucket.findText(input, from, nul, hash);
  if (at < 0) return null;
  for (let level = 0; level <= levels; level++) if (watches.mayBeAt(hashesOfLevels[level] as number)) return null;
  const generation = store.generation + 1;
  return bucket.overwrite(at, generation, input, nul + 1, end) ? store.withGeneration(generation) : null;
}
