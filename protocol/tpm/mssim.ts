/**
 * The two channels of the TPM reference simulator, as the mssim TCTI speaks them (microsoft/ms-tpm-20-ref,
 * TPMCmd/Simulator/include/TpmTcpProtocol.h and src/TcpServer.c; tpm2-tss 3.2.1, tcti-mssim.c).
 *
 * Each message is a 32-bit code, with what follows it decided by the code; each is answered with its result, if it has
 * one, and a 32-bit 0. All integers are big-endian.
 */
import { QuiesceError } from '../errors.js';
import { bigEndian32, TPM_COMMAND_SIZE_MAX } from './header.js';
import { SEND_COMMAND_HEAD } from './send-command.js';

export const MSSIM = {
  SIGNAL_POWER_ON: 1,
  SIGNAL_POWER_OFF: 2,
  SIGNAL_PHYS_PRES_ON: 3,
  SIGNAL_PHYS_PRES_OFF: 4,
  SIGNAL_HASH_START: 5,
  SIGNAL_HASH_DATA: 6,
  SIGNAL_HASH_END: 7,
  SEND_COMMAND: 8,
  SIGNAL_CANCEL_ON: 9,
  SIGNAL_CANCEL_OFF: 10,
  SIGNAL_NV_ON: 11,
  SIGNAL_NV_OFF: 12,
  SIGNAL_KEY_CACHE_ON: 13,
  SIGNAL_KEY_CACHE_OFF: 14,
  REMOTE_HANDSHAKE: 15,
  SET_ALTERNATIVE_RESULT: 16,
  SIGNAL_RESET: 17,
  SIGNAL_RESTART: 18,
  SESSION_END: 20,
  STOP: 21,
  GET_COMMAND_RESPONSE_SIZES: 25,
  TEST_FAILURE_MODE: 30,
} as const satisfies Record<string, number>;

/** Version of the protocol in the answer to REMOTE_HANDSHAKE. */
export const MSSIM_VERSION = 1;
/** What the other end is, in that answer: a TPM without a resource manager in between. */
export const MSSIM_RAW_MODE = 4;

/**
 * Bytes of the whole message on the command channel that begins with `head`; undefined when more of it is needed to
 * tell. Throws `BAD_FRAME` for a code that does not belong there, and for a command or data longer than 4096 bytes.
 */
export function mssimMessageSize(head: Uint8Array): number | undefined {
  if (head.length < 4) return undefined;
  const code = bigEndian32(head, 0);
  switch (code) {
    case MSSIM.SEND_COMMAND:
      return head.length < SEND_COMMAND_HEAD ? undefined : SEND_COMMAND_HEAD + bounded(bigEndian32(head, 5));
    case MSSIM.SIGNAL_HASH_DATA:
      return head.length < 8 ? undefined : 8 + bounded(bigEndian32(head, 4));
    case MSSIM.REMOTE_HANDSHAKE:
    case MSSIM.SET_ALTERNATIVE_RESULT:
      return 8;
    case MSSIM.SIGNAL_HASH_START:
    case MSSIM.SIGNAL_HASH_END:
    case MSSIM.SESSION_END:
    case MSSIM.STOP:
      return 4;
    default:
      throw new QuiesceError('BAD_FRAME', `mssim: expected a message of the command channel, found code ${code}`);
  }
}

function bounded(size: number): number {
  if (size <= TPM_COMMAND_SIZE_MAX) return size;
  throw new QuiesceError('BAD_FRAME', `mssim: expected at most ${TPM_COMMAND_SIZE_MAX} bytes, found ${size} announced`);
}
