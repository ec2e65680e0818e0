/**
 * One command at a time, whatever the number of clients: they wait in the order in which their commands came, as behind
 * the lock of a kernel's TPM driver.
 *
 * A command counts as sent once it has come whole. It is executed even if its client has gone, as a TPM would: see the
 * data channel of swtpm, which executes what it has read before it notices that nobody waits.
 */
import { QuiesceError } from '../../protocol/errors.js';
import { errorResponse } from '../../protocol/tpm/header.js';
import { TPM_RC } from '../../protocol/tpm/response-codes.js';
import { Turns } from '../tpm/turns.js';
import type { CommandExecutor } from '../tpm/vtpm-device.js';

export class CommandGate {
  readonly #tpm: CommandExecutor;
  readonly #turns = new Turns();
  readonly #closing = new AbortController();
  /** Of the commands up to the next one that is cancelled: making one for each costs a microsecond. */
  #cancellation = new AbortController();
  #running = false;

  constructor(tpm: CommandExecutor) {
    this.#tpm = tpm;
  }

  /** Commands that wait. */
  get waiting(): number {
    return this.#turns.waiting;
  }

  /**
   * The TPM's response, or one in its place that says that the command was not executed: COMMAND_SIZE, CANCELED, or
   * FAILURE from a TPM that is gone. Null when nobody knows whether it was executed: any response would be a guess.
   */
  execute(command: Uint8Array, locality: number): Uint8Array | null | Promise<Uint8Array | null> {
    if (this.#turns.taken || this.#closing.signal.aborted) return this.#executeInTurn(command, locality);
    this.#turns.enter();
    let response: Uint8Array | null | Promise<Uint8Array> = null;
    try {
      response = this.#run(command, locality);
      if (response instanceof Promise) return response.catch(responseFor).finally(() => this.#turns.leave());
    } catch (error) {
      response = responseFor(error);
    }
    this.#turns.leave();
    return response;
  }

  async #executeInTurn(command: Uint8Array, locality: number): Promise<Uint8Array | null> {
    try {
      return await this.exclusively(async () => this.#run(command, locality));
    } catch (error) {
      return responseFor(error);
    }
  }

  #run(command: Uint8Array, locality: number): Uint8Array | Promise<Uint8Array> {
    if (this.#cancellation.signal.aborted) this.#cancellation = new AbortController();
    const options = { locality, signal: this.#cancellation.signal };
    const tpm = this.#tpm;
    const response = tpm.executeBriefly?.(command, options) ?? tpm.execute(command, options);
    if (!(response instanceof Promise)) return response;
    this.#running = true;
    return response.finally(() => {
      this.#running = false;
    });
  }

  /** Does `work` between two commands. Rejects with `COMMAND_CANCELLED` when the gate is closed before its turn. */
  async exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const wait = this.#turns.enter(this.#closing.signal);
    if (wait !== null) await wait;
    try {
      return await work();
    } finally {
      this.#turns.leave();
    }
  }

  /** Asks the TPM to cancel the command that it executes, if any. */
  cancel(): void {
    if (this.#running) this.#cancellation.abort();
  }

  /** What waits is not executed any more, nor what comes later. */
  close(): void {
    this.#closing.abort();
  }
}

function responseFor(error: unknown): Uint8Array | null {
  if (!(error instanceof QuiesceError)) throw error;
  switch (error.code) {
    case 'BAD_TPM_COMMAND':
      return errorResponse(TPM_RC.COMMAND_SIZE);
    case 'COMMAND_CANCELLED':
      return errorResponse(TPM_RC.CANCELED);
    case 'TPM_CLOSED':
      return errorResponse(TPM_RC.FAILURE);
    default:
      return null;
  }
}
