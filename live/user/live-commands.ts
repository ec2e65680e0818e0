/**
 * The commands of a live guest's user, one after the other as they are handed down; and where its answers go.
 */
import { CommandPool, type CommandTable, type PooledCommand } from '../../frontend/command-pool.js';
import type { AnswerReceiver } from '../../frontend/guest.js';
import { ownCommands } from '../../frontend/own-commands.js';
import type { Domain } from '../../hypervisor/domain.js';
import { digestMemory } from '../../protocol/digest.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { commandName } from '../../protocol/tpm/command-codes.js';
import { maximumDuration } from '../../protocol/tpm/durations.js';
import { readCode } from '../../protocol/tpm/header.js';
import { changesState } from '../../protocol/tpm/state-change.js';
import { COMMAND_PFN, REQUEST_PFN, RESPONSE_PFN } from '../memory/segments.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import { type RequestView, requestPage } from './request-page.js';

const HEADER_BYTES = 10;

/** Numbers from here on are those of the driver's own commands. */
export const OWN_FIRST = 0x8000_0000;

export class LiveCommands implements CommandTable, AnswerReceiver {
  readonly #memory: SharedMemory;
  readonly #request: RequestView;
  readonly #command: number;
  readonly #response: number;
  readonly #onAnswer: () => void;
  readonly #handedDown: PooledCommand;
  readonly #own = new CommandPool(ownCommands());
  readonly #issued: () => number;

  /** `issued` is the kernel's own count of commands, `onAnswer` wakes the user space. */
  constructor(memory: SharedMemory, domain: Pick<Domain, 'page'>, issued: () => number, onAnswer: () => void) {
    this.#issued = issued;
    this.#memory = memory;
    this.#request = requestPage(memory, domain.page(REQUEST_PFN));
    this.#command = domain.page(COMMAND_PFN);
    this.#response = domain.page(RESPONSE_PFN);
    this.#onAnswer = onAnswer;
    this.#handedDown = new HandedDown(memory, this.#request, this.#command);
  }

  get sessionLength(): number {
    return this.#request.accepted;
  }

  ownNumber(index: number): number {
    return OWN_FIRST + index;
  }

  /** Below the driver's own there is only the command that was handed down last: its user waits for the answer. */
  at(number: number): PooledCommand {
    if (number >= OWN_FIRST) return this.#own.at(number - OWN_FIRST);
    return this.#handedDown;
  }

  answered(address: number, length: number): void {
    this.#memory.copy(address, this.#response, length);
    this.#finish(length, 0);
  }

  failed(errno: number): void {
    this.#finish(0, errno);
  }

  #finish(length: number, errno: number): void {
    const request = this.#request;
    request.response_length = length;
    request.errno = errno;
    // Not the user space's count: where this step is done a second time, that may have gone on.
    request.answered = this.#issued();
    this.#onAnswer();
  }
}

/** The command in the command page, as it is at each moment. */
class HandedDown implements PooledCommand {
  readonly #memory: SharedMemory;
  readonly #request: RequestView;
  readonly #address: number;

  constructor(memory: SharedMemory, request: RequestView, address: number) {
    this.#memory = memory;
    this.#request = request;
    this.#address = address;
  }

  get name(): string {
    const code = this.#code;
    return commandName(code) ?? `command 0x${code.toString(16)}`;
  }

  get words(): Int32Array {
    const first = this.#address >>> 2;
    return this.#memory.words.subarray(first, first + ((this.length + 3) >>> 2));
  }

  get length(): number {
    return Math.min(this.#request.length, PAGE_SIZE);
  }

  get locality(): number {
    return this.#request.locality;
  }

  get effect(): number {
    return changesState(this.#code) ? digestMemory(this.#memory, this.#address, this.length) : 0;
  }

  get durationLimit(): number {
    return maximumDuration(this.#code);
  }

  get #code(): number {
    return this.length >= HEADER_BYTES ? readCode(this.#memory, this.#address) : 0;
  }
}
