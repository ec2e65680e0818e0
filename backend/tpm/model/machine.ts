/** The model while it executes one command: the memory, the windows on it, and what a command is made of. */
import type { View } from '../../../protocol/layout.js';
import type { Memory } from '../../../protocol/memory.js';
import type { TpmCommandName } from '../../../protocol/tpm/command-codes.js';
import type { HandleKind } from './handles.js';
import type { Shape, StateFields } from './shape.js';
import type { Reader } from './wire.js';

export interface Machine {
  readonly memory: Memory;
  readonly shape: Shape;
  readonly state: View<StateFields>;
  /** Every command of the model, in ascending order of codes. */
  readonly commands: readonly ModelCommand[];
}

/** One execution of a command whose handles and authorisations have been checked. */
export interface Call extends Machine {
  /** 0 to 4. */
  readonly locality: number;
  /** As many as the command has kinds of handles. */
  readonly handles: readonly number[];
  readonly parameters: Reader;
}

export interface Answer {
  /** Handle that the response carries before its parameters. */
  readonly handle?: number;
  readonly parameters?: Uint8Array;
}

/** A command. `execute` reads all parameters and checks everything before its first store, or throws a `Refusal`. */
export interface ModelCommand {
  readonly name: TpmCommandName;
  readonly handles: readonly HandleKind[];
  /** How many of the first handles need an authorisation. */
  readonly authorized: number;
  /** Whether an authorisation area is allowed at all. */
  readonly sessions: boolean;
  /** For NV commands: which of AUTHREAD and AUTHWRITE an index that authorises itself must have. */
  readonly nvAccess?: 'read' | 'write';
  execute(call: Call): Answer;
}

/** The answer of commands that return nothing. */
export const NOTHING: Answer = {};

/** The single handle of a command that has one, or the first of several. */
export function firstHandle(call: Call): number {
  return call.handles[0] as number;
}
