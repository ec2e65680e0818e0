/** What a TPM holds, read through commands that change nothing. */
import type { CommandExecutor } from '../../live/tpm/vtpm-device.js';
import { TPM_CC } from '../../protocol/tpm/command-codes.js';
import { command, toHex, word } from '../support/tpm-engine.js';

/** TPM_ALG_ID of the banks that swtpm 0.7.1 has. */
const BANKS = [0x0004, 0x000b, 0x000c, 0x000d];
const PCRS_AT_ONCE = 8;
/** Header and the counter that each change of a PCR advances. */
const BEFORE_SELECTION = 14;

/** Every PCR of every bank, as text. */
export async function pcrValues(tpm: CommandExecutor): Promise<string[]> {
  const values: string[] = [];
  for (const bank of BANKS) {
    for (let first = 0; first < 24; first += PCRS_AT_ONCE) {
      const bitmap = ['00', '00', '00'];
      bitmap[first / PCRS_AT_ONCE] = 'ff';
      const parameters = `00000001${word(bank, 4)}03${bitmap.join('')}`;
      const response = await tpm.execute(command({ code: TPM_CC.PCR_Read, parameters }), { locality: 0 });
      values.push(toHex(response.subarray(BEFORE_SELECTION)));
    }
  }
  return values;
}
