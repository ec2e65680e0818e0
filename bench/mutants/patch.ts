/** Applies the changes of a mutant to the text of a source. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eraseTypes } from '../../library/erase-types.js';
import { PACKAGE_ROOT } from '../../library/package-root.js';
import type { Edit } from '../../scenarios/mutants/mutant.js';

/** Throws an `Error` that names the file, unless each old text stands in `text` exactly once. */
export function patched(file: string, text: string, edits: readonly Edit[]): string {
  return edits.reduce((before, edit) => {
    const found = before.split(edit.old).length - 1;
    if (found !== 1)
      throw new Error(
        `${file}: expected the text that a mutant changes exactly once, found it ${found} times: ${JSON.stringify(edit.old)}`,
      );
    if (edit.new === edit.old) throw new Error(`${file}: a mutant changes nothing: ${JSON.stringify(edit.old)}`);
    return before.replace(edit.old, () => edit.new);
  }, text);
}

/** The JavaScript of a source of this repository with the edits that are meant for it. Throws as `patched` does. */
export function patchedModule(file: string, edits: readonly Edit[]): string {
  const text = readFileSync(join(PACKAGE_ROOT, file), 'utf8');
  const own = edits.filter((edit) => edit.file === file);
  return eraseTypes(file, patched(file, text, own));
}
