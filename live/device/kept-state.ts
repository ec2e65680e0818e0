/**
 * What must outlive the process that serves a TPM: the state of the TPM after the last command that changed it, and
 * number and answer of the last command. They change together, by one store of one word, so that a process that is
 * killed leaves either the TPM before a command or the TPM after it with the answer, and nothing in between.
 *
 * The pages travel with the guest.
 */

import { QuiesceError } from '../../protocol/errors.js';
import { layout, u32 } from '../../protocol/layout.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import {
  DEVICE_PAGE,
  KEPT_ANSWER_PAGE,
  KEPT_ANSWER_PAGES,
  KEPT_STATE_PAGE,
  KEPT_STATE_PAGES,
} from '../memory/segments.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import type { StateBlob, StateBlobKind, VtpmState } from '../tpm/vtpm-device.js';
import { STATE_BLOB_KINDS } from '../tpm/vtpm-state.js';

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
}

export class KeptState {
  readonly #memory: SharedMemory;
  readonly #base: number;
  readonly #answer;

  /** `base` is the address of the backend's segment. */
  constructor(memory: SharedMemory, base: number) {
    this.#memory = memory;
    this.#base = base;
    this.#answer = KeptAnswer.view(memory);
  }

  /** What is kept, or null for a TPM that has never been powered on. */
  read(): Kept | null {
    const current = this.#selected;
    if (current === null) return null;
    const { sequence, executed, chain_low, chain_high, response_length, state_slot, state_length } = this.#at(current);
    const response = this.#bytes(this.#answerAddress(current) + ANSWER_OFFSET, response_length);
    const state = decodeState(this.#bytes(this.#stateAddress(state_slot), state_length));
    return { sequence, executed, chainLow: chain_low, chainHigh: chain_high, response, state };
  }

  /** Keeps an answer and, unless it is null, the state after it; else the state stays the one kept before. */
  keep(answer: Answer, state: VtpmState | null): void {
    const memory = this.#memory;
    const current = this.#selected;
    const next = current === 0 ? 1 : 0;
    let slot = current === null ? 1 : this.#at(current).state_slot;
    let length = current === null ? 0 : this.#at(current).state_length;
    if (state !== null) {
      const pieces = encodeState(state);
      slot = 1 - slot;
      length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      if (length > KEPT_STATE_PAGES * PAGE_SIZE) {
        throw new QuiesceError(
          'BAD_STATE_BLOB',
          `expected a TPM state of at most ${KEPT_STATE_PAGES * PAGE_SIZE} bytes, found ${length}`,
        );
      }
      let at = this.#stateAddress(slot);
      for (const piece of pieces) {
        memory.writeBytes(at, piece);
        at += piece.length;
      }
    }
    const record = this.#at(next);
    record.sequence = answer.sequence;
    record.executed = answer.executed;
    record.chain_low = answer.chainLow;
    record.chain_high = answer.chainHigh;
    record.response_length = answer.response.length;
    record.state_slot = slot;
    record.state_length = length;
    memory.writeBytes(this.#answerAddress(next) + ANSWER_OFFSET, answer.response);
    memory.write32(this.#selector, next + 1);
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
