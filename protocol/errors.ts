/**
 * Errors of operation: bad input, a peer or a file that is not what it should be.
 * Each has a stable `code` a program can test, and a message that says what was expected, what was found and,
 * where something can be done, what to do.
 */
export type ErrorCode =
  | 'USAGE'
  | 'NATIVE_CALL_FAILED'
  | 'PART_UNREACHABLE'
  | 'HYPERCALL_REFUSED'
  | 'LIVE_STATE'
  | 'LIVE_TIMEOUT'
  | 'UNKNOWN_NAME'
  | 'BAD_SESSION'
  | 'BAD_SCHEDULE'
  | 'BAD_RECORDING'
  | 'BAD_TPM_COMMAND'
  | 'BAD_FRAME'
  | 'CANNOT_LISTEN'
  | 'BAD_TOKEN'
  | 'RING_OVERFLOW'
  | 'DEVICE_BUSY'
  | 'NOT_A_BLOCK_DEVICE'
  | 'DEVICE_UNREADABLE'
  | 'DEVICE_CHANGED'
  | 'BAD_STATE_BLOB'
  | 'BAD_STATE_STREAM'
  | 'DRIVER_FAULT'
  | 'BAD_DRIVER'
  | 'BAD_CAMPAIGN'
  | 'OTHER_BUILD'
  | 'MISSING_PART'
  | 'NO_REDIS'
  | 'UNFINISHED'
  | 'CANNOT_START_TPM'
  | 'COMMAND_CANCELLED'
  | 'COMMAND_TIMED_OUT'
  | 'TPM_LOST'
  | 'TPM_CLOSED'
  | 'TPM_CONTROL_REFUSED';

export class QuiesceError extends Error {
  override readonly name = 'QuiesceError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
