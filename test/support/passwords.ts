/**
 * Recorded commands with their authorisations replaced by passwords.
 *
 * A recorded HMAC was computed over a nonce that the real TPM drew, so no other TPM accepts it. What such a command
 * does, and what it answers apart from the authorisation area, does not depend on how it was authorised.
 */
import { commandHandles } from '../../protocol/tpm/command-codes.js';
import { bigEndian16, bigEndian32, readResponseHeader, TPM_ST_SESSIONS } from '../../protocol/tpm/header.js';
import type { SessionEntry } from '../../protocol/tpm/session.js';
import { command, toHex } from './tpm-engine.js';

/** The command, with one authorisation by `password` in place of its own; unchanged if it has none. */
export function withPassword({ command: bytes, code }: SessionEntry, password: string): Uint8Array {
  if (bigEndian16(bytes, 0) !== TPM_ST_SESSIONS) return bytes;
  const count = commandHandles(code);
  const handles = Array.from({ length: count }, (_, i) => bigEndian32(bytes, 10 + i * 4));
  const area = 10 + count * 4;
  const parameters = toHex(bytes.slice(area + 4 + bigEndian32(bytes, area)));
  return command({ code, handles, passwords: [password], parameters });
}

/** The parameters of a response that succeeded, in hexadecimal, without handle and authorisation area. */
export function answeredParameters(response: Uint8Array): string {
  const { tag, code } = readResponseHeader(response);
  if (code !== 0) return '';
  if (tag !== TPM_ST_SESSIONS) return toHex(response.slice(10));
  return toHex(response.slice(14, 14 + bigEndian32(response, 10)));
}
