/** Commands for tests of the model, and devices to send them to. */
import { modelEngine } from '../../backend/tpm/model/engine.js';
import { TPM_CC } from '../../protocol/tpm/command-codes.js';
import { type CommandParts, command, EngineBench, toHex, word } from './tpm-engine.js';

export const OWNER = 0x40000001;
export const NULL = 0x40000007;
export const LOCKOUT = 0x4000000a;
export const PLATFORM = 0x4000000c;
export const INDEX = 0x01500020;

export const startup = command({ code: TPM_CC.Startup, parameters: '0000' });
export const digest = '11'.repeat(32);

export function started(seed = 1): EngineBench {
  const device = new EngineBench(modelEngine({ seed }));
  device.send(startup);
  return device;
}

export const extend = (pcr: number): Uint8Array =>
  command({ code: TPM_CC.PCR_Extend, handles: [pcr], passwords: [''], parameters: `00000001000b${digest}` });
export const readPcr = (pcr: number): Uint8Array =>
  command({
    code: TPM_CC.PCR_Read,
    parameters: `00000001000b03${word(1 << pcr, 8).replace(/^(..)(..)(..)(..)$/, '$4$3$2')}`,
  });
export const random = (count: number): Uint8Array => command({ code: TPM_CC.GetRandom, parameters: word(count, 4) });
export const startSession = (nonce = '22'.repeat(16), type = '00', rest = '0010000b'): Uint8Array =>
  command({
    code: TPM_CC.StartAuthSession,
    handles: [NULL, NULL],
    parameters: `${word(nonce.length / 2, 4)}${nonce}0000${type}${rest}`,
  });
export const flush = (handle: number): Uint8Array =>
  command({ code: TPM_CC.FlushContext, parameters: word(handle, 8) });

export interface Definition {
  readonly index?: number;
  readonly attributes: number;
  readonly size?: number;
  readonly auth?: string;
  readonly by?: number;
}

export function define({ index = INDEX, attributes, size = 8, auth = '', by = OWNER }: Definition): Uint8Array {
  const area = `${word(index, 8)}000b${word(attributes, 8)}0000${word(size, 4)}`;
  const value = toHex(new TextEncoder().encode(auth));
  const parameters = `${word(auth.length, 4)}${value}${word(area.length / 2, 4)}${area}`;
  return command({ code: TPM_CC.NV_DefineSpace, handles: [by], passwords: [''], parameters });
}

export const nv = (code: number, parameters = '', more: Partial<CommandParts> = {}): Uint8Array =>
  command({ code, handles: [OWNER, INDEX], passwords: [''], parameters, ...more });
export const readNv = (size = 8): string => `${word(size, 4)}0000`;

/** Attributes: read and written by owner and by the index's own password, of one type, and not guarded. */
export const OPEN = 0x02060006;
export const COUNTER = OPEN | 0x10;
export const BITS = OPEN | 0x20;
export const EXTEND = OPEN | 0x40;

export function hierarchyChange(handle: number, password: string, value: string): Uint8Array {
  const parameters = `${word(value.length, 4)}${toHex(new TextEncoder().encode(value))}`;
  return command({ code: TPM_CC.HierarchyChangeAuth, handles: [handle], passwords: [password], parameters });
}
