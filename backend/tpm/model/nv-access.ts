/** Reading, writing and locking NV indices. */
import { TPM_RC, withHandle } from '../../../protocol/tpm/response-codes.js';
import { TPM_RH } from './handles.js';
import { type Answer, type Call, firstHandle, type ModelCommand, NOTHING } from './machine.js';
import { NV_BUFFER_SIZE_MAX } from './nv-define.js';
import {
  counterValue,
  definedIndices,
  findIndex,
  hasAttribute,
  indexHash,
  indexType,
  loadData,
  type NvSlot,
  storeData,
  TPM_NT,
  TPMA_NV,
} from './nv-index.js';
import { parameter, Refusal, Writer } from './wire.js';

export const nvAccessCommands: readonly ModelCommand[] = [
  nvCommand('NV_Write', 'write', (call, index) => {
    const data = call.parameters.sized(NV_BUFFER_SIZE_MAX, parameter(1));
    const offset = call.parameters.u16(parameter(2));
    call.parameters.end();
    checkWrite(call, index);
    if (indexType(index.attributes) !== TPM_NT.ORDINARY) throw new Refusal(TPM_RC.ATTRIBUTES);
    checkRange(index, offset, data.length);
    if (hasAttribute(index, TPMA_NV.WRITEALL) && data.length < index.dataSize) throw new Refusal(TPM_RC.NV_RANGE);
    storeData(call, index, offset, data);
    return NOTHING;
  }),
  nvCommand('NV_Increment', 'write', (call, index) => {
    call.parameters.end();
    checkWrite(call, index);
    checkType(index, TPM_NT.COUNTER);
    const value = (hasAttribute(index, TPMA_NV.WRITTEN) ? counterValue(call, index) : largestCounter(call)) + 1;
    const bytes = new Writer().u32(Math.floor(value / 0x100000000)).u32(value >>> 0).done;
    storeData(call, index, 0, bytes);
    return NOTHING;
  }),
  nvCommand('NV_SetBits', 'write', (call, index) => {
    const bits = call.parameters.bytes(8, parameter(1));
    call.parameters.end();
    checkWrite(call, index);
    checkType(index, TPM_NT.BITS);
    storeData(
      call,
      index,
      0,
      loadData(call, index).map((byte, i) => byte | (bits[i] as number)),
    );
    return NOTHING;
  }),
  nvCommand('NV_Extend', 'write', (call, index) => {
    const data = call.parameters.sized(NV_BUFFER_SIZE_MAX, parameter(1));
    call.parameters.end();
    checkWrite(call, index);
    checkType(index, TPM_NT.EXTEND);
    storeData(call, index, 0, indexHash(index).digest(loadData(call, index), data));
    return NOTHING;
  }),
  nvCommand('NV_Read', 'read', (call, index) => {
    const size = call.parameters.u16(parameter(1));
    const offset = call.parameters.u16(parameter(2));
    call.parameters.end();
    checkRead(call, index);
    if (!hasAttribute(index, TPMA_NV.WRITTEN)) throw new Refusal(TPM_RC.NV_UNINITIALIZED);
    if (size > NV_BUFFER_SIZE_MAX) throw new Refusal(parameter(1)(TPM_RC.VALUE));
    checkRange(index, offset, size);
    return { parameters: new Writer().sized(loadData(call, index).slice(offset, offset + size)).done };
  }),
  nvCommand('NV_WriteLock', 'write', (call, index) => {
    call.parameters.end();
    if (hasAttribute(index, TPMA_NV.WRITELOCKED)) return NOTHING;
    checkWrite(call, index);
    if (!hasAttribute(index, TPMA_NV.WRITEDEFINE | TPMA_NV.WRITE_STCLEAR))
      throw new Refusal(withHandle(TPM_RC.ATTRIBUTES, 2));
    index.attributes = index.attributes | TPMA_NV.WRITELOCKED;
    return NOTHING;
  }),
  nvCommand('NV_ReadLock', 'read', (call, index) => {
    call.parameters.end();
    if (hasAttribute(index, TPMA_NV.READLOCKED)) return NOTHING;
    checkRead(call, index);
    if (!hasAttribute(index, TPMA_NV.READ_STCLEAR)) throw new Refusal(withHandle(TPM_RC.ATTRIBUTES, 2));
    index.attributes = index.attributes | TPMA_NV.READLOCKED;
    return NOTHING;
  }),
];

function nvCommand(
  name: ModelCommand['name'],
  nvAccess: 'read' | 'write',
  execute: (call: Call, index: NvSlot) => Answer,
): ModelCommand {
  return {
    name,
    handles: ['nv-auth', 'nv-index'],
    authorized: 1,
    sessions: true,
    nvAccess,
    // The index exists: handles are checked before a command is executed.
    execute: (call) => execute(call, findIndex(call, call.handles[1] as number) as NvSlot),
  };
}

function checkWrite(call: Call, index: NvSlot): void {
  if (hasAttribute(index, TPMA_NV.WRITELOCKED)) throw new Refusal(TPM_RC.NV_LOCKED);
  checkAuthorizer(call, index, { owner: TPMA_NV.OWNERWRITE, platform: TPMA_NV.PPWRITE });
}

function checkRead(call: Call, index: NvSlot): void {
  if (hasAttribute(index, TPMA_NV.READLOCKED)) throw new Refusal(TPM_RC.NV_LOCKED);
  checkAuthorizer(call, index, { owner: TPMA_NV.OWNERREAD, platform: TPMA_NV.PPREAD });
}

/** The handle that authorised must be one the index lets in; an index may authorise itself only. */
function checkAuthorizer(call: Call, index: NvSlot, bits: { readonly owner: number; readonly platform: number }): void {
  const authorizer = firstHandle(call);
  const allowed =
    authorizer === index.index ||
    (authorizer === TPM_RH.OWNER && hasAttribute(index, bits.owner)) ||
    (authorizer === TPM_RH.PLATFORM && hasAttribute(index, bits.platform));
  if (!allowed) throw new Refusal(TPM_RC.NV_AUTHORIZATION);
}

function checkType(index: NvSlot, type: number): void {
  if (indexType(index.attributes) !== type) throw new Refusal(withHandle(TPM_RC.ATTRIBUTES, 2));
}

function checkRange(index: NvSlot, offset: number, size: number): void {
  if (offset > index.dataSize) throw new Refusal(parameter(2)(TPM_RC.VALUE));
  if (size > index.dataSize - offset) throw new Refusal(TPM_RC.NV_RANGE);
}

/** Where a counter starts: at the largest value any counter has had (part 3, "TPM2_NV_Increment"). */
function largestCounter(call: Call): number {
  return definedIndices(call)
    .filter((index) => indexType(index.attributes) === TPM_NT.COUNTER)
    .reduce((largest, index) => Math.max(largest, counterValue(call, index)), call.state.counterMax);
}
