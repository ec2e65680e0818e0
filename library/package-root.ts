/**
 * Where this package lies: the nearest folder upwards with a package.json and the recorded sessions. The compiled code
 * lies in another folder of it from build to build.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '../protocol/assert.js';

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) || !existsSync(join(folder, 'scenarios', 'sessions'))) {
    const parent = dirname(folder);
    assert(parent !== folder, 'expected a folder with package.json and scenarios/sessions above the program');
    folder = parent;
  }
  return folder;
}

export const PACKAGE_ROOT: string = findRoot();

/** The version in package.json. */
export function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8'));
  assert(typeof parsed === 'object' && parsed !== null && 'version' in parsed, 'package.json: expected a version');
  return String(parsed.version);
}
