/** What all connections of one TCTI server share: the way to the TPM, and what the second channel has set. */
import { QuiesceError } from '../../protocol/errors.js';
import { errorResponse } from '../../protocol/tpm/header.js';
import { TPM_RC } from '../../protocol/tpm/response-codes.js';
import type { CommandGate } from './command-gate.js';

export interface TctiSession {
  readonly gate: CommandGate;
  /** Powers the TPM off and on, where the host allows that to whoever reaches the second channel. */
  readonly powerCycle?: (() => Promise<void>) | undefined;
  /** Of commands that carry none. It belongs to no connection: clients of swtpm make a new one for each command. */
  locality: number;
  /** Off after a signal of the mssim platform channel, until it is powered on. */
  powered: boolean;
}

/** Powers the TPM off and on between two commands. Returns whether that was allowed and worked. */
export async function powerCycle(session: TctiSession): Promise<boolean> {
  const { powerCycle: cycle } = session;
  if (cycle === undefined) return false;
  try {
    await session.gate.exclusively(cycle);
    return true;
  } catch (error) {
    if (error instanceof QuiesceError) return false;
    throw error;
  }
}

/** The response to what is too long or too short to be a command. */
export const BAD_SIZE_RESPONSE: Uint8Array = errorResponse(TPM_RC.COMMAND_SIZE);
