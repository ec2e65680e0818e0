/**
 * Which program this is: a digest of the code and data that decide what a run does. It tells more than the name of a
 * commit: a working tree that was changed is another program, and a commit that changes no code is none.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGE_ROOT, packageVersion } from '../library/package-root.js';

const CODE = fileURLToPath(new URL('..', import.meta.url));
/** The layers that take part in a shard. */
const LAYERS = [
  'protocol',
  'hypervisor',
  'xenstore-sim',
  'frontend',
  'backend',
  'simulator',
  'scenarios',
  'library',
  'campaign',
] as const;

let known: string | undefined;

/** SHA-256 of this program, in hexadecimal. */
export function programBuild(): string {
  known ??= digest();
  return known;
}

function digest(): string {
  const hash = createHash('sha256').update(packageVersion());
  const add = (root: string, folder: string, ending: string): void => {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((file) => file.replaceAll('\\', '/'))
      .filter((file) => file.endsWith(ending))
      .sort();
    for (const file of files) hash.update(`\0${folder}/${file}\0`).update(readFileSync(join(root, folder, file)));
  };
  for (const layer of LAYERS) add(CODE, layer, '.js');
  add(PACKAGE_ROOT, 'scenarios/sessions', '.jsonl');
  return hash.digest('hex');
}
