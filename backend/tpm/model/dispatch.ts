/** One command from its first byte to its response: the common part of all commands (part 3, "Command Processing"). */
import { TPM_CC } from '../../../protocol/tpm/command-codes.js';
import { headerBytes, TPM_HEADER_SIZE, TPM_ST_NO_SESSIONS, TPM_ST_SESSIONS } from '../../../protocol/tpm/header.js';
import { TPM_RC, withHandle } from '../../../protocol/tpm/response-codes.js';
import { changesState } from '../../../protocol/tpm/state-change.js';
import { answerArea, authorize, readPasswords } from './authorization.js';
import { checkHandle } from './handles.js';
import { joined } from './hash.js';
import type { Answer, Machine, ModelCommand } from './machine.js';
import { Reader, Refusal, Writer } from './wire.js';

/** Executes `command` on the machine; gives the whole response. */
export function dispatch(machine: Machine, command: Uint8Array, locality: number): Uint8Array {
  try {
    return execute(machine, command, locality);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return headerBytes({ tag: TPM_ST_NO_SESSIONS, size: TPM_HEADER_SIZE, code: error.responseCode });
  }
}

function execute(machine: Machine, bytes: Uint8Array, locality: number): Uint8Array {
  if (bytes.length < TPM_HEADER_SIZE) throw new Refusal(TPM_RC.COMMAND_SIZE);
  const reader = new Reader(bytes);
  const plain = (code: number): number => code;
  const tag = reader.u16(plain);
  // VALUE, as measured on swtpm 0.7.1, and not BAD_TAG as the specification has it.
  if (tag !== TPM_ST_NO_SESSIONS && tag !== TPM_ST_SESSIONS) throw new Refusal(TPM_RC.VALUE);
  if (reader.u32(plain) !== bytes.length) throw new Refusal(TPM_RC.COMMAND_SIZE);
  const code = reader.u32(plain);
  const command = machine.commands.find(({ name }) => TPM_CC[name] === code);
  if (command === undefined) throw new Refusal(TPM_RC.COMMAND_CODE);
  if (!machine.state.started && code !== TPM_CC.Startup) throw new Refusal(TPM_RC.INITIALIZE);
  const handles = readHandles(machine, command, reader);
  const passwords = tag === TPM_ST_SESSIONS ? readPasswords(machine, command, reader) : [];
  authorize(machine, command, handles, passwords);
  const answer = command.execute({ ...machine, locality, handles, parameters: reader });
  // Whatever changes the state undoes a Shutdown.
  if (changesState(code) && code !== TPM_CC.Shutdown) machine.state.shutdown = 0;
  return response(tag, answer, passwords.length);
}

function readHandles(machine: Machine, command: ModelCommand, reader: Reader): number[] {
  return command.handles.map((kind, i) => {
    const handle = reader.u32((code) => withHandle(code, i + 1));
    checkHandle(machine, kind, handle, i + 1);
    return handle;
  });
}

function response(tag: number, { handle, parameters = new Uint8Array(0) }: Answer, authorizations: number): Uint8Array {
  const body = new Writer();
  if (handle !== undefined) body.u32(handle);
  if (tag === TPM_ST_SESSIONS) body.u32(parameters.length);
  body.bytes(parameters).bytes(answerArea(authorizations));
  const bytes = body.done;
  return joined([headerBytes({ tag, size: TPM_HEADER_SIZE + bytes.length, code: TPM_RC.SUCCESS }), bytes]);
}
