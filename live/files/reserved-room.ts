/**
 * Room on the disk that is held while there is some, for a program of others that must write when there is none.
 */
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export class ReservedRoom {
  readonly #path: string;
  readonly #bytes: number;

  constructor(path: string, bytes: number) {
    this.#path = path;
    this.#bytes = bytes;
  }

  /** Takes the room, and leaves as much beside it; where there is not so much, what there is stays for whoever needs it. */
  take(): void {
    try {
      const { bavail, bsize } = statfsSync(dirname(this.#path));
      if (bavail * bsize < 2 * this.#bytes) return;
      writeFileSync(this.#path, Buffer.alloc(this.#bytes), { mode: 0o600 });
    } catch {
      this.free();
    }
  }

  /** Gives it to whoever writes next. */
  free(): void {
    rmSync(this.#path, { force: true });
  }
}
