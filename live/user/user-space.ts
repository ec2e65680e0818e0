/**
 * The user space of the guest: programs' TPM commands go down to the kernel of whichever host the guest runs on, and
 * answers come up, through pages of the guest's own memory.
 *
 * It is a process of its own because its clients' connections cannot move: when the guest does, or its process is killed,
 * a command that was handed down is answered all the same, there or by the next process.
 */
import type { Domain } from '../../hypervisor/domain.js';
import { QuiesceError } from '../../protocol/errors.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import type { Doorbell, DoorbellRinger } from '../memory/doorbell.js';
import type { BellListener } from '../memory/event-loop-bell.js';
import { COMMAND_PFN, REQUEST_PFN, RESPONSE_PFN } from '../memory/segments.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import type { CommandExecutor, ExecuteOptions } from '../tpm/vtpm-device.js';
import { type RequestView, requestPage } from './request-page.js';

/** One of the hosts on which the guest may run. */
export interface UserHost {
  readonly memory: SharedMemory;
  /** The guest of that host, to be read. */
  readonly guest: Domain;
  /** Wakes the guest's kernel. */
  readonly kernel: DoorbellRinger;
  readonly doorbell: Doorbell;
  readonly listener: BellListener;
}

/** An answer is waited for in a sleep that blocks, before the event loop has its turn; for those that come at once. */
const BLOCK_MILLISECONDS = 1;
const BLOCKS_MAX = 2;
/** How often it is looked whether the guest has moved, while a command waits. */
const LOOK_MILLISECONDS = 10;
/** Linux: the driver found the command too long. */
const EINVAL = 22;

export class UserSpace implements CommandExecutor {
  readonly #hosts: readonly UserHost[];
  readonly #requests: readonly RequestView[];
  #current = 0;
  #wake: () => void = () => undefined;

  constructor(hosts: readonly UserHost[]) {
    this.#hosts = hosts;
    this.#requests = hosts.map(({ memory, guest }) => requestPage(memory, guest.page(REQUEST_PFN)));
  }

  /** To be called when the doorbell of a host has woken the event loop. */
  readonly rung = (): void => {
    for (const { doorbell } of this.#hosts) doorbell.awake();
    this.#wake();
  };

  /**
   * Hands a command down and waits for its answer, for as long as it takes. Commands are to come one at a time.
   *
   * Rejects with `BAD_TPM_COMMAND` for one that is too long for the ring, with `TPM_LOST` when the driver gave it up.
   */
  async execute(command: Uint8Array, { locality }: ExecuteOptions): Promise<Uint8Array> {
    if (command.length > PAGE_SIZE) throw tooLong(command.length);
    await this.#until(() => this.#idle, BLOCKS_MAX);
    return this.#answerTo(this.#handDown(command, locality), command, locality, BLOCKS_MAX);
  }

  executeBriefly(command: Uint8Array, options: ExecuteOptions): Uint8Array | Promise<Uint8Array> {
    if (command.length > PAGE_SIZE || !this.#idle) return this.execute(command, options);
    const number = this.#handDown(command, options.locality);
    const { doorbell } = this.#host;
    for (let blocks = 0; blocks < BLOCKS_MAX; blocks++) {
      const seen = doorbell.count;
      if (this.#request.answered === number) return this.#answer(command.length);
      doorbell.block(seen, BLOCK_MILLISECONDS);
    }
    // The command is needed as long as it may have to be handed down once more.
    return this.#answerTo(number, new Uint8Array(command), options.locality, 0);
  }

  async #answerTo(first: number, command: Uint8Array, locality: number, blocks: number): Promise<Uint8Array> {
    let number = first;
    await this.#until(() => {
      this.#follow();
      const { accepted, answered } = this.#request;
      if (answered === number) return true;
      // A guest that was saved before the command came down does not know of it where it goes on.
      if (this.#host.guest.running && accepted !== number && accepted === answered)
        number = this.#handDown(command, locality);
      return false;
    }, blocks);
    return this.#answer(command.length);
  }

  get #request(): RequestView {
    return this.#requests[this.#current] as RequestView;
  }

  get #host(): UserHost {
    return this.#hosts[this.#current] as UserHost;
  }

  /**
   * A predecessor of this process may have left a command behind. While no copy of the guest runs it cannot be told which
   * one will: what is written into the other is lost.
   */
  get #idle(): boolean {
    this.#follow();
    return this.#host.guest.running && this.#request.accepted === this.#request.answered;
  }

  #handDown(command: Uint8Array, locality: number): number {
    const request = this.#request;
    const { memory, guest, kernel } = this.#host;
    memory.writeBytes(guest.page(COMMAND_PFN), command);
    request.length = command.length;
    request.locality = locality;
    const number = (request.accepted + 1) >>> 0;
    request.accepted = number;
    kernel.ring();
    return number;
  }

  /** At most one of the copies of the guest runs. While none does, the last one counts. */
  #follow(): void {
    const { guest } = this.#host;
    if (guest.running) return;
    const running = this.#hosts.findIndex((host) => host.guest.running);
    if (running >= 0) this.#current = running;
  }

  #answer(length: number): Uint8Array {
    const { errno, response_length } = this.#request;
    if (errno === EINVAL) throw tooLong(length);
    if (errno !== 0) throw new QuiesceError('TPM_LOST', `the guest's driver gave the command up (error ${errno})`);
    const { memory, guest } = this.#host;
    const at = guest.page(RESPONSE_PFN);
    return memory.bytes.slice(at, at + Math.min(response_length, PAGE_SIZE));
  }

  /** Blocks `blocks` times at most, then waits in the event loop. */
  async #until(holds: () => boolean, blocks: number): Promise<void> {
    for (let left = blocks; ; ) {
      const { doorbell, listener } = this.#host;
      const seen = doorbell.count;
      if (holds()) return;
      if (left > 0) {
        left--;
        doorbell.block(seen, BLOCK_MILLISECONDS);
      } else if (doorbell.listen(seen)) {
        listener.arm(seen);
        await this.#sleep();
        doorbell.awake();
      }
    }
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_MILLISECONDS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function tooLong(length: number): QuiesceError {
  return new QuiesceError('BAD_TPM_COMMAND', `expected a command that fits the ring page, found ${length} bytes`);
}
