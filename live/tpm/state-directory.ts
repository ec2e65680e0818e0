/** The directory in which an swtpm keeps its permanent state, and what is known of it before swtpm looks at it. */
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getuid } from 'node:process';
import { QuiesceError } from '../../protocol/errors.js';

/** Names of swtpm 0.7.1 for the first TPM 2.0 of a directory (src/swtpm/swtpm_nvstore_dir.c). */
const PERMANENT = 'tpm2-00.permall';
const VOLATILE = 'tpm2-00.volatilestate';
/** More than a permanent state has that is not full of NV indices. */
const ROOM_BYTES = 64 * 1024;

export class StateDirectory {
  readonly path: string;

  /** Makes the directory with mode 0700 if there is none. Throws `CANNOT_START_TPM` when others could get at the state. */
  constructor(path: string) {
    this.path = path;
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      const { mode, uid } = statSync(path);
      if (uid !== getuid?.()) throw cannotUse(path, `expected it to be ours, found it owned by user ${uid}`);
      if ((mode & 0o077) !== 0) {
        const found = `mode ${(mode & 0o777).toString(8)}`;
        throw cannotUse(path, `expected that nobody else may enter, found ${found}: chmod 700 it`);
      }
    } catch (error) {
      if (error instanceof QuiesceError) throw error;
      throw cannotUse(path, error instanceof Error ? error.message : String(error));
    }
  }

  /** Whether there is the permanent state of a TPM. */
  get hasState(): boolean {
    return (statSync(join(this.path, PERMANENT), { throwIfNoEntry: false })?.size ?? 0) > 0;
  }

  /** Another one after each change of the permanent state: swtpm writes a new file and renames it. Null where none is. */
  get permanentVersion(): string | null {
    const file = statSync(join(this.path, PERMANENT), { bigint: true, throwIfNoEntry: false });
    return file === undefined ? null : `${file.ino} ${file.size} ${file.mtimeNs} ${file.ctimeNs}`;
  }

  /**
   * Whether a volatile state was left behind. swtpm would resume from it, however old it is; what is left here is of a
   * process that was killed while its state was read, and older than the permanent state beside it.
   */
  get hasVolatileState(): boolean {
    return existsSync(join(this.path, VOLATILE));
  }

  /** Whether a state can be written now. */
  get hasRoom(): boolean {
    const path = join(this.path, 'room');
    try {
      writeFileSync(path, Buffer.alloc(ROOM_BYTES), { mode: 0o600 });
      return true;
    } catch {
      return false;
    } finally {
      rmSync(path, { force: true });
    }
  }

  /** Removes what is there of a TPM. */
  discard(): void {
    for (const name of [PERMANENT, VOLATILE]) rmSync(join(this.path, name), { force: true });
  }

  /** Throws `CANNOT_START_TPM` unless there is a state, or there is none, as `wanted`. */
  expect(wanted: 'new' | 'existing'): void {
    if (this.hasState === (wanted === 'existing')) return;
    throw cannotUse(
      this.path,
      wanted === 'new'
        ? 'expected no TPM there, found the state of one: start it as an existing one, or choose another directory'
        : `expected the state of a TPM there (${PERMANENT}), found none: a TPM started on it would be a new one`,
    );
  }
}

function cannotUse(path: string, what: string): QuiesceError {
  return new QuiesceError('CANNOT_START_TPM', `state directory ${path}: ${what}`);
}
