/**
 * A virtual TPM as the live system sees it: a place that executes commands one at a time, and whose state can be taken
 * out between two of them and put into another device of the same kind.
 *
 * Calls may overlap; a device does them in the order in which they were made. That is what makes `saveState` exact: it
 * holds the effect of every command given before it and of none given after.
 */
import type { VtpmState } from './vtpm-state.js';

export type { StateBlob, StateBlobKind, VtpmDeviceKind, VtpmState } from './vtpm-state.js';

export interface ExecuteOptions {
  /** 0 to 4. It holds for this command alone. */
  readonly locality: number;
  /** Aborting it takes back a command that has not begun, and asks a TPM that executes it to cancel. */
  readonly signal?: AbortSignal;
}

/** Whatever executes TPM commands: a device, or a path to one through a frontend, a ring and a backend. */
export interface CommandExecutor {
  /**
   * Executes one command of 10 to 4096 bytes, whose size field says its length, and answers with the TPM's response,
   * whatever its response code. `command` may be reused once this has returned; the response is the caller's own.
   *
   * Rejects with a `QuiesceError`:
   * - `BAD_TPM_COMMAND`: the size field, the length or the locality is wrong; nothing was sent.
   * - `COMMAND_CANCELLED`: `signal` was aborted before the command began; it was not executed. A command that has begun
   *   is answered by the TPM, with CANCELED (0x909) or, when it came too far, as if nobody had cancelled.
   * - `COMMAND_TIMED_OUT`: no answer in the time for its class; it may be executed yet, and the device stays busy.
   * - `TPM_LOST`: the TPM ended first. Whether the command was executed is not known.
   * - `TPM_CLOSED`: the device was closed, or has failed before; it was not executed.
   */
  execute(command: Uint8Array, options: ExecuteOptions): Promise<Uint8Array>;

  /**
   * As `execute`, where an answer may be had without a promise: the thread may block for a moment, and a response that
   * comes meanwhile is returned. What `execute` rejects with may be thrown.
   */
  executeBriefly?(command: Uint8Array, options: ExecuteOptions): Uint8Array | Promise<Uint8Array>;
}

export interface VtpmDevice extends CommandExecutor {
  /**
   * The state after every command given so far. The device goes on unchanged; two devices with one state must not both
   * go on, because their random numbers and nonces would be the same.
   *
   * Rejects with `TPM_LOST`, `TPM_CLOSED` or, when the TPM refuses, `TPM_CONTROL_REFUSED`.
   */
  saveState(): Promise<VtpmState>;

  /** The same, where it may be had without a promise; what `saveState` rejects with may be thrown. */
  saveStateBriefly?(): VtpmState | Promise<VtpmState>;

  /**
   * For an answer of TPM_RC_FAILURE: whether it only says that the device could not write its state, and is to be made
   * anew from the state of before. Absent where that cannot happen.
   */
  couldNotWrite?(): Promise<boolean>;

  /**
   * Replaces the state of the device. What it held before is gone, also when this fails: a device that could not take
   * over a state is closed, so that nobody gets answers of a TPM that was made in its place.
   *
   * Rejects with `BAD_STATE_BLOB` (another kind of device, blobs of several generations, a damaged or refused blob, or
   * one that reads back differently), `TPM_LOST`, `TPM_CLOSED` or `TPM_CONTROL_REFUSED`. With a state that is found bad
   * before anything is sent, the device is left as it was.
   */
  restoreState(state: VtpmState): Promise<void>;

  /** Ends the device once the command that executes is answered. Later calls reject with `TPM_CLOSED`. Never rejects. */
  close(): Promise<void>;
}
