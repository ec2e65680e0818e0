/** A boot id in memory: the 16 bytes of the UUID in the order in which it is written. */
import type { MachineMemory } from '../../hypervisor/machine-memory.js';

const BYTES = 16;

/** `bootId` in the form 8-4-4-4-12, in lower case; null leaves zeros. */
export function writeBootId(memory: MachineMemory, address: number, bootId: string | null): void {
  const digits = bootId === null ? '' : bootId.replaceAll('-', '');
  for (let i = 0; i < BYTES; i++)
    memory.write8(address + i, Number.parseInt(digits.slice(2 * i, 2 * i + 2) || '0', 16));
}

export function readBootId(memory: MachineMemory, address: number): string {
  let text = '';
  for (let i = 0; i < BYTES; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += memory
      .read8(address + i)
      .toString(16)
      .padStart(2, '0');
  }
  return text;
}
