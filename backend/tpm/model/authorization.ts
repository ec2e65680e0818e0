/**
 * The authorisation area of a command, and whether it authorises.
 *
 * Passwords alone are checked. A loaded HMAC or policy session is recognised and refused with AUTH_TYPE: this model
 * computes no HMAC and evaluates no policy.
 */
import { readBytes } from '../../../protocol/memory.js';
import { TPM_RC, withSession } from '../../../protocol/tpm/response-codes.js';
import { handleType, TPM_HT, TPM_RH } from './handles.js';
import { DIGEST_SIZE_MAX } from './hash.js';
import { hierarchyAuth, isLockedOut } from './hierarchy.js';
import type { Machine, ModelCommand } from './machine.js';
import { findIndex, hasAttribute, type NvSlot, TPMA_NV } from './nv-index.js';
import { loadedSessions } from './sessions.js';
import { type Blame, Reader, Refusal, sameBytes, Writer, withoutTrailingZeros } from './wire.js';

const SESSIONS_MAX = 3;
/** Handle, empty nonce, attributes and empty password. */
const AREA_SIZE_MIN = 9;
/** Attribute bits (part 2, "TPMA_SESSION"). */
const CONTINUE_SESSION = 0x01;
const RESERVED = 0x18;

/** Reads the area in front of the parameters; gives the passwords, one for each authorisation. */
export function readPasswords(machine: Machine, command: ModelCommand, reader: Reader): Uint8Array[] {
  if (!command.sessions) throw new Refusal(TPM_RC.AUTH_CONTEXT);
  const size = reader.u32((code) => code);
  if (size < AREA_SIZE_MIN || size > reader.left) throw new Refusal(TPM_RC.SIZE);
  const area = new Reader(reader.bytes(size, (code) => code));
  const passwords: Uint8Array[] = [];
  while (area.left > 0) {
    if (passwords.length === SESSIONS_MAX) throw new Refusal(TPM_RC.AUTH_CONTEXT);
    const number = passwords.length + 1;
    const blame: Blame = (code) => withSession(code, number);
    checkSession(machine, area.u32(blame), number);
    const nonce = area.sized(DIGEST_SIZE_MAX, blame);
    const attributes = area.u8(blame);
    const password = area.sized(DIGEST_SIZE_MAX, blame);
    if ((attributes & RESERVED) !== 0) throw new Refusal(blame(TPM_RC.RESERVED_BITS));
    if (nonce.length !== 0) throw new Refusal(blame(TPM_RC.NONCE));
    if ((attributes & ~CONTINUE_SESSION) !== 0) throw new Refusal(blame(TPM_RC.ATTRIBUTES));
    // A password is nothing but an authorisation, so there must be a handle for it.
    if (number > command.authorized) throw new Refusal(blame(TPM_RC.HANDLE));
    passwords.push(password);
  }
  return passwords;
}

/** Checks the passwords against the handles that need them. */
export function authorize(
  machine: Machine,
  command: ModelCommand,
  handles: readonly number[],
  passwords: readonly Uint8Array[],
): void {
  if (passwords.length < command.authorized) throw new Refusal(TPM_RC.AUTH_MISSING);
  for (let i = 0; i < command.authorized; i++) {
    checkPassword(machine, command, handles[i] as number, withoutTrailingZeros(passwords[i] as Uint8Array), i + 1);
  }
}

/** The authorisation area of a response to `count` passwords: empty nonce, the session continues, empty HMAC. */
export function answerArea(count: number): Uint8Array {
  const area = new Writer();
  for (let i = 0; i < count; i++) area.u16(0).u8(CONTINUE_SESSION).u16(0);
  return area.done;
}

function checkSession(machine: Machine, handle: number, number: number): void {
  if (handle === TPM_RH.PW) return;
  const type = handleType(handle);
  if (type !== TPM_HT.HMAC_SESSION && type !== TPM_HT.POLICY_SESSION)
    throw new Refusal(withSession(TPM_RC.VALUE, number));
  if (!loadedSessions(machine).includes(handle)) throw new Refusal(TPM_RC.REFERENCE_S0 + number - 1);
  throw new Refusal(TPM_RC.AUTH_TYPE);
}

function checkPassword(
  machine: Machine,
  command: ModelCommand,
  handle: number,
  password: Uint8Array,
  number: number,
): void {
  const index = handleType(handle) === TPM_HT.NV_INDEX ? findIndex(machine, handle) : null;
  if (index === null) {
    if (!sameBytes(password, permanentAuth(machine, handle))) throw new Refusal(withSession(TPM_RC.BAD_AUTH, number));
    return;
  }
  const needed = command.nvAccess === 'read' ? TPMA_NV.AUTHREAD : TPMA_NV.AUTHWRITE;
  if (!hasAttribute(index, needed)) throw new Refusal(TPM_RC.AUTH_UNAVAILABLE);
  checkIndexPassword(machine, index, password, number);
}

/**
 * An index without NO_DA is protected against guessing. Its first use after Startup is answered RETRY, as swtpm does
 * to note that use in non-volatile state before it goes on (measured on 0.7.1).
 */
function checkIndexPassword(machine: Machine, index: NvSlot, password: Uint8Array, number: number): void {
  const guarded = !hasAttribute(index, TPMA_NV.NO_DA);
  if (guarded && isLockedOut(machine)) throw new Refusal(TPM_RC.LOCKOUT);
  if (guarded && !machine.state.protectedUsed) {
    machine.state.protectedUsed = true;
    throw new Refusal(TPM_RC.RETRY);
  }
  if (sameBytes(password, readBytes(machine.memory, index.auth, index.authSize))) return;
  if (!guarded) throw new Refusal(withSession(TPM_RC.BAD_AUTH, number));
  machine.state.failedTries = machine.state.failedTries + 1;
  throw new Refusal(withSession(TPM_RC.AUTH_FAIL, number));
}

/** PCRs and the null hierarchy have the empty authorisation value. */
function permanentAuth(machine: Machine, handle: number): Uint8Array {
  if (handleType(handle) === TPM_HT.PCR || handle === TPM_RH.NULL) return new Uint8Array(0);
  return hierarchyAuth(machine, handle);
}
