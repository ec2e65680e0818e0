/**
 * The commands that Linux's driver sends by itself when it probes: two capability queries and two random reads
 * (recorded on Xen 4.17 with Linux 6.1; here as TPM 2.0 commands, TCG part 3).
 */

import { TPM_CC } from '../protocol/tpm/command-codes.js';
import { headerBytes, TPM_ST_NO_SESSIONS } from '../protocol/tpm/header.js';
import type { CommandSource } from './command-pool.js';

export function ownCommands(): readonly CommandSource[] {
  const capability = command(TPM_CC.GetCapability, [0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 0, 1]);
  const random = command(TPM_CC.GetRandom, [0, 8]);
  return [capability, capability, random, random];
}

function command(code: number, parameters: readonly number[]): CommandSource {
  const header = headerBytes({ tag: TPM_ST_NO_SESSIONS, size: 10 + parameters.length, code });
  return { command: Uint8Array.from([...header, ...parameters]), locality: 0 };
}
