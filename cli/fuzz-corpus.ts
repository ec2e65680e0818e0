/**
 * The folder of a corpus: one file an entry, with the replay token in it, named after its digest.
 *
 * Files are written whole. What is no entry is moved to the folder `set-aside` in it, with a message, and never deleted:
 * it may be worth a look, and the code that no longer understands it may be wrong.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readText, writeWhole } from '../library/files.js';
import type { EntryCheck } from '../simulator/fuzz/shard.js';
import { usage } from './arguments.js';

const ENDING = '.token';
const SET_ASIDE = 'set-aside';
/** Longer than the token of any run. */
const BYTES_MAX = 1 << 16;
const NO_TOKEN: EntryCheck = { kind: 'damaged', reason: `expected a replay token of at most ${BYTES_MAX} bytes` };

export class CorpusFolder {
  readonly #folder: string;
  readonly #written = new Set<string>();

  /** Makes the folder when there is none. Throws `USAGE` when it cannot. */
  constructor(folder: string) {
    this.#folder = folder;
    try {
      mkdirSync(folder, { recursive: true });
      readdirSync(folder);
    } catch (error) {
      const reason = error instanceof Error ? error.message.replace(/, \w+ '.*$/, '') : String(error);
      throw usage(`--corpus: expected a folder, found ${folder} (${reason})`);
    }
  }

  /**
   * The tokens of the folder that `check` takes, in the order of their files' names. What is damaged is set aside, and
   * `onSetAside` hears of it; what is foreign stays where it is. Where `reads` is all that is to be done, damaged ones
   * stay too.
   */
  load(
    check: (token: string) => EntryCheck,
    onSetAside: (file: string, reason: string) => void,
    reads = false,
  ): readonly string[] {
    const tokens: string[] = [];
    const files = readdirSync(this.#folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(ENDING) && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .sort();
    for (const name of files) {
      const file = join(this.#folder, name);
      const token = statSync(file).size > BYTES_MAX ? '' : readText(file).replace(/\n$/, '');
      const found = token === '' ? NO_TOKEN : check(token);
      if (found.kind === 'damaged') onSetAside(reads ? file : this.#setAside(name), found.reason);
      else this.#written.add(token);
      if (found.kind === 'whole') tokens.push(token);
    }
    return tokens;
  }

  /** Writes the entries that are not in the folder yet. */
  save(tokens: readonly string[]): void {
    for (const token of tokens) {
      if (this.#written.has(token)) continue;
      const name = createHash('sha256').update(token).digest('hex').slice(0, 16);
      writeWhole(join(this.#folder, name + ENDING), `${token}\n`);
      this.#written.add(token);
    }
  }

  /** Where the file is now. A file of that name that lies there already keeps its place. */
  #setAside(name: string): string {
    const folder = join(this.#folder, SET_ASIDE);
    mkdirSync(folder, { recursive: true });
    let place = join(folder, name);
    for (let more = 2; existsSync(place); more++) place = join(folder, `${name}.${more}`);
    renameSync(join(this.#folder, name), place);
    return place;
  }
}
