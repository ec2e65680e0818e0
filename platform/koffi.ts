/**
 * koffi, an optional package, by which functions of the C library are called. Nothing else loads it.
 */
import { createRequire } from 'node:module';
import { platform } from 'node:process';

/** What is used of it. A typed array is passed as the address of its bytes. */
export interface Koffi {
  load(library: string): { func(prototype: string): (...args: unknown[]) => number };
  view(address: bigint, bytes: number): ArrayBuffer;
  address(buffer: ArrayBuffer): bigint;
  errno(): number;
}

let loaded: Koffi | null | undefined;

/** Null where it is not installed, or the system is not Linux. */
export function koffi(): Koffi | null {
  if (loaded === undefined) loaded = load();
  return loaded;
}

function load(): Koffi | null {
  if (platform !== 'linux') return null;
  try {
    return createRequire(import.meta.url)('koffi') as Koffi;
  } catch {
    return null;
  }
}
