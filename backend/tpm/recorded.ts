/**
 * An engine that answers from a recorded session.
 *
 * Its state is three words: how far the session has got, and a digest of every state-changing command executed so far,
 * in order. Two devices that executed the same changes have equal digests; a command replayed or dropped on the way
 * shows as a difference, unless two different histories collide (2^-64).
 *
 * A command is looked up by its exact bytes, and by its locality where the session holds the same bytes at several:
 *   1. at the cursor, which is where a faithful client is;
 *   2. just before the cursor: the last command sent again is answered as it was, even when the same bytes occur once
 *      more later in the session with another answer;
 *   3. the nearest one after the cursor: the client has dropped some;
 *   4. the nearest one before it: the client has gone back.
 * The cursor then stands behind the entry found. What the session does not hold at all is answered in a general way.
 *
 * Not guaranteed: the answer to a command out of order is the recorded one, which a real TPM in that other state might
 * not give. The digest tells, the answer does not.
 */
import { digestMemory, mix, mixSecond } from '../../protocol/digest.js';
import { layout, u32 } from '../../protocol/layout.js';
import type { Memory } from '../../protocol/memory.js';
import { TPM_CC } from '../../protocol/tpm/command-codes.js';
import {
  readCode,
  readSize,
  readTag,
  TPM_HEADER_SIZE,
  TPM_ST_NO_SESSIONS,
  TPM_ST_SESSIONS,
  writeErrorResponse,
  writeHeader,
} from '../../protocol/tpm/header.js';
import { TPM_RC, withParameter } from '../../protocol/tpm/response-codes.js';
import type { Session, SessionEntry } from '../../protocol/tpm/session.js';
import type { TpmCommandPlace, TpmEngine } from './engine.js';

export const RecordedState = layout('recorded_tpm', {
  /** Number of the entry that a faithful client sends next; the count of entries when the session is over. */
  cursor: u32,
  /** The two words of the digest. */
  digestLow: u32,
  digestHigh: u32,
});

export interface ExecutionDigest {
  /** 32 bits unsigned. */
  readonly low: number;
  /** 32 bits unsigned. */
  readonly high: number;
}

/** The digest that a device holds after executing exactly `entries`, in order, from manufacture on. */
export function digestOfEntries(entries: readonly SessionEntry[]): ExecutionDigest {
  let low = 0;
  let high = 0;
  for (const entry of entries) {
    if (!entry.changesState) continue;
    low = mix(low, entry.commandDigest);
    high = mixSecond(high, entry.commandDigest);
  }
  return { low: low >>> 0, high: high >>> 0 };
}

/** An engine that answers as the TPM of `session` did. Any number of devices may share it: it holds constants only. */
export function recordedEngine(session: Session): TpmEngine {
  return new RecordedEngine(session);
}

/** Most bytes that one GetRandom gives: the largest digest, as on swtpm 0.7.1. */
const RANDOM_MAX = 64;
const GET_RANDOM_SIZE = 12;
const GET_CAPABILITY_SIZE = 22;
const EMPTY_CAPABILITY_SIZE = 19;
/** Last of the capabilities numbered from 0 (TPM_CAP_ACT); beyond lie vendors' own. */
const CAPABILITY_LAST = 0xa;

const NO_PLACES = new Int32Array(0);
const { cursor: CURSOR, digestLow: DIGEST_LOW, digestHigh: DIGEST_HIGH } = RecordedState.offset;

class RecordedEngine implements TpmEngine {
  readonly name: string;
  readonly stateSize = RecordedState.size;
  readonly #entries: readonly SessionEntry[];
  /** Numbers of the entries with a command digest, ascending. */
  readonly #places: ReadonlyMap<number, Int32Array>;
  /** 1 for an entry whose bytes occur at another locality too. */
  readonly #localityMatters: Uint8Array;

  constructor(session: Session) {
    this.name = `recorded:${session.name}`;
    this.#entries = session.entries;
    const lists = new Map<number, number[]>();
    for (const entry of session.entries) {
      const list = lists.get(entry.commandDigest);
      if (list === undefined) lists.set(entry.commandDigest, [entry.sequence]);
      else list.push(entry.sequence);
    }
    this.#places = new Map([...lists].map(([digest, list]) => [digest, Int32Array.from(list)]));
    this.#localityMatters = Uint8Array.from(session.entries, (entry) =>
      (lists.get(entry.commandDigest) ?? []).some((i) => session.entries[i]?.locality !== entry.locality) ? 1 : 0,
    );
  }

  manufacture(memory: Memory, state: number): void {
    memory.write32(state + CURSOR, 0);
    memory.write32(state + DIGEST_LOW, 0);
    memory.write32(state + DIGEST_HIGH, 0);
  }

  execute(memory: Memory, place: TpmCommandPlace): number {
    // A restored state blob may hold any number here: `#matches` finds no entry beyond the last.
    const cursor = memory.read32(place.state + CURSOR);
    const number = this.#matches(memory, place, cursor) ? cursor : this.#find(memory, place, cursor);
    if (number < 0) return answerUnrecorded(memory, place);
    const entry = this.#entries[number] as SessionEntry;
    if (entry.changesState) addToDigest(memory, place.state, entry.commandDigest);
    memory.write32(place.state + CURSOR, number + 1);
    memory.writeWords(place.response, entry.responseWords, entry.response.length);
    return entry.response.length;
  }

  /** Number of the entry to answer from, or -1. */
  #find(memory: Memory, place: TpmCommandPlace, cursor: number): number {
    if (this.#matches(memory, place, cursor - 1)) return cursor - 1;
    const digest = digestMemory(memory, place.command, place.length);
    const places = this.#places.get(digest) ?? NO_PLACES;
    let before = -1;
    for (let i = 0; i < places.length; i++) {
      const number = places[i] as number;
      if (!this.#matches(memory, place, number)) continue;
      if (number > cursor) return number;
      before = number;
    }
    return before;
  }

  #matches(memory: Memory, place: TpmCommandPlace, number: number): boolean {
    const entry = this.#entries[number];
    if (entry === undefined || entry.command.length !== place.length) return false;
    if (entry.locality !== place.locality && this.#localityMatters[number] === 1) return false;
    const words = entry.commandWords;
    const whole = place.length >>> 2;
    for (let i = 0; i < whole; i++) if ((memory.read32(place.command + i * 4) | 0) !== words[i]) return false;
    for (let i = whole * 4; i < place.length; i++) {
      if (memory.read8(place.command + i) !== (((words[whole] as number) >>> ((i & 3) * 8)) & 0xff)) return false;
    }
    return true;
  }
}

function addToDigest(memory: Memory, state: number, commandDigest: number): void {
  const low = memory.read32(state + DIGEST_LOW) | 0;
  const high = memory.read32(state + DIGEST_HIGH) | 0;
  memory.write32(state + DIGEST_LOW, mix(low, commandDigest));
  memory.write32(state + DIGEST_HIGH, mixSecond(high, commandDigest));
}

function answerUnrecorded(memory: Memory, place: TpmCommandPlace): number {
  const { command, response, length } = place;
  if (length < TPM_HEADER_SIZE) return writeErrorResponse(memory, response, TPM_RC.COMMAND_SIZE);
  const tag = readTag(memory, command);
  // An unknown tag is answered VALUE, as measured on swtpm 0.7.1, and not BAD_TAG as the specification has it.
  if (tag !== TPM_ST_NO_SESSIONS && tag !== TPM_ST_SESSIONS) return writeErrorResponse(memory, response, TPM_RC.VALUE);
  if (readSize(memory, command) !== length) return writeErrorResponse(memory, response, TPM_RC.COMMAND_SIZE);
  const code = readCode(memory, command);
  if (tag === TPM_ST_NO_SESSIONS && code === TPM_CC.GetRandom && length === GET_RANDOM_SIZE)
    return random(memory, place);
  if (tag === TPM_ST_NO_SESSIONS && code === TPM_CC.GetCapability && length === GET_CAPABILITY_SIZE)
    return emptyCapability(memory, place);
  return writeErrorResponse(memory, response, TPM_RC.COMMAND_CODE);
}

/** Bytes made from the digest, which GetRandom advances as it advances the generator of a real TPM. */
function random(memory: Memory, { state, command, response, length }: TpmCommandPlace): number {
  const requested = (memory.read8(command + 10) << 8) | memory.read8(command + 11);
  const count = Math.min(requested, RANDOM_MAX);
  addToDigest(memory, state, digestMemory(memory, command, length));
  const seed = memory.read32(state + DIGEST_LOW) | 0;
  const stream = memory.read32(state + DIGEST_HIGH) | 0;
  const size = TPM_HEADER_SIZE + 2 + count;
  writeHeader(memory, response, { tag: TPM_ST_NO_SESSIONS, size, code: TPM_RC.SUCCESS });
  memory.write8(response + 10, 0);
  memory.write8(response + 11, count);
  const first = response + TPM_HEADER_SIZE + 2;
  for (let i = 0; i < count; i += 4) memory.write32(first + i, mix(mix(seed, i), stream));
  for (let i = count; (i & 3) !== 0; i++) memory.write8(first + i, 0);
  return size;
}

/** A list with nothing in it: each of the capabilities is a list behind a 32-bit count. */
function emptyCapability(memory: Memory, { command, response }: TpmCommandPlace): number {
  const high = (memory.read8(command + 10) << 8) | memory.read8(command + 11);
  const low = (memory.read8(command + 12) << 8) | memory.read8(command + 13);
  if (high !== 0 || low > CAPABILITY_LAST) return writeErrorResponse(memory, response, withParameter(TPM_RC.VALUE, 1));
  memory.clear(response, EMPTY_CAPABILITY_SIZE);
  writeHeader(memory, response, { tag: TPM_ST_NO_SESSIONS, size: EMPTY_CAPABILITY_SIZE, code: TPM_RC.SUCCESS });
  // moreData (one byte, NO), then the capability, then a count of 0.
  memory.write8(response + 14, low);
  return EMPTY_CAPABILITY_SIZE;
}
