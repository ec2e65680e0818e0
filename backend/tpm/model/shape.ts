/** The state of the model as layouts in memory. With the default options it is smaller than a page. */
import { assert } from '../../../protocol/assert.js';
import { bool, bytes, type Layout, layout, u8, u16, u32, u64 } from '../../../protocol/layout.js';
import { DIGEST_SIZE_MAX, HASHES, type HashAlgorithm, type HashName } from './hash.js';

export interface ModelOptions {
  /** Seed of the random numbers, 32 bits. Two models with one seed and the same commands behave alike. */
  readonly seed: number;
  /** Bytes that one NV index holds at most, a multiple of 4 (default 64; swtpm 0.7.1 has 2048). */
  readonly nvIndexSize?: number;
  /** Banks of PCRs in use (default sha1 and sha256; swtpm 0.7.1 has all four). */
  readonly banks?: readonly HashName[];
}

export const PCR_COUNT = 24;
export const NV_INDEX_COUNT = 8;
export const SESSION_COUNT = 3;
export const RANDOM_KEY_SIZE = 32;
/** TPM_PT_NV_INDEX_MAX of swtpm 0.7.1, the most that `nvIndexSize` may be. */
const NV_INDEX_SIZE_MAX = 2048;

/** An authorisation value: `size` bytes of `value`, without trailing zeros. */
export const AuthValue = layout('model_auth_value', { size: u8, value: bytes(DIGEST_SIZE_MAX) });

/** A session that is loaded; free while `handle` is 0. */
export const SessionSlot = layout('model_session', {
  handle: u32,
  /** TPM_SE: 0 HMAC, 1 policy, 3 trial. */
  type: u8,
  nonceSize: u8,
  hash: u16,
  nonce: bytes(DIGEST_SIZE_MAX),
});

const nvFields = {
  /** Handle of the index; 0 while the slot is free. */
  index: u32,
  /** TPMA_NV. */
  attributes: u32,
  nameHash: u16,
  dataSize: u16,
  policySize: u8,
  authSize: u8,
  policy: bytes(DIGEST_SIZE_MAX),
  auth: bytes(DIGEST_SIZE_MAX),
};

const stateFields = {
  started: bool,
  /** 0, or 1 + TPM_SU of a Shutdown that no change of state has followed. */
  shutdown: u8,
  /** Whether the use of protected authorisations has been noted since Startup (see RETRY). */
  protectedUsed: bool,
  /** Failed tries of the dictionary-attack logic. */
  failedTries: u32,
  pcrUpdateCounter: u32,
  /** The largest value of any NV counter that has been removed. */
  counterMax: u64,
  ownerAuth: bytes(AuthValue.size),
  endorsementAuth: bytes(AuthValue.size),
  platformAuth: bytes(AuthValue.size),
  lockoutAuth: bytes(AuthValue.size),
  randomKey: bytes(RANDOM_KEY_SIZE),
  sessions: bytes(SESSION_COUNT * SessionSlot.size),
};

const withNvData = (size: number) => ({ ...nvFields, data: bytes(size) });
const withTables = (pcrs: number, nv: number) => ({ ...stateFields, pcrs: bytes(pcrs), nv: bytes(nv) });

export type NvFields = ReturnType<typeof withNvData>;
export type StateFields = ReturnType<typeof withTables>;

export interface Bank {
  readonly hash: HashAlgorithm;
  /** Bytes from the start of `pcrs` to the bank's PCR 0; the others follow without gaps. */
  readonly offset: number;
}

export interface Shape {
  readonly seed: number;
  readonly nvIndexSize: number;
  readonly banks: readonly Bank[];
  readonly state: Layout<StateFields>;
  readonly nvSlot: Layout<NvFields>;
}

export function shapeOf(options: ModelOptions): Shape {
  const { seed, nvIndexSize = 64, banks: names = ['sha1', 'sha256'] } = options;
  assert(Number.isInteger(seed), `model: expected an integer as seed, found ${seed}`);
  assert(nvIndexSize % 4 === 0, `model: expected a multiple of 4 as nvIndexSize, found ${nvIndexSize}`);
  assert(
    nvIndexSize >= DIGEST_SIZE_MAX && nvIndexSize <= NV_INDEX_SIZE_MAX,
    `model: expected ${DIGEST_SIZE_MAX} to ${NV_INDEX_SIZE_MAX} bytes as nvIndexSize, found ${nvIndexSize}`,
  );
  const banks: Bank[] = [];
  let offset = 0;
  for (const name of names) {
    banks.push({ hash: HASHES[name], offset });
    offset += HASHES[name].size * PCR_COUNT;
  }
  const nvSlot = layout('model_nv_index', withNvData(nvIndexSize));
  const state = layout('model_tpm', withTables(offset, nvSlot.size * NV_INDEX_COUNT));
  return { seed, nvIndexSize, banks, state, nvSlot };
}
