/**
 * Platform configuration registers: 24 in each bank.
 *
 * Which locality may extend or reset which PCR was measured on swtpm 0.7.1 for PCR 16, 17, 20 and 22; the others follow
 * the TCG PC Client Platform TPM Profile. The update counter counts each bank of each change, and Startup once for each
 * PCR, but not PCR 16, 21, 22 and 23 (measured; for 21 inferred from the count of 20 after Startup).
 */
import { packWords, readBytes } from '../../../protocol/memory.js';
import { TPM_RC } from '../../../protocol/tpm/response-codes.js';
import { TPM_RH } from './handles.js';
import { HASHES, type HashAlgorithm } from './hash.js';
import { type Call, firstHandle, type Machine, type ModelCommand, NOTHING } from './machine.js';
import { type Bank, PCR_COUNT } from './shape.js';
import { parameter, type Reader, Refusal, Writer } from './wire.js';

/** Bytes of a selection bitmap: one bit for each PCR. */
export const PCR_SELECT_SIZE = PCR_COUNT / 8;
/** Most digests in one answer of PCR_Read, and most banks in a list (part 2, "TPML_DIGEST", "TPML_PCR_SELECTION"). */
const DIGESTS_MAX = 8;
const HASHES_MAX = Object.keys(HASHES).length;
const EVENT_SIZE_MAX = 1024;

/** Bit sets of localities. */
const ALL = 0b11111;
const NONE = 0;

interface PcrRule {
  readonly extend: number;
  readonly reset: number;
  /** Whether a change counts as an update. */
  readonly counted: boolean;
  /** All ones after Startup(CLEAR): the PCRs of the dynamic root of trust. */
  readonly startsAsOnes: boolean;
}

const BOOT: PcrRule = { extend: ALL, reset: NONE, counted: true, startsAsOnes: false };
const DEBUG: PcrRule = { extend: ALL, reset: 0b01111, counted: false, startsAsOnes: false };
const DYNAMIC: PcrRule = { extend: 0b11100, reset: NONE, counted: true, startsAsOnes: true };
const RULES: readonly PcrRule[] = [
  ...new Array<PcrRule>(16).fill(BOOT),
  DEBUG,
  DYNAMIC,
  DYNAMIC,
  { ...DYNAMIC, extend: 0b01100 },
  { ...DYNAMIC, extend: 0b01110, reset: 0b00100 },
  { ...DYNAMIC, extend: 0b00100, reset: 0b00100, counted: false },
  { ...DYNAMIC, extend: 0b00100, reset: 0b00100, counted: false },
  DEBUG,
];

/** Sets every PCR as Startup(CLEAR) at `locality` does: PCR 0 ends in the locality (part 3, "TPM2_Startup"). */
export function startPcrs(machine: Machine, locality: number): void {
  machine.state.pcrUpdateCounter = 0;
  for (let pcr = 0; pcr < PCR_COUNT; pcr++) {
    for (const bank of machine.shape.banks) {
      const value = new Uint8Array(bank.hash.size).fill(ruleOf(pcr).startsAsOnes ? 0xff : 0);
      if (pcr === 0) value[value.length - 1] = locality;
      storePcr(machine, bank, pcr, value);
    }
    countUpdate(machine, pcr);
  }
}

export const pcrCommands: readonly ModelCommand[] = [
  {
    name: 'PCR_Extend',
    handles: ['pcr-or-null'],
    authorized: 1,
    sessions: true,
    execute(call) {
      const digests = readDigests(call.parameters);
      call.parameters.end();
      extendAll(call, digests);
      return NOTHING;
    },
  },
  {
    name: 'PCR_Event',
    handles: ['pcr-or-null'],
    authorized: 1,
    sessions: true,
    execute(call) {
      const event = call.parameters.sized(EVENT_SIZE_MAX, parameter(1));
      call.parameters.end();
      const digests = Object.values(HASHES).map((hash) => ({ hash, digest: hash.digest(event) }));
      extendAll(call, digests);
      const answer = new Writer().u32(digests.length);
      for (const { hash, digest } of digests) answer.u16(hash.id).bytes(digest);
      return { parameters: answer.done };
    },
  },
  {
    name: 'PCR_Read',
    handles: [],
    authorized: 0,
    sessions: true,
    execute(call) {
      const selections = readSelections(call.parameters);
      call.parameters.end();
      return { parameters: readSelected(call, selections) };
    },
  },
  {
    name: 'PCR_Reset',
    handles: ['pcr'],
    authorized: 1,
    sessions: true,
    execute(call) {
      call.parameters.end();
      const pcr = firstHandle(call);
      if (((ruleOf(pcr).reset >>> call.locality) & 1) === 0) throw new Refusal(TPM_RC.LOCALITY);
      for (const bank of call.shape.banks) storePcr(call, bank, pcr, new Uint8Array(bank.hash.size));
      countUpdate(call, pcr);
      return NOTHING;
    },
  },
];

interface TaggedDigest {
  readonly hash: HashAlgorithm;
  readonly digest: Uint8Array;
}

function readDigests(parameters: Reader): TaggedDigest[] {
  const count = parameters.u32(parameter(1));
  if (count > HASHES_MAX) throw new Refusal(parameter(1)(TPM_RC.SIZE));
  return Array.from({ length: count }, () => {
    const hash = parameters.hash(parameter(1));
    return { hash, digest: parameters.bytes(hash.size, parameter(1)) };
  });
}

/** Extends the PCR of the call in each bank that is in use; digests for other banks are without effect. */
function extendAll(call: Call, digests: readonly TaggedDigest[]): void {
  const pcr = firstHandle(call);
  if (pcr === TPM_RH.NULL) return;
  if (((ruleOf(pcr).extend >>> call.locality) & 1) === 0) throw new Refusal(TPM_RC.LOCALITY);
  for (const { hash, digest } of digests) {
    const bank = bankOf(call, hash);
    if (bank === undefined) continue;
    storePcr(call, bank, pcr, hash.digest(loadPcr(call, bank, pcr), digest));
    countUpdate(call, pcr);
  }
}

interface Selection {
  readonly hash: HashAlgorithm;
  readonly select: Uint8Array;
}

function readSelections(parameters: Reader): Selection[] {
  const count = parameters.u32(parameter(1));
  if (count > HASHES_MAX) throw new Refusal(parameter(1)(TPM_RC.SIZE));
  return Array.from({ length: count }, () => {
    const hash = parameters.hash(parameter(1));
    if (parameters.u8(parameter(1)) !== PCR_SELECT_SIZE) throw new Refusal(parameter(1)(TPM_RC.VALUE));
    return { hash, select: parameters.bytes(PCR_SELECT_SIZE, parameter(1)) };
  });
}

/** The first eight PCRs selected, and the selections with only those bits that are answered. */
function readSelected(machine: Machine, selections: readonly Selection[]): Uint8Array {
  const digests: Uint8Array[] = [];
  const answer = new Writer().u32(machine.state.pcrUpdateCounter).u32(selections.length);
  for (const { hash, select } of selections) {
    const bank = bankOf(machine, hash);
    const answered = new Uint8Array(PCR_SELECT_SIZE);
    for (let pcr = 0; pcr < PCR_COUNT; pcr++) {
      const bit = 1 << (pcr & 7);
      const selected = ((select[pcr >>> 3] as number) & bit) !== 0;
      if (!selected || bank === undefined || digests.length === DIGESTS_MAX) continue;
      answered[pcr >>> 3] = (answered[pcr >>> 3] as number) | bit;
      digests.push(loadPcr(machine, bank, pcr));
    }
    answer.u16(hash.id).u8(PCR_SELECT_SIZE).bytes(answered);
  }
  answer.u32(digests.length);
  for (const digest of digests) answer.sized(digest);
  return answer.done;
}

function ruleOf(pcr: number): PcrRule {
  return RULES[pcr] as PcrRule;
}

function bankOf(machine: Machine, hash: HashAlgorithm): Bank | undefined {
  return machine.shape.banks.find((bank) => bank.hash === hash);
}

function loadPcr(machine: Machine, bank: Bank, pcr: number): Uint8Array {
  return readBytes(machine.memory, machine.state.pcrs + bank.offset + pcr * bank.hash.size, bank.hash.size);
}

function storePcr(machine: Machine, bank: Bank, pcr: number, value: Uint8Array): void {
  const address = machine.state.pcrs + bank.offset + pcr * bank.hash.size;
  machine.memory.writeWords(address, packWords(value), value.length);
}

function countUpdate(machine: Machine, pcr: number): void {
  if (ruleOf(pcr).counted) machine.state.pcrUpdateCounter = (machine.state.pcrUpdateCounter + 1) >>> 0;
}
