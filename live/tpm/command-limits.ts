/**
 * How long a command may take.
 *
 * Three stages, because ending a TPM loses all it holds in volatile memory, while most that is late is only slow:
 *   1. after the time for its class the TPM is asked to cancel, as a Linux driver does;
 *   2. some time later the caller is told `COMMAND_TIMED_OUT`; the device stays busy until the answer comes;
 *   3. long after that the TPM is taken to hang, and ended.
 * The classes are those of Linux (`protocol/tpm/durations.ts`). swtpm 0.7.1 accepts a cancel request and goes on
 * regardless, so with it stage 1 has no effect (measured).
 */
import { maximumDuration } from '../../protocol/tpm/durations.js';

export interface CommandLimits {
  /** Milliseconds until the TPM is asked to cancel the command with this code. */
  readonly cancelMilliseconds: (code: number) => number;
  /** Milliseconds from then until the caller is told. */
  readonly graceMilliseconds: number;
  /** Milliseconds from then until the TPM is ended. */
  readonly hangMilliseconds: number;
  /** Milliseconds for the answer to a request on the control channel, while no command executes; then the TPM is ended. */
  readonly controlMilliseconds: number;
}

export const COMMAND_LIMITS: CommandLimits = {
  cancelMilliseconds: maximumDuration,
  graceMilliseconds: 5_000,
  hangMilliseconds: 300_000,
  controlMilliseconds: 30_000,
};

export interface Stages {
  cancel(): void;
  giveUp(milliseconds: number): void;
  hang(milliseconds: number): void;
}

/** Goes through the stages until `stop`. */
export class CommandWatch {
  readonly #limits: CommandLimits;
  readonly #stages: Stages;
  #timer: NodeJS.Timeout;
  #passed: number;

  constructor(limits: CommandLimits, code: number, stages: Stages) {
    this.#limits = limits;
    this.#stages = stages;
    this.#passed = limits.cancelMilliseconds(code);
    this.#timer = setTimeout(() => this.#cancel(), this.#passed);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #cancel(): void {
    const { graceMilliseconds } = this.#limits;
    this.#timer = setTimeout(() => this.#giveUp(), graceMilliseconds);
    this.#stages.cancel();
  }

  #giveUp(): void {
    const { graceMilliseconds, hangMilliseconds } = this.#limits;
    this.#passed += graceMilliseconds;
    this.#timer = setTimeout(() => this.#stages.hang(this.#passed + hangMilliseconds), hangMilliseconds);
    this.#stages.giveUp(this.#passed);
  }
}
