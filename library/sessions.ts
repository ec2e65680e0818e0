/**
 * The recorded sessions, by name or by file.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { QuiesceError } from '../protocol/errors.js';
import { parseSession, type Session } from '../protocol/tpm/session.js';
import { USUAL_SESSION } from '../simulator/token.js';
import { readText } from './files.js';
import { PACKAGE_ROOT } from './package-root.js';

const FOLDER = join(PACKAGE_ROOT, 'scenarios', 'sessions');
const ENDING = '.jsonl';

/** Names of the sessions that come with the package, sorted. */
export function sessionNames(): readonly string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .sort();
}

/**
 * Loads a session: a name of `sessionNames`, or a file, which is what ends in `.jsonl` or names a folder. A session of
 * a file is named by its path, so that a schedule that names it finds it again. Throws `UNKNOWN_NAME`, `BAD_SESSION`,
 * or `USAGE` for a file that cannot be read.
 */
export function loadSession(name: string = USUAL_SESSION): Session {
  if (name.endsWith(ENDING) || /[/\\]/.test(name)) return { ...parseSession(name, readText(name)), name };
  const known = sessionNames();
  if (!known.includes(name)) {
    throw new QuiesceError(
      'UNKNOWN_NAME',
      `there is no session '${name}'; known: ${known.join(', ')}, or a file that ends in ${ENDING}`,
    );
  }
  const file = `${name}${ENDING}`;
  return parseSession(file, readText(join(FOLDER, file)));
}
