/** A command or response taken apart (TPM 2.0 Library, part 1, "Command/Response Structure"). */
import { commandAttributes, commandHandles } from '../../../protocol/tpm/command-codes.js';
import { TPM_HEADER_SIZE, TPM_ST_SESSIONS } from '../../../protocol/tpm/header.js';
import { TpmReader } from './tpm-reader.js';

export interface CommandAuthorization {
  readonly session: number;
  readonly nonceCaller: Buffer;
  readonly attributes: number;
  /** HMAC or password, and where in the command it begins. */
  readonly value: Buffer;
  readonly valueAt: number;
}

export interface CommandParts {
  readonly code: number;
  readonly handles: readonly number[];
  readonly authorizations: readonly CommandAuthorization[];
  readonly parameters: Buffer;
}

export function commandParts(command: Uint8Array): CommandParts {
  const reader = new TpmReader(command);
  const tag = reader.u16();
  reader.u32();
  const code = reader.u32();
  const handles = Array.from({ length: commandHandles(code) }, () => reader.u32());
  const authorizations: CommandAuthorization[] = [];
  if (tag === TPM_ST_SESSIONS) {
    const end = reader.at + 4 + reader.u32();
    while (reader.at < end) {
      const session = reader.u32();
      const nonceCaller = reader.sized();
      const attributes = reader.u8();
      const value = reader.sized();
      authorizations.push({ session, nonceCaller, attributes, value, valueAt: reader.at - value.length });
    }
  }
  return { code, handles, authorizations, parameters: reader.rest() };
}

export interface ResponseParts {
  readonly handle: number | null;
  readonly parameters: Buffer;
  /** nonceTPM of each authorisation. */
  readonly nonces: readonly Buffer[];
}

const TPMA_CC_R_HANDLE = 28;

/** Of a response that says success. */
export function responseParts(code: number, response: Uint8Array): ResponseParts {
  const reader = new TpmReader(response);
  const tag = reader.u16();
  reader.at = TPM_HEADER_SIZE;
  const hasHandle = (((commandAttributes(code) ?? 0) >>> TPMA_CC_R_HANDLE) & 1) === 1;
  const handle = hasHandle ? reader.u32() : null;
  if (tag !== TPM_ST_SESSIONS) return { handle, parameters: reader.rest(), nonces: [] };
  const parameters = reader.take(reader.u32());
  const nonces: Buffer[] = [];
  while (!reader.done) {
    nonces.push(reader.sized());
    reader.u8();
    reader.sized();
  }
  return { handle, parameters, nonces };
}
