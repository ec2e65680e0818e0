/**
 * Commands that can be executed once more on the state of before, with the same answer and the same state after.
 *
 * A TPM that was restored from its state blobs has the random number generator of before, so nonces, handles and keys
 * that are drawn from it come out the same. What else decides an answer must not: the clock (of quotes, and of policies
 * that expire), and whatever randomness comes from elsewhere. libtpms 0.9.2 draws signatures, paddings and some of the
 * parameters of `Create` from OpenSSL, and stirs fresh entropy into its generator in `StirRandom`.
 *
 * A session knows when it was started, from which the time limits of its policies count: one that was started again is as
 * old as its last start. Nobody sees it but who saves it, in whose answer it lies; so that is no such command.
 *
 * The rows are those of which `test/real/tpm-repeat.test.ts` sees it on swtpm. A primary key comes out of its seed and its
 * template; of all of them it takes longest, as long as the first time.
 */
import { COMMAND_CODE_FIRST, COMMAND_CODE_LAST, TPM_CC, type TpmCommandName } from './command-codes.js';
import { bigEndian32, TPM_HEADER_SIZE } from './header.js';

export const REPEATABLE_COMMANDS: readonly TpmCommandName[] = [
  ...(['PCR_Extend', 'PCR_Event', 'PCR_Reset', 'GetRandom'] as const),
  ...(['StartAuthSession', 'FlushContext', 'ContextSave', 'ContextLoad', 'Load', 'Unseal'] as const),
  ...(['PolicyPCR', 'PolicyAuthValue', 'PolicyCommandCode', 'PolicyPassword', 'PolicyRestart'] as const),
  ...(['HashSequenceStart', 'SequenceUpdate', 'SequenceComplete'] as const),
  ...(['NV_Increment', 'NV_Write', 'NV_SetBits', 'NV_Extend', 'NV_Read'] as const),
  ...(['NV_DefineSpace', 'NV_UndefineSpace', 'EvictControl', 'CreatePrimary'] as const),
];

const repeatable = new Uint8Array(COMMAND_CODE_LAST - COMMAND_CODE_FIRST + 1);
for (const name of REPEATABLE_COMMANDS) repeatable[TPM_CC[name] - COMMAND_CODE_FIRST] = 1;

/** Top octets of the handles of HMAC and policy sessions (TPM 2.0 Library, part 2, "TPM_HT"). */
const HMAC_SESSION = 0x02;
const POLICY_SESSION = 0x03;

/** Whether the command, which has succeeded, can be repeated on the state of before. False for unknown codes. */
export function isRepeatable(command: Uint8Array, code: number): boolean {
  if (repeatable[code - COMMAND_CODE_FIRST] !== 1) return false;
  if (code !== TPM_CC.ContextSave) return true;
  const kind = bigEndian32(command, TPM_HEADER_SIZE) >>> 24;
  return kind !== HMAC_SESSION && kind !== POLICY_SESSION;
}
