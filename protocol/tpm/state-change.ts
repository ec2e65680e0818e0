/**
 * Which TPM 2.0 commands change the TPM's state, and what a second send of the same bytes does.
 *
 * The rows marked as measured come from swtpm 0.7.1 with libtpms 0.9.2: state blobs compared before, after one and
 * after two identical sends (`test/recordings/tpm2-replay.jsonl`). The others follow the actions described in
 * TPM 2.0 Library, part 3; where these leave it open, the row takes the worse case: state changes, resend unsafe.
 *
 * A row describes the command when it succeeds under no authorisation or a password. Under an HMAC or policy session
 * every command also rolls the session's nonce, so that the second send is refused (0x9a2).
 */
import { COMMAND_CODE_FIRST, COMMAND_CODE_LAST, TPM_CC, type TpmCommandName } from './command-codes.js';
import { TPM_RC } from './response-codes.js';

/** 'volatile' is lost at a power cycle; 'permanent' is written to non-volatile storage. */
export type StateKind = 'no' | 'volatile' | 'permanent';

/**
 * What the client and the TPM see of an identical second send:
 * - 'same': the same answer, and no further change of state;
 * - 'silent': the same answer although the state changes again; nobody notices;
 * - 'other-answer': success with other bytes (another key, handle, value or time);
 * - 'wrong-answer': an error for what succeeded, or the loss of a result that only the first answer held.
 */
export type SecondSend = 'same' | 'silent' | 'other-answer' | 'wrong-answer';

export interface StateChange {
  readonly changesState: StateKind;
  readonly secondSend: SecondSend;
  /** True when executing twice leaves the state and the client where executing once does. */
  readonly replaySafe: boolean;
  /** True when seen on swtpm, false when taken from the specification alone. */
  readonly measured: boolean;
}

type Row = readonly [kind: StateKind, secondSend: SecondSend, commands: readonly TpmCommandName[]];

// Where a command acts differently on different objects, the worse case stands. ContextSave and ContextLoad of an
// object answer with other bytes; of a session, the second is refused. An NV index with the attribute ORDERLY changes
// volatile state only. HierarchyChangeAuth to the very same value is harmless.
const MEASURED: readonly Row[] = [
  ['no', 'same', ['SelfTest', 'GetTestResult', 'GetCapability', 'TestParms', 'Hash', 'PCR_Read']],
  ['no', 'same', ['ReadPublic', 'NV_Read', 'NV_ReadPublic', 'PolicyGetDigest']],
  ['no', 'other-answer', ['ReadClock', 'GetTime', 'Sign', 'Quote', 'Certify', 'ECDH_KeyGen']],
  ['volatile', 'same', ['PCR_Reset', 'PolicyRestart', 'ClockSet']],
  ['volatile', 'silent', ['PCR_Extend', 'PCR_Event', 'StirRandom', 'SequenceUpdate']],
  ['volatile', 'silent', ['PolicyPCR', 'PolicyAuthValue', 'PolicyCommandCode', 'PolicySecret']],
  ['volatile', 'other-answer', ['GetRandom', 'StartAuthSession', 'CreatePrimary', 'Create', 'Load']],
  ['volatile', 'other-answer', ['HashSequenceStart', 'EC_Ephemeral']],
  ['volatile', 'wrong-answer', ['Startup', 'FlushContext', 'SequenceComplete', 'ContextSave', 'ContextLoad']],
  ['permanent', 'same', ['Shutdown', 'NV_Write', 'NV_SetBits', 'NV_WriteLock', 'NV_ReadLock']],
  ['permanent', 'same', ['ClearControl', 'DictionaryAttackLockReset', 'DictionaryAttackParameters']],
  ['permanent', 'silent', ['NV_Increment', 'NV_Extend', 'Clear']],
  ['permanent', 'wrong-answer', ['NV_DefineSpace', 'NV_UndefineSpace', 'EvictControl', 'HierarchyChangeAuth']],
];

const SPECIFIED: readonly Row[] = [
  ['no', 'same', ['IncrementalSelfTest', 'ECC_Parameters', 'FirmwareRead', 'VerifySignature', 'AC_GetCapability']],
  ['no', 'same', ['ActivateCredential', 'Unseal', 'RSA_Decrypt', 'ECDH_ZGen', 'ECC_Decrypt', 'HMAC']],
  ['no', 'same', ['EncryptDecrypt', 'EncryptDecrypt2', 'NV_ReadPublic2']],
  ['no', 'other-answer', ['CertifyCreation', 'GetSessionAuditDigest', 'NV_Certify', 'CertifyX509']],
  ['volatile', 'same', ['HierarchyControl', 'PCR_SetAuthValue', 'ACT_SetTimeout']],
  ['volatile', 'silent', ['PolicyNV', 'PolicySigned', 'PolicyTicket', 'PolicyCounterTimer', 'PolicyCpHash']],
  ['volatile', 'silent', ['PolicyLocality', 'PolicyPassword', 'PolicyPhysicalPresence', 'PolicyNvWritten']],
  ['volatile', 'silent', ['PolicyTemplate', 'PolicyCapability', 'ClockRateAdjust']],
  // These draw on the random number generator for a key, a salt or an initialisation vector.
  ['volatile', 'other-answer', ['Duplicate', 'Import', 'Rewrap', 'ObjectChangeAuth', 'MakeCredential']],
  ['volatile', 'other-answer', ['RSA_Encrypt', 'ECC_Encrypt', 'CreateLoaded', 'LoadExternal', 'HMAC_Start']],
  ['volatile', 'other-answer', ['Commit', 'GetCommandAuditDigest']],
  // These want the policy digest, the counter or the sequence as it was before the first send.
  ['volatile', 'wrong-answer', ['PolicyOR', 'PolicyAuthorize', 'PolicyAuthorizeNV', 'PolicyNameHash']],
  ['volatile', 'wrong-answer', ['PolicyDuplicationSelect', 'Policy_AC_SendSelect', 'PolicyParameters']],
  ['volatile', 'wrong-answer', ['EventSequenceComplete', 'ZGen_2Phase', 'AC_Send']],
  ['permanent', 'same', ['PCR_Allocate', 'PCR_SetAuthPolicy', 'PP_Commands', 'SetPrimaryPolicy', 'SetAlgorithmSet']],
  ['permanent', 'same', ['SetCommandCodeAuditStatus', 'NV_GlobalWriteLock', 'SetCapability']],
  ['permanent', 'silent', ['ChangeEPS', 'ChangePPS']],
  ['permanent', 'wrong-answer', ['NV_UndefineSpaceSpecial', 'NV_DefineSpace2', 'NV_ChangeAuth']],
  ['permanent', 'wrong-answer', ['FieldUpgradeStart', 'FieldUpgradeData']],
];

const UNKNOWN: StateChange = { changesState: 'no', secondSend: 'same', replaySafe: true, measured: true };

const byCode = new Map<number, StateChange>();
const changing = new Uint8Array(COMMAND_CODE_LAST - COMMAND_CODE_FIRST + 1);
addRows(MEASURED, true);
addRows(SPECIFIED, false);

function addRows(rows: readonly Row[], measured: boolean): void {
  for (const [changesState, secondSend, commands] of rows) {
    const replaySafe = changesState === 'no' || secondSend === 'same';
    for (const name of commands) {
      const code = TPM_CC[name];
      byCode.set(code, { changesState, secondSend, replaySafe, measured });
      changing[code - COMMAND_CODE_FIRST] = changesState === 'no' ? 0 : 1;
    }
  }
}

/** The row of a command code. An unknown code changes nothing: the TPM answers COMMAND_CODE each time (measured). */
export function stateChange(code: number): StateChange {
  return byCode.get(code) ?? UNKNOWN;
}

/** Whether the command changes state when it succeeds. One load; false for unknown codes. */
export function changesState(code: number): boolean {
  return changing[code - COMMAND_CODE_FIRST] === 1;
}

/**
 * Whether a command that was answered with `responseCode` changed the state.
 *
 * An error leaves the state as it was, with one exception: AUTH_FAIL (0x98e, 0xa8e, 0xb8e) counts a failed try of the
 * dictionary-attack logic, so that a resend counts another. RETRY (0x922) means "not executed, please send again" and
 * is no change in this sense, although swtpm notes in its non-volatile state that protected authorisations are in
 * use; that note is made once, and no answer shows it. (In the measurements one more error left a trace, two bytes of
 * volatile state after an EvictControl refused with 0x28b; no answer shows that either, and it counts as no change.)
 */
export function changedState(code: number, responseCode: number): boolean {
  if (responseCode === TPM_RC.SUCCESS) return changesState(code);
  return (responseCode & 0x8bf) === (0x800 | TPM_RC.AUTH_FAIL);
}
