/** An engine in a memory of its own, spoken to in bytes. */
import type { TpmEngine } from '../../backend/tpm/engine.js';
import { JournaledMemory } from '../../hypervisor/journaled-memory.js';
import { readBytes, writeBytes } from '../../protocol/memory.js';
import { headerBytes, readResponseHeader, TPM_ST_NO_SESSIONS, TPM_ST_SESSIONS } from '../../protocol/tpm/header.js';

// The state takes what lies between the page of commands and the end.
const COMMAND = 0x1000;
const RESPONSE = 0x3000;
const STATE = 0x5000;
const FRAMES = 16;

export class EngineBench {
  readonly memory = new JournaledMemory(FRAMES);
  readonly engine: TpmEngine;

  constructor(engine: TpmEngine) {
    this.engine = engine;
    for (let frame = 1; frame < FRAMES; frame++) this.memory.protect(frame, -1);
    engine.manufacture(this.memory, STATE);
    this.memory.reset();
  }

  /** The bytes of the state. */
  get state(): Uint8Array {
    return readBytes(this.memory, STATE, this.engine.stateSize);
  }

  get stateAddress(): number {
    return STATE;
  }

  send(command: Uint8Array, locality = 0): Uint8Array {
    writeBytes(this.memory, COMMAND, command);
    const place = { state: STATE, command: COMMAND, length: command.length, locality, response: RESPONSE };
    return readBytes(this.memory, RESPONSE, this.engine.execute(this.memory, place));
  }

  /** The response code of a command. */
  code(command: Uint8Array, locality = 0): number {
    return readResponseHeader(this.send(command, locality)).code;
  }

  /** Whether sending the command changes a byte of the state. */
  changes(command: Uint8Array, locality = 0): boolean {
    const before = this.state;
    this.send(command, locality);
    return toHex(before) !== toHex(this.state);
  }
}

export interface CommandParts {
  readonly code: number;
  readonly handles?: readonly number[];
  /** Passwords in the order of the handles; none: a command without authorisation area. */
  readonly passwords?: readonly string[];
  /** Hexadecimal. */
  readonly parameters?: string;
}

/** The bytes of a command. */
export function command({ code, handles = [], passwords, parameters = '' }: CommandParts): Uint8Array {
  const area = (passwords ?? []).map((password) => {
    const value = toHex(new TextEncoder().encode(password));
    return `40000009000000${word(value.length / 2, 4)}${value}`;
  });
  const authorisation = passwords === undefined ? '' : `${word(area.join('').length / 2, 8)}${area.join('')}`;
  const body = fromHex(handles.map((handle) => word(handle, 8)).join('') + authorisation + parameters);
  const tag = passwords === undefined ? TPM_ST_NO_SESSIONS : TPM_ST_SESSIONS;
  return Uint8Array.of(...headerBytes({ tag, size: 10 + body.length, code }), ...body);
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `value` in so many hexadecimal digits. */
export function word(value: number, digits: number): string {
  return (value >>> 0).toString(16).padStart(digits, '0');
}
