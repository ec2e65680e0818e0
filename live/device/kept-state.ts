/**
 * What must outlive the process that serves a TPM: a state of the TPM, the commands since that have changed it, and number
 * and answer of the last command. They change together, by one store of one word, so that a process that is killed leaves
 * either the TPM before a command or the TPM after it with the answer, and nothing in between.
 *
 * The pages travel with the guest.
 */

import { assert } from '../../protocol/assert.js';
import { QuiesceError } from '../../protocol/errors.js';
import { layout, u32 } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import {
  DEVICE_PAGE,
  KEPT_ANSWER_PAGE,
  KEPT_ANSWER_PAGES,
  KEPT_COMMANDS_PAGE,
  KEPT_STATE_PAGE,
  KEPT_STATE_PAGES,
} from '../memory/segments.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import type { StateBlob, StateBlobKind, VtpmState } from '../tpm/vtpm-device.js';
import { STATE_BLOB_KINDS } from '../tpm/vtpm-state.js';
import { type KeptCommand, KeptCommands } from './kept-commands.js';

/** Beginning of one of the two kept answers; the answer's bytes follow. */
const KeptAnswer = layout('kept answer', {
  sequence: u32,
  executed: u32,
  chain_low: u32,
  chain_high: u32,
  response_length: u32,
  /** Which of the two kept states belongs to it, and its bytes. */
  state_slot: u32,
  state_length: u32,
  /** Bytes of the commands since that state. */
  commands_length: u32,
});
const ANSWER_OFFSET = 64;

/** Which of the two is the kept one: 0 none yet, else number + 1. In the page of the device's record, after it. */
const SELECTOR_OFFSET = 2048;

export interface Answer {
  readonly sequence: number;
  /** Commands executed since manufacture, and the digest over those that changed the state. */
  readonly executed: number;
  readonly chainLow: number;
  readonly chainHigh: number;
  readonly response: Uint8Array;
}

export interface Kept extends Answer {
  readonly state: VtpmState;
  /** Those that have changed it since, in the order of their execution. */
  readonly commands: readonly KeptCommand[];
}

/** Where what is kept lies: see `KeptAnswer`. */
interface Place {
  readonly slot: number;
  readonly stateLength: number;
  readonly commandsLength: number;
}

export class KeptState {
  readonly #memory: SharedMemory;
  readonly #base: number;
  readonly #answer;
  readonly #commands: KeptCommands;

  /** `base` is the address of the backend's segment. */
  constructor(memory: SharedMemory, base: number) {
    this.#memory = memory;
    this.#base = base;
    this.#answer = KeptAnswer.view(memory);
    this.#commands = new KeptCommands(memory, base + KEPT_COMMANDS_PAGE * PAGE_SIZE);
  }

  /** What is kept, or null for a TPM that has never been powered on. Throws `BAD_STATE_BLOB`. */
  read(): Kept | null {
    const current = this.#selected;
    if (current === null) return null;
    const { slot, stateLength, commandsLength } = this.#place(current);
    const state = decodeState(this.#bytes(this.#stateAddress(slot), stateLength));
    return { ...this.#answerAt(current), state, commands: this.#commands.read(commandsLength) };
  }

  /** Whether `keepCommand` would keep it. */
  hasRoomFor(command: KeptCommand): boolean {
    const current = this.#selected;
    return current !== null && this.#commands.fits(this.#at(current).commands_length, command);
  }

  /** Whether there are commands since the state that is kept. */
  get hasCommands(): boolean {
    const current = this.#selected;
    return current !== null && this.#at(current).commands_length > 0;
  }

  /** Keeps an answer and, unless it is null, the state after it; else all else stays as it was. Throws `BAD_STATE_BLOB`. */
  keep(answer: Answer, state: VtpmState | null): void {
    const current = this.#selected;
    const before = current === null ? { slot: 1, stateLength: 0, commandsLength: 0 } : this.#place(current);
    this.#select(answer, state === null ? before : this.#store(1 - before.slot, state));
  }

  /** Keeps an answer, and that the TPM is the one of before after this command, for which there must be room. */
  keepCommand(answer: Answer, command: KeptCommand): void {
    const current = this.#selected;
    assert(current !== null, 'kept state: expected a state before a command');
    const before = this.#place(current);
    this.#select(answer, { ...before, commandsLength: this.#commands.append(before.commandsLength, command) });
  }

  /** Keeps the state of now in place of the one of before and the commands since. Throws `BAD_STATE_BLOB`. */
  keepState(state: VtpmState): void {
    const current = this.#selected;
    assert(current !== null, 'kept state: expected an answer before a state');
    this.#select(this.#answerAt(current), this.#store(1 - this.#place(current).slot, state));
  }

  #store(slot: number, state: VtpmState): Place {
    const pieces = encodeState(state);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (length > KEPT_STATE_PAGES * PAGE_SIZE) {
      throw new QuiesceError(
        'BAD_STATE_BLOB',
        `expected a TPM state of at most ${KEPT_STATE_PAGES * PAGE_SIZE} bytes, found ${length}`,
      );
    }
    let at = this.#stateAddress(slot);
    for (const piece of pieces) {
      this.#memory.writeBytes(at, piece);
      at += piece.length;
    }
    return { slot, stateLength: length, commandsLength: 0 };
  }

  #select(answer: Answer, { slot, stateLength, commandsLength }: Place): void {
    const memory = this.#memory;
    const next = this.#selected === 0 ? 1 : 0;
    const record = this.#at(next);
    record.sequence = answer.sequence;
    record.executed = answer.executed;
    record.chain_low = answer.chainLow;
    record.chain_high = answer.chainHigh;
    record.response_length = answer.response.length;
    record.state_slot = slot;
    record.state_length = stateLength;
    record.commands_length = commandsLength;
    memory.writeBytes(this.#answerAddress(next) + ANSWER_OFFSET, answer.response);
    memory.write32(this.#selector, next + 1);
  }

  #place(slot: number): Place {
    const { state_slot, state_length, commands_length } = this.#at(slot);
    return { slot: state_slot, stateLength: state_length, commandsLength: commands_length };
  }

  #answerAt(slot: number): Answer {
    const { sequence, executed, chain_low, chain_high, response_length } = this.#at(slot);
    const response = this.#bytes(this.#answerAddress(slot) + ANSWER_OFFSET, response_length);
    return { sequence, executed, chainLow: chain_low, chainHigh: chain_high, response };
  }

  get #selector(): number {
    return this.#base + DEVICE_PAGE * PAGE_SIZE + SELECTOR_OFFSET;
  }

  get #selected(): 0 | 1 | null {
    const word = this.#memory.read32(this.#selector);
    return word === 1 || word === 2 ? ((word - 1) as 0 | 1) : null;
  }

  #at(slot: number): ReturnType<typeof KeptAnswer.view> {
    return this.#answer.at(this.#answerAddress(slot));
  }

  #answerAddress(slot: number): number {
    return this.#base + (KEPT_ANSWER_PAGE + slot * KEPT_ANSWER_PAGES) * PAGE_SIZE;
  }

  #stateAddress(slot: number): number {
    return this.#base + (KEPT_STATE_PAGE + slot * KEPT_STATE_PAGES) * PAGE_SIZE;
  }

  #bytes(address: number, length: number): Uint8Array {
    return this.#memory.bytes.slice(address, address + length);
  }
}

interface Head {
  readonly device: VtpmState['device'];
  readonly generation: string;
  readonly blobs: readonly { readonly kind: StateBlobKind; readonly digest: string; readonly length: number }[];
}

/** A length, a head in JSON, and the blobs, to be put one after the other. */
function encodeState(state: VtpmState): readonly Uint8Array[] {
  const blobs = STATE_BLOB_KINDS.flatMap((kind) => state[kind] ?? []);
  const head: Head = {
    device: state.device,
    generation: state.generation,
    blobs: blobs.map(({ kind, digest, bytes }) => ({ kind, digest, length: bytes.length })),
  };
  const text = Buffer.from(JSON.stringify(head), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return [length, text, ...blobs.map(({ bytes }) => bytes)];
}

/** Throws `BAD_STATE_BLOB`. Whether the blobs are whole is for `checkState` to say, when a device takes them over. */
function decodeState(bytes: Uint8Array): VtpmState {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    const end = 4 + buffer.readUInt32LE();
    const head = JSON.parse(buffer.toString('utf8', 4, end)) as Head;
    let at = end;
    const blobs = new Map<StateBlobKind, StateBlob>();
    for (const { kind, digest, length } of head.blobs) {
      const data = new Uint8Array(buffer.subarray(at, at + length));
      blobs.set(kind, { kind, generation: head.generation, digest, bytes: data });
      at += length;
    }
    const permanent = blobs.get('permanent');
    if (permanent === undefined) throw new Error('no permanent blob');
    return {
      device: head.device,
      generation: head.generation,
      permanent,
      volatile: blobs.get('volatile') ?? null,
      savestate: blobs.get('savestate') ?? null,
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new QuiesceError('BAD_STATE_BLOB', `expected the kept state of a TPM, found something else: ${reason}`);
  }
}
