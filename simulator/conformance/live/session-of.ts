/**
 * The commands of a live run as a session: those its user issued, with the answers that its TPM gave.
 */

import { digestWords } from '../../../protocol/digest.js';
import { QuiesceError } from '../../../protocol/errors.js';
import { packWords } from '../../../protocol/memory.js';
import { commandName } from '../../../protocol/tpm/command-codes.js';
import { readCommandHeader, readResponseHeader } from '../../../protocol/tpm/header.js';
import { parseSession, type Session, type SessionEntry } from '../../../protocol/tpm/session.js';
import type { LiveEvent } from './events.js';

/** TPM_RC_FAILURE: of a command that was never executed. */
const NO_ANSWER = '80010000000a00000101';

/**
 * `text` is null where a session cannot hold what was issued: a packet without a header, say. Throws `BAD_RECORDING` where
 * the commands are not numbered one after the other.
 */
export function sessionOf(name: string, events: readonly LiveEvent[]): { session: Session; text: string | null } {
  const commands: { readonly command: string; readonly locality: number }[] = [];
  /** Of a step that was cut off: it is a command where the next one that is taken has the number after it. */
  let cut: { readonly command: string; readonly locality: number } | null = null;
  for (const { details, file, endLine, open } of events) {
    const { command, locality = 0, state } = details;
    if (command === undefined) continue;
    if (open) {
      cut = { command, locality };
      continue;
    }
    const index = (state?.['user.position'] ?? 0) - 1;
    if (cut !== null && index === commands.length + 1) commands.push(cut);
    cut = null;
    // A guest that dies while it takes a command takes it again.
    if (index === commands.length) commands.push({ command, locality });
    else if (index !== commands.length - 1)
      throw new QuiesceError(
        'BAD_RECORDING',
        `${file}:${endLine}: expected command number ${commands.length}, found ${index}`,
      );
  }
  if (cut !== null) commands.push(cut);
  const answers = answersOf(
    commands.map(({ command }) => command),
    events,
  );
  const text = textOf(commands, answers);
  return { session: { name, entries: commands.map(entryOf) }, text };
}

function entryOf({ command, locality }: { command: string; locality: number }, sequence: number): SessionEntry {
  const bytes = fromHex(command);
  const response = fromHex(NO_ANSWER);
  const commandWords = packWords(bytes);
  const responseWords = packWords(response);
  return {
    sequence,
    locality,
    name: 'recorded',
    code: bytes.length >= 10 ? readCommandHeader(bytes).code : 0,
    responseCode: 0x101,
    elapsedMicroseconds: 0,
    command: bytes,
    response,
    commandWords,
    responseWords,
    commandDigest: digestWords(commandWords, bytes.length),
    responseDigest: digestWords(responseWords, response.length),
    changesState: false,
  };
}

/** The answer to each command, by the packets that backends took out of the ring before; executed twice, the first counts. */
function answersOf(commands: readonly string[], events: readonly LiveEvent[]): readonly string[] {
  const answers: string[] = [];
  const digests = commands.map((command) => digestOf(command));
  let request: number | null = null;
  let next = 0;
  for (const { name, details } of events) {
    if (name.endsWith('.serve/fetch') && details.request !== undefined) request = details.request;
    if (!name.endsWith('.execute/complete') || details.answer === undefined) continue;
    if (digests[next] !== request) continue;
    answers[next++] = details.answer;
  }
  return Array.from(commands, (_, i) => answers[i] ?? NO_ANSWER);
}

function textOf(
  commands: readonly { readonly command: string; readonly locality: number }[],
  answers: readonly string[],
): string | null {
  const lines = commands.map(({ command, locality }, seq) => {
    const bytes = fromHex(command);
    if (bytes.length < 10) return null;
    const response = answers[seq] as string;
    const answer = fromHex(response);
    return `${JSON.stringify({
      session: 'live',
      seq,
      locality,
      cc: commandName(readCommandHeader(bytes).code) ?? '',
      rc: answer.length < 10 ? 0 : readResponseHeader(answer).code,
      elapsed_us: 0,
      command,
      response,
    })}\n`;
  });
  if (lines.length === 0 || lines.includes(null)) return null;
  const text = lines.join('');
  try {
    parseSession('live', text);
    return text;
  } catch (error) {
    if (error instanceof QuiesceError) return null;
    throw error;
  }
}

function digestOf(hex: string): number {
  const bytes = fromHex(hex);
  return digestWords(packWords(bytes), bytes.length);
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
