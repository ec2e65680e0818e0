/**
 * What a full disk may do to a live system: nothing that a guest notices, and to the toolstack only what it says.
 *
 * Parts that were there write over what they have written before, so they come back without room; a migration to a host
 * that was never prepared needs some, and says so.
 */
import type { Test } from 'tap';
import { control } from '../../../live/toolstack/control-client.js';
import { LiveRun, pause } from './live-run.js';
import { SmallDisk } from './small-disk.js';

const DISK_KIBIBYTES = 4096;
const MIGRATE_MILLISECONDS = 120_000;

export interface FullDiskStory {
  readonly tpm: 'model' | 'swtpm';
  /** From which on the disk is full, of what a migration tells of itself: 0, `host b is prepared`, to 4, `the guest goes on`. */
  readonly moments: readonly number[];
  /** Done while the disk is full and again when it is not, with whatever makes the TPM write its state. */
  readonly write?: (live: LiveRun) => Promise<void>;
}

/** Runs the story; a comment says so where there can be no small disk. */
export async function fullDiskStory(t: Test, { tpm, moments, write }: FullDiskStory): Promise<void> {
  const disk = SmallDisk.make(DISK_KIBIBYTES);
  if (disk === null) {
    t.comment('only root can make a disk that is full');
    t.pass();
    return;
  }
  try {
    await t.test('no system begins on it, and nothing is left', async (t) => {
      disk.fill();
      await t.rejects(LiveRun.begin({ tpm }, disk.path));
      disk.free();
    });
    const live = await LiveRun.begin({ tpm }, disk.path);
    try {
      await whileFull(t, live, disk, tpm === 'swtpm' ? ['tpm'] : []);
      if (write !== undefined)
        await t.test('a TPM that must write waits until there is room', () => late(live, disk, write));
      await migrations(t, live, disk, moments);
      disk.fill();
    } finally {
      t.strictSame(await live.end(), { files: false, processes: [] }, 'it ends on a full disk');
    }
  } finally {
    disk.remove();
  }
}

async function whileFull(t: Test, live: LiveRun, disk: SmallDisk, more: readonly string[]): Promise<void> {
  disk.fill();
  for (const part of ['backend', 'guest', 'xenstored', 'hypervisor', 'user', 'toolstack', ...more]) {
    await t.test(`${part} dies while the disk is full, and comes back`, async (t) => {
      await live.extend();
      if (part === 'tpm') await live.control('kill', part);
      else await live.killed(part);
      await live.extendAgain();
      await allWell(t, live, 'a');
    });
  }
  await t.test('suspend and cancel', async (t) => {
    await live.control('suspend');
    t.equal((await live.status()).hosts[0]?.guest, 'suspended');
    await live.control('cancel');
    await live.extendAgain();
    await allWell(t, live, 'a');
  });
  await t.test('a host that was never prepared cannot take the guest, which goes on where it is', async (t) => {
    const traffic = new Traffic(live);
    disk.fill();
    await t.rejects(migrate(live));
    t.equal((await live.status()).owner, 'a');
    disk.free();
    await traffic.end();
    await allWell(t, live, 'a');
  });
}

async function late(live: LiveRun, disk: SmallDisk, write: (live: LiveRun) => Promise<void>): Promise<void> {
  await write(live);
  disk.fill();
  const waits = write(live);
  await pause(500);
  disk.free();
  await waits;
  await write(live);
}

/** The disk is full from some moment of a migration on. */
async function migrations(t: Test, live: LiveRun, disk: SmallDisk, moments: readonly number[]): Promise<void> {
  for (const moment of moments) {
    await t.test(`full from moment ${moment} of a migration on`, async (t) => {
      const traffic = new Traffic(live);
      let seen = 0;
      const outcome = await migrate(live, () => {
        if (seen++ === moment) disk.fill();
      }).then(
        () => 'moved',
        (error: Error) => error.message,
      );
      t.comment(outcome);
      const { owner } = await live.statusAgain();
      // A TPM whose room was taken when it had none waits for this.
      disk.free();
      await traffic.end();
      await live.extendAgain();
      await allWell(t, live, owner);
    });
  }
  await t.test('it moves when there is room', async (t) => {
    const { owner } = await live.status();
    await migrate(live);
    await live.extendAgain();
    await allWell(t, live, owner === 'a' ? 'b' : 'a');
  });
}

function migrate(live: LiveRun, onProgress: () => void = () => undefined): Promise<unknown> {
  return control(live.directory, { command: 'migrate' }, { milliseconds: MIGRATE_MILLISECONDS, onProgress });
}

/** One guest runs, and its PCR holds what the commands say. */
async function allWell(t: Test, live: LiveRun, owner?: string): Promise<void> {
  const status = await live.settled();
  const running = status.hosts.filter(({ guest }) => guest === 'running').map(({ name }) => name);
  t.strictSame(running, [owner ?? status.owner], 'one guest runs');
  t.equal(status.exactlyOnce, true);
  t.same(await live.pcr(), live.expected);
}

/** Commands one after the other, until the end. */
class Traffic {
  #ended = false;
  readonly #running: Promise<void>;

  constructor(live: LiveRun) {
    this.#running = (async () => {
      while (!this.#ended) {
        await live.extendAgain();
        await pause(1);
      }
    })();
    this.#running.catch(() => undefined);
  }

  /** Throws what a command has thrown. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#running;
  }
}
