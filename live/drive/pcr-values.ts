/**
 * What the SHA-256 bank of a TPM holds, and what it would hold had each command been executed once.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createVtpm } from '../device/create-vtpm.js';

const PCRS = 24;
const PCRS_OF_READ = 8;
const SHA256 = 0x000b;
/** Header, update counter. */
const SELECTION_OFFSET = 14;
const SELECTION_BYTES = 6;

/** Values in hexadecimal, by number of the PCR. */
export type PcrValues = readonly string[];

/** Reads all of them by `execute`; null where the TPM does not answer. */
export async function readPcrs(
  execute: (command: Uint8Array) => Promise<Uint8Array | null>,
): Promise<PcrValues | null> {
  const values: string[] = [];
  for (let first = 0; first < PCRS; first += PCRS_OF_READ) {
    const response = await execute(readCommand(first));
    if (response === null || response.length < SELECTION_OFFSET) return null;
    values.push(...digestsOf(Buffer.from(response)));
  }
  return values.length === PCRS ? values : null;
}

/** TPM2_PCR_Read of eight PCRs; no TPM of ours gives more at once. */
function readCommand(first: number): Uint8Array {
  const select = Buffer.alloc(3);
  select[first >>> 3] = 0xff;
  const head = Buffer.from('8001000000140000017e00000001000003', 'hex');
  head.writeUInt16BE(SHA256, 14);
  return Buffer.concat([head, select]);
}

function digestsOf(response: Buffer): string[] {
  let at = SELECTION_OFFSET + 4 + response.readUInt32BE(SELECTION_OFFSET) * SELECTION_BYTES;
  if (at + 4 > response.length) return [];
  const count = response.readUInt32BE(at);
  const digests: string[] = [];
  at += 4;
  for (let i = 0; i < count && at + 2 <= response.length; i++) {
    const length = response.readUInt16BE(at);
    digests.push(response.toString('hex', at + 2, at + 2 + length));
    at += 2 + length;
  }
  return digests;
}

/** The PCRs of a TPM of this kind that has executed each of `commands` once, in order, with nothing in between. */
export async function expectedPcrs(
  tpm: 'model' | 'swtpm',
  startup: boolean,
  commands: readonly Uint8Array[],
  directory: string,
): Promise<PcrValues | null> {
  const folder = mkdtempSync(`${directory}/reference-`);
  const device = await createVtpm(null, { host: { tpm, startup, directory: folder }, onLost: () => undefined });
  try {
    for (const command of commands) await device.execute(command, { locality: 0 });
    return await readPcrs((command) => Promise.resolve(device.execute(command, { locality: 0 })));
  } finally {
    await device.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
