/** The recorded sessions of `scenarios/sessions`, parsed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSession, type Session } from '../../protocol/tpm/session.js';

const folder = join(process.cwd(), 'scenarios', 'sessions');

/** File names, sorted. */
export const SESSION_FILES: readonly string[] = readdirSync(folder).sort();

export function sessionText(file: string): string {
  return readFileSync(join(folder, file), 'utf8');
}

/** The session with that name, without `.jsonl`. */
export function recordedSession(name: string): Session {
  return parseSession(`${name}.jsonl`, sessionText(`${name}.jsonl`));
}
