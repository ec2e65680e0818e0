/**
 * A recorded session of the command line tools of xenstore: commands, what they printed, and the frames of each.
 */
import { readFileSync } from 'node:fs';
import { encodeFrame, readWord, XsType } from '../../protocol/xs-wire.js';

/** One line of a recording: a command that was recorded, or one that only prepared the store. */
export interface ToolLine {
  readonly n: number;
  readonly cmd?: readonly string[];
  readonly setup?: readonly string[];
  readonly rc?: number;
  readonly stdout?: string;
  readonly stderr?: string;
  /** Frames in hex, from the client (`c`) and from the server (`s`), in the order in which they passed. */
  readonly wire?: readonly (readonly ['c' | 's', string])[];
  /** Commands that another client ran meanwhile. */
  readonly during?: readonly (readonly string[])[];
}

export function toolSession(daemon: 'c' | 'ocaml'): ToolLine[] {
  const text = readFileSync(`test/recordings/xenstore-utils-${daemon}.jsonl`, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ToolLine);
}

/** Whether the daemon's answer is a text for people, which differs from version to version. */
export function isForPeople({ cmd = [] }: ToolLine): boolean {
  return cmd[0] === 'xenstore-control' && ['help', 'quota', 'nosuch'].includes(cmd[1] ?? '');
}

/** The frames that `side` sent. */
export function framesOf(line: ToolLine, side: 'c' | 's'): string[] {
  return (line.wire ?? []).filter(([from]) => from === side).map(([, frame]) => frame);
}

/** How many frames the server had sent when the commands of `during` began: the answer and the first event of each watch. */
export function framesBefore(line: ToolLine): number {
  return 2 * framesOf(line, 'c').length;
}

/** `frame` without a generation count, of which only equality is specified. */
export function maskGeneration(frame: string): string {
  const bytes = Buffer.from(frame, 'hex');
  if (readWord(bytes, 0) !== XsType.DIRECTORY_PART) return frame;
  const end = 16 + bytes.subarray(16).indexOf(0);
  const length = bytes.length - end;
  return `${frame.slice(0, 24)} generation, ${length} bytes: ${frame.slice(2 * end)}`;
}

/** The frames of a command that was not recorded. */
export function framesOfCommand([name, path = '', value = '']: readonly string[]): Uint8Array[] {
  const frame = (type: number, transactionId: number, payload: string): Uint8Array =>
    encodeFrame({ type, requestId: 0, transactionId, payload });
  if (name === 'xenstore-write') return [frame(XsType.WRITE, 0, `${path}\0${value}`)];
  if (name === 'xenstore-rm') {
    return [
      frame(XsType.TRANSACTION_START, 0, '\0'),
      frame(XsType.RM, 1, `${path}\0`),
      frame(XsType.TRANSACTION_END, 1, 'T\0'),
    ];
  }
  throw new Error(`expected xenstore-write or xenstore-rm, found ${name}`);
}
