/** The HMAC of an authorisation and the keys behind it, all with SHA-256 (TPM 2.0 Library, part 1, sections on sessions, KDFa, KDFe). */
import { createECDH, createHash, createHmac, type ECDH } from 'node:crypto';
import { number32, sizedBytes, TpmReader } from './tpm-reader.js';

const BITS = number32(256);

export function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
  const hash = createHmac('sha256', key);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Digest of a command's code, the names of its handles and its parameters. */
export function commandHash(code: number, names: readonly Uint8Array[], parameters: Uint8Array): Buffer {
  return sha256(number32(code), ...names, parameters);
}

/** The key of a salted session that is not bound. */
export function saltedSessionKey(salt: Buffer, nonceTpm: Buffer, nonceCaller: Buffer): Buffer {
  return hmac(salt, number32(1), Buffer.from('ATH\0'), nonceTpm, nonceCaller, BITS);
}

export interface Salt {
  readonly value: Buffer;
  /** TPM2B_ENCRYPTED_SECRET without its size. */
  readonly encrypted: Buffer;
}

/** A salt for the owner of an ECC P-256 key with this public area. `seed` 32 bytes: the caller's ephemeral private key. */
export function eccSalt(publicArea: Uint8Array, seed: Uint8Array): Salt {
  const { x, y } = eccPoint(publicArea);
  const ephemeral = createECDH('prime256v1');
  ephemeral.setPrivateKey(seed);
  const shared = ephemeral.computeSecret(Buffer.concat([Buffer.of(4), x, y]));
  const own = coordinates(ephemeral);
  const value = sha256(number32(1), shared, Buffer.from('SECRET\0'), own.x, x);
  return { value, encrypted: sizedBytes(own.x, own.y) };
}

function coordinates(key: ECDH): { x: Buffer; y: Buffer } {
  const point = key.getPublicKey();
  return { x: point.subarray(1, 33), y: point.subarray(33) };
}

const TPM_ALG_NULL = 0x0010;

/** The point of a TPMT_PUBLIC of type ECC. */
function eccPoint(publicArea: Uint8Array): { x: Buffer; y: Buffer } {
  const reader = new TpmReader(publicArea, 8);
  reader.sized();
  if (reader.u16() !== TPM_ALG_NULL) reader.take(4);
  if (reader.u16() !== TPM_ALG_NULL) reader.take(2);
  reader.u16();
  if (reader.u16() !== TPM_ALG_NULL) reader.take(2);
  return { x: reader.sized(), y: reader.sized() };
}
