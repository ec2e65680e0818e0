/** The loop that each way to the TPM is measured with. */
import { readResponseHeader } from '../protocol/tpm/header.js';

/** PCR_Read of PCR 16, bank SHA-256. */
export const pcrRead = Uint8Array.from(
  Buffer.from('80010000001400 00017e00000001000b03000001'.replace(' ', ''), 'hex'),
);

export interface Latencies {
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Commands per second. */
  readonly rate: number;
}

const WARM_UP = 2000;

/** One command after the other; each must be answered with success. */
export async function latencies(ask: () => Promise<Uint8Array>, commands: number): Promise<Latencies> {
  for (let i = 0; i < WARM_UP; i++) check(await ask());
  const times = new Float64Array(commands);
  const begun = process.hrtime.bigint();
  let last = begun;
  for (let i = 0; i < commands; i++) {
    check(await ask());
    const now = process.hrtime.bigint();
    times[i] = Number(now - last) / 1000;
    last = now;
  }
  times.sort();
  const at = (share: number): number => times[Math.floor(commands * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), rate: (commands / Number(last - begun)) * 1e9 };
}

function check(response: Uint8Array): void {
  const { code } = readResponseHeader(response);
  if (code !== 0) throw new Error(`expected response code 0, found 0x${code.toString(16)}`);
}
