/**
 * Recorded TPM 2.0 sessions: real commands with the answers of a real TPM, one JSON object a line.
 *
 *     {"session":"boot","seq":0,"locality":0,"cc":"Startup","rc":0,"elapsed_us":475,"command":"8001…","response":"8001…"}
 *
 * `session` is the session's name and the same in every line, `seq` counts from 0 in the order of execution, `cc` is
 * the command's name without prefix, `rc` the response code in decimal, `elapsed_us` the microseconds the TPM took, and
 * the bytes are hexadecimal without any framing. The parser trusts nothing and accepts only what a TPM can have answered, so
 * that an engine built on a session need not check again. Members it does not know are ignored.
 */
import { digestWords } from '../digest.js';
import { QuiesceError } from '../errors.js';
import { packWords } from '../memory.js';
import { commandAttributes, commandCode, commandHandles } from './command-codes.js';
import {
  bigEndian16,
  bigEndian32,
  readCommandHeader,
  readResponseHeader,
  TPM_COMMAND_SIZE_MAX,
  TPM_ERROR_RESPONSE_SIZE,
  TPM_HEADER_SIZE,
  TPM_RESPONSE_SIZE_MAX,
  TPM_ST_NO_SESSIONS,
  TPM_ST_SESSIONS,
} from './header.js';
import { changedState } from './state-change.js';

export interface SessionEntry {
  /** Place in the session, from 0. */
  readonly sequence: number;
  /** 0 to 4. */
  readonly locality: number;
  /** Name of the command without prefix, e.g. `PCR_Extend`. */
  readonly name: string;
  readonly code: number;
  readonly responseCode: number;
  readonly elapsedMicroseconds: number;
  /** 10 to 4096 bytes, header included. */
  readonly command: Uint8Array;
  /** 10 to 4096 bytes, header included. */
  readonly response: Uint8Array;
  /** `packWords` of the command: what `Memory.writeWords` takes. */
  readonly commandWords: Int32Array;
  readonly responseWords: Int32Array;
  /** `digestWords` of the command: what `digestMemory` gives for the same bytes in memory. */
  readonly commandDigest: number;
  readonly responseDigest: number;
  /**
   * Whether this execution changed the TPM: the command is one that does and succeeded, or a wrong password was counted
   * (see `changedState`), or it succeeded under an HMAC or policy session, whose nonce has then rolled.
   */
  readonly changesState: boolean;
}

export interface Session {
  /** As its lines have it, whatever the file is called. */
  readonly name: string;
  /** One at least. */
  readonly entries: readonly SessionEntry[];
}

const LOCALITY_MAX = 4;
const TPM_RS_PW = 0x40000009;
/** Characters of a found value that a message quotes. */
const QUOTE_MAX = 40;

/**
 * Parses the text of a session file. `file` is its name or path, for messages.
 * Throws `QuiesceError('BAD_SESSION')` naming the file, the line, what was expected and what was found.
 */
export function parseSession(file: string, text: string): Session {
  const lines = text.split('\n');
  while (lines.length > 0 && (lines.at(-1) as string).trim() === '') lines.pop();
  if (lines.length === 0) throw new QuiesceError('BAD_SESSION', `${file}: expected one line at least, found none`);
  const name = new LineParser(file, 1).sessionName(lines[0] as string);
  return { name, entries: lines.map((line, i) => new LineParser(file, i + 1).parse(line, i, name)) };
}

class LineParser {
  readonly #file: string;
  readonly #line: number;

  constructor(file: string, line: number) {
    this.#file = file;
    this.#line = line;
  }

  sessionName(text: string): string {
    return this.#string(this.#object(text), 'session');
  }

  parse(text: string, sequence: number, expectedSession: string): SessionEntry {
    const record = this.#object(text);
    const session = this.#string(record, 'session');
    this.#expect(session === expectedSession, `session "${excerpt(expectedSession)}", as in line 1`, session);
    const seq = this.#integer(record, 'seq', Number.MAX_SAFE_INTEGER);
    this.#expect(seq === sequence, `seq ${sequence}`, seq);
    const locality = this.#integer(record, 'locality', LOCALITY_MAX);
    const name = this.#string(record, 'cc');
    const code = commandCode(name);
    if (code === undefined) this.#fail('the name of a command in cc', name);
    const responseCode = this.#integer(record, 'rc', 0xffffffff);
    const elapsedMicroseconds = this.#integer(record, 'elapsed_us', Number.MAX_SAFE_INTEGER);
    const command = this.#bytes(record, 'command', TPM_COMMAND_SIZE_MAX);
    const response = this.#bytes(record, 'response', TPM_RESPONSE_SIZE_MAX);
    this.#checkCommand(command, code);
    this.#checkResponse(response, responseCode, readCommandHeader(command).tag);
    const commandWords = packWords(command);
    const responseWords = packWords(response);
    return {
      sequence,
      locality,
      name,
      code,
      responseCode,
      elapsedMicroseconds,
      command,
      response,
      commandWords,
      responseWords,
      commandDigest: digestWords(commandWords, command.length),
      responseDigest: digestWords(responseWords, response.length),
      changesState: changedState(code, responseCode) || (responseCode === 0 && usesSession(command, code)),
    };
  }

  #checkCommand(command: Uint8Array, code: number): void {
    const header = readCommandHeader(command);
    const known = header.tag === TPM_ST_NO_SESSIONS || header.tag === TPM_ST_SESSIONS;
    this.#expect(known, 'a command with tag 0x8001 or 0x8002', hex(header.tag));
    this.#expect(
      header.size === command.length,
      `a command of ${header.size} bytes, as its size field says`,
      command.length,
    );
    this.#expect(header.code === code, `command code ${hex(code)}, as cc says`, hex(header.code));
  }

  #checkResponse(response: Uint8Array, responseCode: number, commandTag: number): void {
    const header = readResponseHeader(response);
    const { size, code, tag } = header;
    this.#expect(size === response.length, `a response of ${size} bytes, as its size field says`, response.length);
    this.#expect(code === responseCode, `response code ${hex(responseCode)}, as rc says`, hex(code));
    const expectedTag = responseCode === 0 ? commandTag : TPM_ST_NO_SESSIONS;
    this.#expect(tag === expectedTag, `a response with tag ${hex(expectedTag)}`, hex(tag));
    if (responseCode !== 0)
      this.#expect(size === TPM_ERROR_RESPONSE_SIZE, `an error response of ${TPM_ERROR_RESPONSE_SIZE} bytes`, size);
  }

  #object(text: string): Record<string, unknown> {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      this.#fail('a JSON object', text);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.#fail('a JSON object', text);
    return value as Record<string, unknown>;
  }

  #member(record: Record<string, unknown>, member: string): unknown {
    return Object.hasOwn(record, member) ? record[member] : undefined;
  }

  #string(record: Record<string, unknown>, member: string): string {
    const value = this.#member(record, member);
    if (typeof value !== 'string') this.#fail(`a string in ${member}`, value);
    return value;
  }

  #integer(record: Record<string, unknown>, member: string, maximum: number): number {
    const value = this.#member(record, member);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > maximum)
      this.#fail(`an integer from 0 to ${maximum} in ${member}`, value);
    // -0 passes the checks and would print as 0 while it is another value to Object.is.
    return value + 0;
  }

  #bytes(record: Record<string, unknown>, member: string, maximum: number): Uint8Array {
    const text = this.#string(record, member);
    if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text))
      this.#fail(`pairs of hexadecimal digits in ${member}`, text);
    const length = text.length / 2;
    this.#expect(
      length >= TPM_HEADER_SIZE && length <= maximum,
      `${TPM_HEADER_SIZE} to ${maximum} bytes in ${member}`,
      length,
    );
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
    return bytes;
  }

  #expect(condition: boolean, expected: string, found: unknown): void {
    if (!condition) this.#fail(expected, found);
  }

  #fail(expected: string, found: unknown): never {
    const text = typeof found === 'string' ? found : (JSON.stringify(found) ?? 'nothing');
    throw new QuiesceError('BAD_SESSION', `${this.#file}:${this.#line}: expected ${expected}, found ${excerpt(text)}`);
  }
}

/**
 * Whether an authorisation of a command that succeeded is an HMAC or policy session rather than a password.
 * The layout is TPM 2.0 Library, part 1, "Command/Response Structure": handles, size of the area, authorisations.
 * An area that does not parse, which no TPM accepts, counts as a session: the safe side.
 */
export function usesSession(command: Uint8Array, code: number): boolean {
  if (bigEndian16(command, 0) !== TPM_ST_SESSIONS || commandAttributes(code) === undefined) return false;
  let at = TPM_HEADER_SIZE + commandHandles(code) * 4;
  if (at + 4 > command.length) return true;
  const end = at + 4 + bigEndian32(command, at);
  if (end > command.length) return true;
  for (at += 4; at < end; ) {
    if (at + 9 > end || bigEndian32(command, at) !== TPM_RS_PW) return true;
    at += 4 + 2 + bigEndian16(command, at + 4) + 1;
    if (at + 2 > end) return true;
    at += 2 + bigEndian16(command, at);
  }
  return false;
}

function excerpt(text: string): string {
  return text.length > QUOTE_MAX ? `${text.slice(0, QUOTE_MAX)}…` : text;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
