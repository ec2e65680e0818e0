/**
 * A program that speaks as swtpm does on the two descriptors it inherits, around the model TPM, and that can be told to
 * misbehave: `node fake-swtpm.js [fault[=value]...] socket ...`. The arguments from `socket` on are those of swtpm.
 *
 * It is strict where swtpm is careless: a command that does not come whole, a second one before the answer, or a control
 * request other than CANCEL_TPM_CMD while a command executes end it, with the reason printed.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { modelEngine } from '../../backend/tpm/model/engine.js';
import { ByteMemory } from '../../live/tpm/byte-memory.js';
import { bigEndian32, errorResponse } from '../../protocol/tpm/header.js';
import { PTM_CMD, ptmCommandName, ptmRequestSize } from '../../protocol/tpm/ptm.js';
import { TPM_RC } from '../../protocol/tpm/response-codes.js';
import { SEND_COMMAND_HEAD, sentCommandAnswer } from '../../protocol/tpm/send-command.js';

const DATA = 3;
const CONTROL = 4;
const RESPONSE = 0x1000;
const STATE = 0x2000;
/** Bytes at the end of the volatile blob that are other ones at each look, as the clocks of a TPM. */
const CLOCK_BYTES = 20;

const ALL_CAPABILITIES = 0xffff;

function split(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

const end = process.argv.indexOf('socket');
const faults = new Map(process.argv.slice(2, end).map(split));
const directory = (process.argv[process.argv.indexOf('--tpmstate') + 1] ?? '').replace(/^dir=/, '').replace(/,.*/, '');
const permanentFile = `${directory}/tpm2-00.permall`;
const volatileFile = `${directory}/tpm2-00.volatilestate`;

function die(why: string): never {
  process.stderr.write(`fake swtpm: ${why}\n`);
  process.exit(9);
}

if (faults.has('exit')) die('told to end at once');

const engine = modelEngine({ seed: process.pid });
const memory = new ByteMemory(STATE + engine.stateSize);
/** Where the permanent part begins; what is before it, with whether the TPM has started, is the volatile one. */
const half = STATE + (engine.stateSize >>> 3) * 4;
let running = false;
let executing = false;
let commands = 0;
let clock = 0;

function powerOn(): void {
  running = true;
  engine.manufacture(memory, STATE);
  if (existsSync(permanentFile)) memory.bytes.set(readFileSync(permanentFile), half);
  if (existsSync(volatileFile)) memory.bytes.set(readFileSync(volatileFile).subarray(CLOCK_BYTES), STATE);
  rmSync(volatileFile, { force: true });
  if (faults.has('new-tpm')) memory.bytes.fill(7, half);
  if (faults.has('no-resume')) memory.bytes.fill(7, STATE, half);
  writeFileSync(permanentFile, memory.bytes.subarray(half));
}

function blob(kind: number): Buffer | null {
  if (kind === 1) return existsSync(permanentFile) ? readFileSync(permanentFile) : null;
  if (kind !== 2) return null;
  return Buffer.concat([Buffer.alloc(CLOCK_BYTES, ++clock), memory.bytes.subarray(STATE, half)]);
}

const data = new Socket({ fd: DATA });
const control = new Socket({ fd: CONTROL });

function send(stream: Socket, bytes: Uint8Array): void {
  if (!faults.has('dribble')) stream.write(bytes);
  else for (const byte of bytes) stream.write(Uint8Array.of(byte));
}

data.on('data', (piece) => {
  if (executing) die('a second command came before the answer to the first');
  if (piece.length !== SEND_COMMAND_HEAD + bigEndian32(piece, 5)) die('a command came in pieces');
  commands++;
  const command = Uint8Array.from(piece.subarray(SEND_COMMAND_HEAD));
  if (faults.get('die') === String(commands)) process.kill(process.pid, 'SIGKILL');
  executing = true;
  if (faults.get('hang') === String(commands)) return;
  setTimeout(() => answer(command, piece[4] ?? 0), Number(faults.get('milliseconds') ?? 0));
});
data.on('end', () => process.exit(0));

function answer(command: Uint8Array, locality: number): void {
  executing = false;
  memory.bytes.set(command);
  const length = running
    ? engine.execute(memory, { state: STATE, command: 0, length: command.length, locality, response: RESPONSE })
    : 0;
  if (running) writeFileSync(permanentFile, memory.bytes.subarray(half));
  const bytes = sentCommandAnswer(memory.bytes.subarray(RESPONSE, RESPONSE + length));
  if (faults.has('wrong-size')) bytes[3] = (bytes[3] ?? 0) + 1;
  if (faults.has('wrong-tail')) bytes[bytes.length - 1] = 1;
  if (faults.has('huge')) bytes[0] = 0x7f;
  send(data, faults.has('twice') ? Buffer.concat([bytes, bytes]) : bytes);
}

control.on('data', (piece) => {
  if (ptmRequestSize(piece) !== piece.length) die('a control request came in pieces, or more than one at once');
  const name = ptmCommandName(bigEndian32(piece, 0));
  if (executing && name !== 'CANCEL_TPM_CMD') die(`${name} came while a command executes`);
  if (faults.get('mute') === name) return;
  if (faults.get('refuse') === name) return send(control, name === 'GET_STATEBLOB' ? words(9, 0, 0, 0) : words(9));
  const answered = answerRequest(bigEndian32(piece, 0), piece);
  if (answered !== null) send(control, answered);
});

function answerRequest(code: number, request: Uint8Array): Uint8Array | null {
  switch (code) {
    case PTM_CMD.GET_CAPABILITY:
      return words(0, Number(faults.get('capability') ?? ALL_CAPABILITIES));
    case PTM_CMD.SET_BUFFERSIZE:
      return words(0, Number(faults.get('buffer') ?? bigEndian32(request, 4)), 2808, 4096);
    case PTM_CMD.INIT:
      powerOn();
      return words(0);
    case PTM_CMD.STOP:
      running = false;
      return words(0);
    case PTM_CMD.SHUTDOWN:
      send(control, words(0));
      setTimeout(() => process.exit(0), 5);
      return null;
    case PTM_CMD.CANCEL_TPM_CMD:
      process.stderr.write('cancel\n');
      if (faults.has('cancels') && executing) {
        executing = false;
        send(data, sentCommandAnswer(errorResponse(TPM_RC.CANCELED)));
      }
      return words(0);
    case PTM_CMD.GET_STATEBLOB:
      return running ? getBlob(bigEndian32(request, 8), bigEndian32(request, 12)) : words(0x0a);
    case PTM_CMD.SET_STATEBLOB:
      return setBlob(bigEndian32(request, 8), request.subarray(16));
    default:
      return words(0x0a);
  }
}

function getBlob(kind: number, offset: number): Uint8Array {
  const bytes = blob(kind);
  if (bytes === null) return words(0x800, 0, 0, 0);
  const part = bytes.subarray(offset, offset + Number(faults.get('part') ?? bytes.length));
  return Buffer.concat([words(0, 0, bytes.length, part.length), part]);
}

function setBlob(kind: number, bytes: Uint8Array): Uint8Array {
  if (running) return words(0x0a);
  if (faults.get('refuse-blob') === String(kind)) {
    // As swtpm does: what was set before is thrown away with it.
    rmSync(permanentFile, { force: true });
    return words(0x83);
  }
  writeFileSync(kind === 1 ? permanentFile : volatileFile, bytes);
  return words(0);
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i);
  });
  return bytes;
}
