/** A command that takes long: to make an RSA key of 3072 bits, under a primary key that is made here. 0.1 to 1.5 s on swtpm. */
import type { CommandExecutor } from '../../live/tpm/vtpm-device.js';
import { TPM_CC } from '../../protocol/tpm/command-codes.js';
import { readResponseHeader } from '../../protocol/tpm/header.js';
import { command, word } from '../support/tpm-engine.js';

const OWNER = 0x40000001;
const FIRST_OBJECT = 0x80000000;
/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA. */
const COMMON = 0x00000472;
const RESTRICTED_DECRYPT = 0x00030000;
const SIGN = 0x00040000;
/** No password, no data. */
const SENSITIVE = '000400000000';
/** No outside information, no PCRs. */
const NO_CREATION_DATA = '000000000000';

/** `area` in hexadecimal, as a TPM2B. */
const sized = (area: string): string => word(area.length / 2, 4) + area;

/** Makes a parent, and returns the command that makes a key below it. */
export async function createRsa3072(tpm: CommandExecutor): Promise<Uint8Array> {
  // ECC, SHA-256; AES-128-CFB; no scheme; P-256; no KDF; no point.
  const parent = sized(`0023000b${word(COMMON | RESTRICTED_DECRYPT, 8)}000000060080004300100003001000000000`);
  const primary = command({
    code: TPM_CC.CreatePrimary,
    handles: [OWNER],
    passwords: [''],
    parameters: SENSITIVE + parent + NO_CREATION_DATA,
  });
  const { code } = readResponseHeader(await tpm.execute(primary, { locality: 0 }));
  if (code !== 0) throw new Error(`expected a primary key, found response code 0x${code.toString(16)}`);
  // RSA, SHA-256; no symmetric algorithm; no scheme; 3072 bits; the usual exponent; no modulus.
  const child = sized(`0001000b${word(COMMON | SIGN, 8)}000000100010${word(3072, 4)}000000000000`);
  return command({
    code: TPM_CC.Create,
    handles: [FIRST_OBJECT],
    passwords: [''],
    parameters: SENSITIVE + child + NO_CREATION_DATA,
  });
}
