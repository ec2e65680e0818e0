/** Handles of commands: which values each place takes, and whether what they name is there. */
import { TPM_RC, withHandle } from '../../../protocol/tpm/response-codes.js';
import type { Machine } from './machine.js';
import { findIndex } from './nv-index.js';
import { PCR_COUNT } from './shape.js';
import { Refusal } from './wire.js';

/** Permanent handles (TPM 2.0 Library, part 2, "TPM_RH"). */
export const TPM_RH = {
  OWNER: 0x40000001,
  NULL: 0x40000007,
  PW: 0x40000009,
  LOCKOUT: 0x4000000a,
  ENDORSEMENT: 0x4000000b,
  PLATFORM: 0x4000000c,
  PLATFORM_NV: 0x4000000d,
} as const;

/** Top octets of handles (part 2, "TPM_HT"). */
export const TPM_HT = {
  PCR: 0x00,
  NV_INDEX: 0x01,
  HMAC_SESSION: 0x02,
  POLICY_SESSION: 0x03,
  PERMANENT: 0x40,
  TRANSIENT: 0x80,
  PERSISTENT: 0x81,
} as const;

/**
 * - 'pcr', 'pcr-or-null': a PCR;
 * - 'provision': the owner or the platform;
 * - 'hierarchy': any hierarchy or lockout;
 * - 'lockout': lockout alone;
 * - 'nv-auth': owner, platform or a defined NV index;
 * - 'nv-index': a defined NV index;
 * - 'key-or-null': a key, of which the model has none;
 * - 'entity-or-null': anything with an authorisation value.
 */
export type HandleKind =
  | 'pcr'
  | 'pcr-or-null'
  | 'provision'
  | 'hierarchy'
  | 'lockout'
  | 'nv-auth'
  | 'nv-index'
  | 'key-or-null'
  | 'entity-or-null';

export function handleType(handle: number): number {
  return handle >>> 24;
}

/** Refuses `handle`, the `number`-th of its command from 1 on, unless it is of that kind and there. */
export function checkHandle(machine: Machine, kind: HandleKind, handle: number, number: number): void {
  if (!isOfKind(kind, handle)) throw new Refusal(withHandle(TPM_RC.VALUE, number));
  switch (handleType(handle)) {
    case TPM_HT.NV_INDEX:
      if (findIndex(machine, handle) === null) throw new Refusal(withHandle(TPM_RC.HANDLE, number));
      return;
    case TPM_HT.PERSISTENT:
      throw new Refusal(withHandle(TPM_RC.HANDLE, number));
    case TPM_HT.TRANSIENT:
      throw new Refusal(TPM_RC.REFERENCE_H0 + number - 1);
  }
}

function isOfKind(kind: HandleKind, handle: number): boolean {
  switch (kind) {
    case 'pcr':
      return handle < PCR_COUNT;
    case 'pcr-or-null':
      return handle < PCR_COUNT || handle === TPM_RH.NULL;
    case 'provision':
      return handle === TPM_RH.OWNER || handle === TPM_RH.PLATFORM;
    case 'hierarchy':
      return isHierarchy(handle);
    case 'lockout':
      return handle === TPM_RH.LOCKOUT;
    case 'nv-auth':
      return handle === TPM_RH.OWNER || handle === TPM_RH.PLATFORM || handleType(handle) === TPM_HT.NV_INDEX;
    case 'nv-index':
      return handleType(handle) === TPM_HT.NV_INDEX;
    case 'key-or-null':
      return handle === TPM_RH.NULL || isObject(handle);
    case 'entity-or-null':
      return (
        handle === TPM_RH.NULL ||
        isHierarchy(handle) ||
        isObject(handle) ||
        handle < PCR_COUNT ||
        handleType(handle) === TPM_HT.NV_INDEX
      );
  }
}

function isHierarchy(handle: number): boolean {
  return (
    handle === TPM_RH.OWNER || handle === TPM_RH.ENDORSEMENT || handle === TPM_RH.PLATFORM || handle === TPM_RH.LOCKOUT
  );
}

function isObject(handle: number): boolean {
  return handleType(handle) === TPM_HT.TRANSIENT || handleType(handle) === TPM_HT.PERSISTENT;
}
