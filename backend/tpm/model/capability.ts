/** GetCapability: lists of what the model has (TPM 2.0 Library, part 3, "TPM2_GetCapability"). */
import { TPM_COMMANDS } from '../../../protocol/tpm/command-codes.js';
import { TPM_RC } from '../../../protocol/tpm/response-codes.js';
import { handleType, TPM_HT, TPM_RH } from './handles.js';
import { HASHES } from './hash.js';
import type { Machine, ModelCommand } from './machine.js';
import { definedIndices } from './nv-index.js';
import { PCR_SELECT_SIZE } from './pcr.js';
import { properties } from './properties.js';
import { loadedSessions } from './sessions.js';
import { PCR_COUNT } from './shape.js';
import { parameter, Refusal, Writer } from './wire.js';

/** Capabilities (part 2, "TPM_CAP"). Those without a case below are lists that are empty here. */
const TPM_CAP = { ALGS: 0, HANDLES: 1, COMMANDS: 2, PCRS: 5, TPM_PROPERTIES: 6, LAST: 10 } as const;

/** Bytes of a list in one answer, and of the capability and the count before it. */
const BUFFER_SIZE = 1024;
const LIST_HEADER_SIZE = 8;
/** TPMA_ALGORITHM of a hash. */
const ALGORITHM_HASH = 0x4;

/** An element of a list, and the property by which a request may start in the middle. */
interface Element {
  readonly property: number;
  readonly bytes: Uint8Array;
}

export const capabilityCommands: readonly ModelCommand[] = [
  {
    name: 'GetCapability',
    handles: [],
    authorized: 0,
    sessions: true,
    execute(call) {
      const capability = call.parameters.u32(parameter(1));
      const property = call.parameters.u32(parameter(2));
      const count = call.parameters.u32(parameter(3));
      call.parameters.end();
      if (capability > TPM_CAP.LAST) throw new Refusal(parameter(1)(TPM_RC.VALUE));
      return { parameters: list(capability, from(capability, property, elements(call, capability, property)), count) };
    },
  },
];

function list(capability: number, found: readonly Element[], count: number): Uint8Array {
  const elementSize = found[0]?.bytes.length ?? 1;
  // The list of PCR banks is given whole, whatever the count.
  const maximum = capability === TPM_CAP.PCRS ? found.length : count;
  const given = found.slice(0, Math.min(maximum, Math.floor((BUFFER_SIZE - LIST_HEADER_SIZE) / elementSize)));
  const answer = new Writer()
    .u8(given.length < found.length ? 1 : 0)
    .u32(capability)
    .u32(given.length);
  for (const element of given) answer.bytes(element.bytes);
  return answer.done;
}

function from(capability: number, property: number, all: readonly Element[]): readonly Element[] {
  return capability === TPM_CAP.PCRS ? all : all.filter((element) => element.property >= property);
}

function elements(machine: Machine, capability: number, property: number): readonly Element[] {
  switch (capability) {
    case TPM_CAP.ALGS:
      return Object.values(HASHES).map(({ id }) => ({
        property: id,
        bytes: new Writer().u16(id).u32(ALGORITHM_HASH).done,
      }));
    case TPM_CAP.HANDLES:
      return handles(machine, handleType(property)).map((handle) => word(handle, handle));
    case TPM_CAP.COMMANDS:
      return machine.commands.map(({ name }) => word(TPM_COMMANDS[name] & 0xffff, TPM_COMMANDS[name]));
    case TPM_CAP.PCRS:
      return Object.values(HASHES).map((hash) => {
        const used = machine.shape.banks.some((bank) => bank.hash === hash);
        const select = new Uint8Array(PCR_SELECT_SIZE).fill(used ? 0xff : 0);
        return { property: hash.id, bytes: new Writer().u16(hash.id).u8(PCR_SELECT_SIZE).bytes(select).done };
      });
    case TPM_CAP.TPM_PROPERTIES:
      return properties(machine).map(([number, value]) => ({
        property: number,
        bytes: new Writer().u32(number).u32(value).done,
      }));
    default:
      return [];
  }
}

/** Handles of one type, ascending. Type 2 means all loaded sessions here, type 3 the saved ones, of which there are none. */
function handles(machine: Machine, type: number): readonly number[] {
  switch (type) {
    case TPM_HT.PCR:
      return Array.from({ length: PCR_COUNT }, (_, pcr) => pcr);
    case TPM_HT.NV_INDEX:
      return definedIndices(machine)
        .map(({ index }) => index)
        .sort((a, b) => a - b);
    case TPM_HT.HMAC_SESSION:
      return loadedSessions(machine);
    case TPM_HT.PERMANENT:
      return Object.values(TPM_RH);
    case TPM_HT.POLICY_SESSION:
    case TPM_HT.TRANSIENT:
    case TPM_HT.PERSISTENT:
      return [];
    default:
      throw new Refusal(parameter(2)(TPM_RC.HANDLE));
  }
}

function word(property: number, value: number): Element {
  return { property, bytes: new Writer().u32(value).done };
}
