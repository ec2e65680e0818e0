/** The hash algorithms of the model, by TPM_ALG_ID (TPM 2.0 Library, part 2, "TPM_ALG_ID"). */
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';

export interface HashAlgorithm {
  /** TPM_ALG_ID. */
  readonly id: number;
  /** Bytes of a digest, a multiple of 4. */
  readonly size: number;
  digest(...parts: readonly Uint8Array[]): Uint8Array;
}

export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512';

export const HASHES: { readonly [K in HashName]: HashAlgorithm } = {
  sha1: { id: 0x0004, size: 20, digest: (...parts) => sha1(joined(parts)) },
  sha256: { id: 0x000b, size: 32, digest: (...parts) => sha256(joined(parts)) },
  sha384: { id: 0x000c, size: 48, digest: (...parts) => sha384(joined(parts)) },
  sha512: { id: 0x000d, size: 64, digest: (...parts) => sha512(joined(parts)) },
};

/** Bytes of the largest digest. */
export const DIGEST_SIZE_MAX = 64;

const byId = new Map(Object.values(HASHES).map((hash) => [hash.id, hash]));

/** The algorithm with a TPM_ALG_ID, or undefined if it is no hash of this model. */
export function hashById(id: number): HashAlgorithm | undefined {
  return byId.get(id);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
