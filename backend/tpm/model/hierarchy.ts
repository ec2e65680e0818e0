/** The authorisation values of the hierarchies, and the counter of failed tries. */
import { readBytes, writeBytes } from '../../../protocol/memory.js';
import { TPM_RH } from './handles.js';
import { DIGEST_SIZE_MAX } from './hash.js';
import { firstHandle, type Machine, type ModelCommand, NOTHING } from './machine.js';
import { AuthValue } from './shape.js';
import { parameter, withoutTrailingZeros } from './wire.js';

/** Failed tries that lock the TPM: TPM_PT_MAX_AUTH_FAIL of swtpm 0.7.1. The model never recovers by time. */
export const FAILED_TRIES_MAX = 3;

/** The authorisation value of a hierarchy or of lockout, empty on a new TPM. */
export function hierarchyAuth(machine: Machine, handle: number): Uint8Array {
  const auth = AuthValue.view(machine.memory).at(place(machine, handle));
  return readBytes(machine.memory, auth.value, auth.size);
}

export function isLockedOut(machine: Machine): boolean {
  return machine.state.failedTries >= FAILED_TRIES_MAX;
}

export const hierarchyCommands: readonly ModelCommand[] = [
  {
    name: 'HierarchyChangeAuth',
    handles: ['hierarchy'],
    authorized: 1,
    sessions: true,
    execute(call) {
      const value = withoutTrailingZeros(call.parameters.sized(DIGEST_SIZE_MAX, parameter(1)));
      call.parameters.end();
      const auth = AuthValue.view(call.memory).at(place(call, firstHandle(call)));
      call.memory.clear(auth.value, DIGEST_SIZE_MAX);
      auth.size = value.length;
      writeBytes(call.memory, auth.value, value);
      return NOTHING;
    },
  },
  {
    name: 'DictionaryAttackLockReset',
    handles: ['lockout'],
    authorized: 1,
    sessions: true,
    execute(call) {
      call.parameters.end();
      call.state.failedTries = 0;
      return NOTHING;
    },
  },
];

function place(machine: Machine, handle: number): number {
  switch (handle) {
    case TPM_RH.OWNER:
      return machine.state.ownerAuth;
    case TPM_RH.ENDORSEMENT:
      return machine.state.endorsementAuth;
    case TPM_RH.LOCKOUT:
      return machine.state.lockoutAuth;
    default:
      return machine.state.platformAuth;
  }
}
