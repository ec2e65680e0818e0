/**
 * TPM properties that GetCapability reports (TPM 2.0 Library, part 2, "TPM_PT").
 *
 * The fixed values are those of swtpm 0.7.1 where the model keeps to the same limit, even for objects, which it does
 * not have; maker, number of commands and size of NV indices are its own.
 */

import { TPM_RH } from './handles.js';
import { FAILED_TRIES_MAX, hierarchyAuth, isLockedOut } from './hierarchy.js';
import type { Machine } from './machine.js';
import { definedIndices } from './nv-index.js';
import { loadedSessions } from './sessions.js';
import { SESSION_COUNT } from './shape.js';

export type Property = readonly [property: number, value: number];

const ACTIVE_SESSIONS_MAX = 64;
/** "2.0" with a zero byte. */
const FAMILY = 0x322e3000;
/** "QUIE". */
const MANUFACTURER = 0x51554945;
const REVISION = 164;
const DAY_OF_YEAR = 75;
const YEAR = 2021;
const RECOVERY_SECONDS = 1000;
/** The hierarchies are enabled, and the last shutdown, before there was any, was orderly. */
const STARTUP_CLEAR = 0x8000000f;
/** The endorsement seed was made by the TPM. */
const GENERATED_SEED = 0x400;
const IN_LOCKOUT = 0x200;

/** Every property in ascending order. */
export function properties(machine: Machine): readonly Property[] {
  return [...fixed(machine), ...variable(machine)];
}

function fixed({ commands, shape }: Machine): readonly Property[] {
  return [
    [0x100, FAMILY],
    [0x101, 0], // level
    [0x102, REVISION],
    [0x103, DAY_OF_YEAR],
    [0x104, YEAR],
    [0x105, MANUFACTURER],
    [0x10d, 1024], // input buffer
    [0x10e, 3], // transient objects
    [0x10f, 7], // persistent objects
    [0x110, SESSION_COUNT],
    [0x111, ACTIVE_SESSIONS_MAX],
    [0x112, 24], // PCRs
    [0x113, 3], // bytes of a PCR selection
    [0x114, 0xffff], // context gap
    [0x117, shape.nvIndexSize],
    [0x11e, 4096], // command
    [0x11f, 4096], // response
    [0x120, 64], // digest
    [0x121, 2692], // context of an object
    [0x122, 404], // context of a session
    [0x123, FAMILY],
    [0x124, 0], // level
    [0x125, REVISION],
    [0x126, DAY_OF_YEAR],
    [0x127, YEAR],
    [0x129, commands.length],
    [0x12a, commands.length], // of the library
    [0x12b, 0], // of vendors
    [0x12c, 1024], // NV buffer
    [0x12d, 0], // modes
    [0x12e, 1024], // capability buffer
  ];
}

function variable(machine: Machine): readonly Property[] {
  const sessions = loadedSessions(machine).length;
  return [
    [0x200, permanentFlags(machine)],
    [0x201, STARTUP_CLEAR],
    [0x202, definedIndices(machine).length],
    [0x203, sessions],
    [0x204, SESSION_COUNT - sessions],
    [0x205, sessions],
    [0x206, ACTIVE_SESSIONS_MAX - sessions],
    [0x20e, machine.state.failedTries],
    [0x20f, FAILED_TRIES_MAX],
    [0x210, RECOVERY_SECONDS],
    [0x211, RECOVERY_SECONDS], // of lockout
  ];
}

function permanentFlags(machine: Machine): number {
  const isSet = (handle: number): boolean => hierarchyAuth(machine, handle).length > 0;
  return (
    GENERATED_SEED |
    (isSet(TPM_RH.OWNER) ? 1 : 0) |
    (isSet(TPM_RH.ENDORSEMENT) ? 2 : 0) |
    (isSet(TPM_RH.LOCKOUT) ? 4 : 0) |
    (isLockedOut(machine) ? IN_LOCKOUT : 0)
  );
}
