/**
 * A disk that can be full: a file system of a few MiB in memory, which only root may mount.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';

const BLOCK_BYTES = 4096;

export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Null where this user may not mount. */
  static make(kibibytes: number): SmallDisk | null {
    const path = mkdtempSync(`${tmpdir()}/quiesce-disk-`);
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k,mode=0700`, 'tmpfs', path]);
    if (status === 0) return new SmallDisk(path);
    rmSync(path, { recursive: true });
    return null;
  }

  /** Takes all the room there is. */
  fill(): void {
    for (;;) {
      try {
        appendFileSync(this.#filler, Buffer.alloc(BLOCK_BYTES, 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
        throw error;
      }
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  remove(): void {
    execFileSync('umount', ['-l', this.path]);
    rmSync(this.path, { recursive: true, force: true });
  }

  get #filler(): string {
    return `${this.path}/filler`;
  }
}
