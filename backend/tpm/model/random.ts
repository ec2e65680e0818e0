/**
 * Random numbers of the model: SHA-256 in counter mode over a key of 32 bytes that moves on after every use.
 *
 * Deterministic by design, and therefore no random numbers at all in the cryptographic sense. Two copies of one state
 * give the same numbers next, as two copies of a real TPM's state do (measured on swtpm 0.7.1).
 */
import { readBytes, writeBytes } from '../../../protocol/memory.js';
import { HASHES, joined } from './hash.js';
import { type Machine, type ModelCommand, NOTHING } from './machine.js';
import { RANDOM_KEY_SIZE } from './shape.js';
import { parameter, Writer } from './wire.js';

/** Most bytes of one GetRandom: the largest digest, as on swtpm 0.7.1. */
const RANDOM_MAX = 64;
/** Most bytes of one StirRandom (part 2, "TPM2B_SENSITIVE_DATA" of 128 bytes). */
const STIR_MAX = 128;

/** What the key is hashed with, so that outputs and successors are independent of each other. */
const OUTPUT = 1;
const NEXT = 2;
const STIRRED = 3;
const SEEDED = 4;

export function seedRandom(machine: Machine): void {
  storeKey(machine, HASHES.sha256.digest(new Writer().u8(SEEDED).u32(machine.shape.seed >>> 0).done));
}

/** `length` bytes; moves the key on. */
export function randomBytes(machine: Machine, length: number): Uint8Array {
  const key = loadKey(machine);
  const blocks: Uint8Array[] = [];
  for (let i = 0; i * HASHES.sha256.size < length; i++) {
    blocks.push(HASHES.sha256.digest(Uint8Array.of(OUTPUT, i), key));
  }
  storeKey(machine, HASHES.sha256.digest(Uint8Array.of(NEXT), key));
  return joined(blocks).slice(0, length);
}

export const randomCommands: readonly ModelCommand[] = [
  {
    name: 'GetRandom',
    handles: [],
    authorized: 0,
    sessions: true,
    execute(call) {
      const requested = call.parameters.u16(parameter(1));
      call.parameters.end();
      return { parameters: new Writer().sized(randomBytes(call, Math.min(requested, RANDOM_MAX))).done };
    },
  },
  {
    name: 'StirRandom',
    handles: [],
    authorized: 0,
    sessions: true,
    execute(call) {
      const data = call.parameters.sized(STIR_MAX, parameter(1));
      call.parameters.end();
      storeKey(call, HASHES.sha256.digest(Uint8Array.of(STIRRED), loadKey(call), data));
      return NOTHING;
    },
  },
];

function loadKey(machine: Machine): Uint8Array {
  return readBytes(machine.memory, machine.state.randomKey, RANDOM_KEY_SIZE);
}

function storeKey(machine: Machine, key: Uint8Array): void {
  writeBytes(machine.memory, machine.state.randomKey, key);
}
