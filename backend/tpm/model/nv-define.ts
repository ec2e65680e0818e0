/** Defining and removing NV indices, and their public areas. */
import { writeBytes } from '../../../protocol/memory.js';
import { TPM_RC, withHandle } from '../../../protocol/tpm/response-codes.js';
import { handleType, TPM_HT, TPM_RH } from './handles.js';
import { DIGEST_SIZE_MAX, type HashAlgorithm } from './hash.js';
import { type Call, firstHandle, type ModelCommand, NOTHING } from './machine.js';
import {
  counterValue,
  findIndex,
  freeIndex,
  hasAttribute,
  indexName,
  indexType,
  type NvSlot,
  publicArea,
  TPM_NT,
  TPMA_NV,
} from './nv-index.js';
import { parameter, Reader, Refusal, Writer, withoutTrailingZeros } from './wire.js';

const COUNTER_SIZE = 8;
/** TPM_PT_NV_BUFFER_MAX of swtpm 0.7.1: the most that one command writes. */
export const NV_BUFFER_SIZE_MAX = 1024;

const READERS = TPMA_NV.PPREAD | TPMA_NV.OWNERREAD | TPMA_NV.AUTHREAD | TPMA_NV.POLICYREAD;
const WRITERS = TPMA_NV.PPWRITE | TPMA_NV.OWNERWRITE | TPMA_NV.AUTHWRITE | TPMA_NV.POLICYWRITE;
/** What a definition may not claim, since only use sets it. */
const SET_BY_USE = TPMA_NV.WRITTEN | TPMA_NV.WRITELOCKED | TPMA_NV.READLOCKED;

interface Definition {
  readonly index: number;
  readonly hash: HashAlgorithm;
  readonly attributes: number;
  readonly policy: Uint8Array;
  readonly dataSize: number;
}

export const nvDefineCommands: readonly ModelCommand[] = [
  {
    name: 'NV_DefineSpace',
    handles: ['provision'],
    authorized: 1,
    sessions: true,
    execute(call) {
      const auth = withoutTrailingZeros(call.parameters.sized(DIGEST_SIZE_MAX, parameter(1)));
      const definition = readDefinition(call.parameters);
      call.parameters.end();
      checkDefinition(call, auth, definition);
      if (findIndex(call, definition.index) !== null) throw new Refusal(TPM_RC.NV_DEFINED);
      const slot = freeIndex(call);
      if (slot === null) throw new Refusal(TPM_RC.NV_SPACE);
      define(call, slot, auth, definition);
      return NOTHING;
    },
  },
  {
    name: 'NV_UndefineSpace',
    handles: ['provision', 'nv-index'],
    authorized: 1,
    sessions: true,
    execute(call) {
      call.parameters.end();
      const index = findIndex(call, call.handles[1] as number) as NvSlot;
      if (hasAttribute(index, TPMA_NV.POLICY_DELETE)) throw new Refusal(withHandle(TPM_RC.ATTRIBUTES, 2));
      if (firstHandle(call) === TPM_RH.OWNER && hasAttribute(index, TPMA_NV.PLATFORMCREATE))
        throw new Refusal(TPM_RC.NV_AUTHORIZATION);
      // No counter may ever show a value again, not even under the handle of a removed one.
      if (indexType(index.attributes) === TPM_NT.COUNTER)
        call.state.counterMax = Math.max(call.state.counterMax, counterValue(call, index));
      call.memory.clear(index.base, call.shape.nvSlot.size);
      return NOTHING;
    },
  },
  {
    name: 'NV_ReadPublic',
    handles: ['nv-index'],
    authorized: 0,
    sessions: true,
    execute(call) {
      call.parameters.end();
      const index = findIndex(call, firstHandle(call)) as NvSlot;
      return { parameters: new Writer().sized(publicArea(call, index)).sized(indexName(call, index)).done };
    },
  },
];

function readDefinition(parameters: Reader): Definition {
  const blame = parameter(2);
  const area = parameters.sized(parameters.left, blame);
  if (area.length === 0) throw new Refusal(blame(TPM_RC.SIZE));
  const reader = new Reader(area);
  const index = reader.u32(blame);
  if (handleType(index) !== TPM_HT.NV_INDEX) throw new Refusal(blame(TPM_RC.VALUE));
  const hash = reader.hash(blame);
  const attributes = reader.u32(blame);
  if ((attributes & TPMA_NV.RESERVED) !== 0) throw new Refusal(blame(TPM_RC.RESERVED_BITS));
  const policy = reader.sized(DIGEST_SIZE_MAX, blame);
  const dataSize = reader.u16(blame);
  if (reader.left !== 0) throw new Refusal(blame(TPM_RC.SIZE));
  return { index, hash, attributes, policy, dataSize };
}

/** The rules of part 3, "TPM2_NV_DefineSpace". */
function checkDefinition(call: Call, auth: Uint8Array, { attributes, policy, hash, dataSize }: Definition): void {
  const blame = parameter(2);
  if (policy.length !== 0 && policy.length !== hash.size) throw new Refusal(blame(TPM_RC.SIZE));
  if (auth.length > hash.size) throw new Refusal(parameter(1)(TPM_RC.SIZE));
  checkSize(call, attributes, hash, dataSize);
  const has = (bits: number): boolean => (attributes & bits) !== 0;
  const contradictory =
    has(SET_BY_USE) ||
    !has(READERS) ||
    !has(WRITERS) ||
    (has(TPMA_NV.CLEAR_STCLEAR) && (has(TPMA_NV.WRITEDEFINE) || indexType(attributes) === TPM_NT.COUNTER)) ||
    (has(TPMA_NV.POLICY_DELETE) && firstHandle(call) !== TPM_RH.PLATFORM);
  if (contradictory) throw new Refusal(blame(TPM_RC.ATTRIBUTES));
  if (has(TPMA_NV.PLATFORMCREATE) !== (firstHandle(call) === TPM_RH.PLATFORM))
    throw new Refusal(withHandle(TPM_RC.ATTRIBUTES, 1));
  if (has(TPMA_NV.WRITEALL) && dataSize > NV_BUFFER_SIZE_MAX) throw new Refusal(blame(TPM_RC.SIZE));
}

function checkSize(call: Call, attributes: number, hash: HashAlgorithm, dataSize: number): void {
  const fits = (() => {
    switch (indexType(attributes)) {
      case TPM_NT.ORDINARY:
        return dataSize <= call.shape.nvIndexSize;
      case TPM_NT.COUNTER:
      case TPM_NT.BITS:
        return dataSize === COUNTER_SIZE;
      case TPM_NT.EXTEND:
        return dataSize === hash.size;
      default:
        // PIN indices and reserved types.
        throw new Refusal(parameter(2)(TPM_RC.ATTRIBUTES));
    }
  })();
  if (!fits) throw new Refusal(parameter(2)(TPM_RC.SIZE));
}

function define(call: Call, slot: NvSlot, auth: Uint8Array, definition: Definition): void {
  slot.index = definition.index;
  slot.attributes = definition.attributes;
  slot.nameHash = definition.hash.id;
  slot.dataSize = definition.dataSize;
  slot.policySize = definition.policy.length;
  slot.authSize = auth.length;
  writeBytes(call.memory, slot.policy, definition.policy);
  writeBytes(call.memory, slot.auth, auth);
}
