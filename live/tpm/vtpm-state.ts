/**
 * The state of a vTPM outside of it: up to three blobs, taken together.
 *
 * swtpm checks blobs neither against each other nor, without a key, against damage: it accepts a permanent blob of
 * yesterday with a volatile one of today, and about half of all single-bit errors in the permanent one (measured on
 * swtpm 0.7.1). So each blob carries here the generation of the `saveState` that made it, and a SHA-256 over what kind
 * it is, which others belong to it, that generation and its bytes. Wherever blobs have been stored and put together
 * again, `checkState` tells whether they belong together, are whole, and none is missing.
 */
import { createHash, randomUUID } from 'node:crypto';
import { QuiesceError } from '../../protocol/errors.js';

/** Who can take over a state. */
export type VtpmDeviceKind = 'swtpm' | 'model';

/** As swtpm names them. A TPM 2.0 never has a savestate; stores of three keys, such as xapi-guard's, have a place for it. */
export type StateBlobKind = 'permanent' | 'volatile' | 'savestate';
export const STATE_BLOB_KINDS: readonly StateBlobKind[] = ['permanent', 'volatile', 'savestate'];

/** Bytes that a blob may have: as much as swtpm's storage takes of one (1 MiB). */
export const STATE_BLOB_SIZE_MAX = 1024 * 1024;

export interface StateBlob {
  readonly kind: StateBlobKind;
  /** 32 hexadecimal digits, the same in all blobs of one `saveState` and in no others. */
  readonly generation: string;
  readonly bytes: Uint8Array;
  /** 64 hexadecimal digits: SHA-256 over device kind, blob kind, the kinds that were saved together, generation and bytes. */
  readonly digest: string;
}

export interface VtpmState {
  readonly device: VtpmDeviceKind;
  readonly generation: string;
  readonly permanent: StateBlob;
  /** Null when the TPM had none: it was not running. */
  readonly volatile: StateBlob | null;
  readonly savestate: StateBlob | null;
}

export type StateBytes = Readonly<Record<StateBlobKind, Uint8Array | null>> & { readonly permanent: Uint8Array };

/** Blobs that were read together, as one new generation. */
export function newState(device: VtpmDeviceKind, bytes: StateBytes): VtpmState {
  // Of a supply of random bytes; asking the system each time takes ten times as long.
  const generation = randomUUID().replaceAll('-', '');
  const set = kindsOf(bytes);
  const blob = (kind: StateBlobKind, data: Uint8Array): StateBlob => ({
    kind,
    generation,
    bytes: data,
    digest: digestOf(`${device} ${kind} of ${set}, ${generation}`, data),
  });
  return {
    device,
    generation,
    permanent: blob('permanent', bytes.permanent),
    volatile: bytes.volatile === null ? null : blob('volatile', bytes.volatile),
    savestate: bytes.savestate === null ? null : blob('savestate', bytes.savestate),
  };
}

/**
 * Throws `BAD_STATE_BLOB` unless the state is for `device` and its blobs are of one generation, all there, in their
 * places, whole, and neither empty (which swtpm takes for "make a new TPM") nor longer than `STATE_BLOB_SIZE_MAX`.
 */
export function checkState(state: VtpmState, device: VtpmDeviceKind): void {
  if (state.device !== device)
    refuse(`expected the state of a ${device} device, found that of a ${state.device} device`);
  for (const kind of STATE_BLOB_KINDS) {
    const blob = state[kind];
    if (blob !== null) checkBlob(blob, kind, state);
  }
}

function checkBlob(blob: StateBlob, kind: StateBlobKind, state: VtpmState): void {
  if (blob.kind !== kind) refuse(`expected a ${kind} blob, found a ${blob.kind} blob in its place`);
  if (blob.generation !== state.generation) {
    refuse(
      `expected all blobs of generation ${state.generation}, found a ${kind} blob of generation ${blob.generation}: ` +
        'take all blobs from one save',
    );
  }
  const { length } = blob.bytes;
  if (length === 0 || length > STATE_BLOB_SIZE_MAX)
    refuse(`expected 1 to ${STATE_BLOB_SIZE_MAX} bytes in the ${kind} blob, found ${length}`);
  if (digestOf(`${state.device} ${kind} of ${kindsOf(state)}, ${blob.generation}`, blob.bytes) !== blob.digest) {
    refuse(
      `the ${kind} blob of generation ${blob.generation} is damaged, or one that was saved with it is missing: its ` +
        'SHA-256 is not the one it was saved with',
    );
  }
}

/** The kinds that are there, as a text. */
function kindsOf(state: Readonly<Record<StateBlobKind, unknown>>): string {
  return STATE_BLOB_KINDS.filter((kind) => state[kind] !== null).join('+');
}

function digestOf(label: string, bytes: Uint8Array): string {
  return createHash('sha256').update(`quiesce vTPM state: ${label}\n`).update(bytes).digest('hex');
}

function refuse(what: string): never {
  throw new QuiesceError('BAD_STATE_BLOB', `vTPM state refused: ${what}`);
}
