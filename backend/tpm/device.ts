/**
 * A TPM as a backend sees it: one command at a time, which takes a while; state that can be saved as a blob only
 * when no command is executing; and, kept with that state, the number and the response of the last command.
 *
 * The record (number, response) is stored in the same step as the effect of the command and lies in the blob. A
 * device that kept it elsewhere could lose one without the other, and no protocol above could mend that.
 */

import type { MachineMemory } from '../../hypervisor/machine-memory.js';
import type { CommandProbe } from '../../hypervisor/probes.js';
import { Task, task } from '../../hypervisor/steps.js';
import { hasFired, setTimer, stopTimer } from '../../hypervisor/timers.js';
import { mix, mixSecond } from '../../protocol/digest.js';
import { QuiesceError } from '../../protocol/errors.js';
import { bool, layout, u8, u32 } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import type { TpmEngine } from './engine.js';

export const TpmDeviceState = layout('tpm device', {
  locality: u8,
  /** The command given last carries a number of the sequenced protocol. Numbers wrap, so 0 does not tell. */
  numbered: bool,
  /** Bytes of the command that executes. */
  length: u32,
  /** Its number in the sequenced protocol. */
  sequence: u32,
  /** Number of the last command executed; its response is the one in the response page. */
  executed_sequence: u32,
  response_length: u32,
  /** Commands executed since manufacture. */
  executed: u32,
  /** For the onlookers: the request this is for. */
  ordinal: u32,
  /** For the onlookers: the request executed last, and the digest of the response when it was given. */
  answer_ordinal: u32,
  answer_digest: u32,
  /** For the onlookers: two words of digest over every state-changing command executed. */
  chain_low: u32,
  chain_high: u32,
  execute: u32,
  duration: u32,
});

/** Pages of a device: its record, the command, the response, and the engine's state. */
const RECORD = 0;
const COMMAND = 1;
const RESPONSE = 2;
const ENGINE = 3;

export interface TpmCommand {
  /** Bytes. */
  readonly length: number;
  readonly locality: number;
  /** Its number in the sequenced protocol, if it is `numbered`. */
  readonly sequence: number;
  readonly numbered?: boolean;
  /** For the onlookers: the request this is for. */
  readonly ordinal: number;
}

export interface TpmDevicePlace {
  readonly slot: number;
  /** Address of its first page. */
  readonly address: number;
  /** How long the command with this ordinal takes, in milliseconds; 0 = no time that matters. */
  readonly duration: (ordinal: number) => number;
  /** Digest of the command if it changes state, else 0: what the chain is made of. */
  readonly effect: (address: number, length: number) => number;
}

/** Pages that a device with this engine takes. */
export function tpmDevicePages(engine: TpmEngine): number {
  return ENGINE + Math.ceil(engine.stateSize / PAGE_SIZE);
}

/** What a backend needs of its device. The rest is for whoever makes, saves and restores it. */
export type BackendDevice = Pick<TpmDevice, 'busy' | 'commandAddress' | 'responseAddress' | 'start' | 'state'>;

const execute = task<TpmDevice>('execute', {
  complete: {
    when: (device) => device.due,
    run: (device) => device.complete(),
  },
});

export class TpmDevice {
  readonly engine: TpmEngine;
  readonly state;
  readonly task: Task<TpmDevice>;
  readonly pages: number;
  readonly #memory: MachineMemory;
  readonly #place: TpmDevicePlace;
  readonly #probe: CommandProbe;
  readonly #request: { state: number; command: number; length: number; locality: number; response: number };

  constructor(memory: MachineMemory, engine: TpmEngine, place: TpmDevicePlace, probe: CommandProbe) {
    this.engine = engine;
    this.pages = tpmDevicePages(engine);
    this.#memory = memory;
    this.#place = place;
    this.#probe = probe;
    this.state = TpmDeviceState.view(memory).at(place.address + RECORD * PAGE_SIZE);
    this.task = new Task(memory, execute, this, place.address + TpmDeviceState.offset.execute);
    this.#request = {
      state: place.address + ENGINE * PAGE_SIZE,
      command: place.address + COMMAND * PAGE_SIZE,
      length: 0,
      locality: 0,
      response: place.address + RESPONSE * PAGE_SIZE,
    };
  }

  /** Address of the record, the first page. */
  get address(): number {
    return this.#place.address;
  }

  /** Where a backend puts the bytes of the command before `start`. */
  get commandAddress(): number {
    return this.#request.command;
  }

  /** Where the response to the last command lies. */
  get responseAddress(): number {
    return this.#request.response;
  }

  /** Where the engine's state lies. */
  get engineAddress(): number {
    return this.#request.state;
  }

  get timerAddress(): number {
    return this.#place.address + TpmDeviceState.offset.duration;
  }

  get busy(): boolean {
    return this.task.running;
  }

  /** A new TPM, powered on. */
  manufacture(): void {
    this.engine.manufacture(this.#memory, this.#request.state);
  }

  /**
   * Begins to execute the `length` bytes at `commandAddress`.
   * Throws `DEVICE_BUSY` while another command executes: a TPM takes one at a time.
   */
  start(command: TpmCommand): void {
    if (this.busy)
      throw new QuiesceError(
        'DEVICE_BUSY',
        'the TPM was given a command while it executes another; wait for its response first',
      );
    this.state.length = command.length;
    this.state.locality = command.locality;
    this.state.sequence = command.sequence;
    this.state.numbered = command.numbered ?? false;
    this.state.ordinal = command.ordinal;
    this.task.start();
    const milliseconds = this.#place.duration(command.ordinal);
    if (milliseconds > 0) setTimer(this.#memory, this.timerAddress, milliseconds);
  }

  /** Whether the time that the command takes has passed. */
  get due(): boolean {
    const left = this.#memory.word(this.timerAddress >>> 2);
    return left === 0 || hasFired(this.#memory, this.timerAddress);
  }

  /** The command's effect, its response and its number, in one step. */
  complete(): void {
    const { state } = this;
    const length = state.length;
    const effect = this.#place.effect(this.#request.command, length);
    this.#request.length = length;
    this.#request.locality = state.locality;
    state.response_length = this.engine.execute(this.#memory, this.#request);
    if (effect !== 0) {
      state.chain_low = mix(state.chain_low | 0, effect);
      state.chain_high = mixSecond(state.chain_high | 0, effect);
    }
    state.executed += 1;
    state.executed_sequence = state.sequence;
    stopTimer(this.#memory, this.timerAddress);
    this.#probe.executed(this.#place.slot, state.ordinal);
  }

  /** What it executes is as if it had never begun: the TPM goes on with the state it had before. */
  abandon(): void {
    this.task.stop();
    stopTimer(this.#memory, this.timerAddress);
  }

  /** Copies the state blob to the image that starts at frame `image`. Throws `DEVICE_BUSY` while a command executes. */
  save(image: number): void {
    if (this.busy) {
      throw new QuiesceError(
        'DEVICE_BUSY',
        'the state of the TPM was asked for while it executes a command; wait for its response first',
      );
    }
    for (let page = 0; page < this.pages; page++)
      this.#memory.copyPage(this.#place.address / PAGE_SIZE + page, image + page);
  }

  /** The process that was the TPM ends; nothing of it is left. */
  powerOff(): void {
    for (let page = 0; page < this.pages; page++) this.#memory.clearPage(this.#place.address / PAGE_SIZE + page);
  }

  /** Takes over a state blob. Throws `DEVICE_BUSY` while a command executes. */
  load(image: number): void {
    if (this.busy) {
      throw new QuiesceError(
        'DEVICE_BUSY',
        'the TPM was given a state while it executes a command; wait for its response first',
      );
    }
    for (let page = 0; page < this.pages; page++)
      this.#memory.copyPage(image + page, this.#place.address / PAGE_SIZE + page);
  }
}
