/**
 * The shared page is hostile, for either end: while a process of its own flips words of the ring pages, neither the backend
 * nor the guest strays, faults or dies, and no answer is longer than a page. What commands become is not judged: whoever
 * writes the page decides that.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { RING_PAGES, RING_PFN } from '../../frontend/guest-memory.js';
import { native } from '../../live/memory/native.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { LiveRun } from '../support/live/live-run.js';
import { readPcr, startup } from '../support/model-commands.js';

const FLIPPER = fileURLToPath(new URL('./page-flipper.js', import.meta.url));
const SEEDS = [1, 2];
const COMMANDS = 60;
const HEADER_BYTES = 10;
/** A command whose answer was destroyed is given up by its client. */
const GIVE_UP_MILLISECONDS = 200;

t.test('words of the ring are flipped while both ends read it', { timeout: 600_000 }, async (t) => {
  if (native() === null) {
    t.comment('koffi is not installed');
    t.pass();
    return;
  }
  for (const seed of SEEDS) {
    const live = await LiveRun.begin();
    try {
      const [host] = (await live.status()).hosts;
      const guest = host?.parts.find(({ name }) => name === 'guest')?.pid ?? 0;
      const rings = Array.from({ length: RING_PAGES }, (_, page) => String((RING_PFN + page) * PAGE_SIZE));
      const flipper = spawn(process.execPath, [FLIPPER, memoryOf(guest), String(seed), ...rings], { stdio: 'inherit' });
      const ended = new Promise((resolve) => flipper.once('exit', resolve));
      let longest = 0;
      let answered = 0;
      for (let i = 0; i < COMMANDS; i++) {
        const answer = await ask(live.port, i % 2 === 0 ? readPcr(16) : startup);
        longest = Math.max(longest, answer?.length ?? 0);
        if (answer !== null) answered++;
      }
      flipper.kill('SIGKILL');
      await ended;
      t.ok(longest <= PAGE_SIZE, `the longest answer has ${longest} bytes`);
      t.comment(`${answered} of ${COMMANDS} answered`);
      const { hosts } = await live.status();
      for (const { name, running, restarts } of hosts[0]?.parts ?? [])
        t.strictSame([running, restarts], [true, 0], `seed ${seed}: ${name}`);
    } finally {
      t.strictSame(await live.end(), { files: false, processes: [] });
    }
  }
});

/** The file of the guest's memory, by a descriptor of its process. */
function memoryOf(pid: number): string {
  const folder = `/proc/${pid}/fd`;
  const found = readdirSync(folder).find((name) =>
    readlinkSync(`${folder}/${name}`).startsWith('/memfd:quiesce-a-guest'),
  );
  if (found === undefined) throw new Error('expected the guest to have its memory open');
  return `${folder}/${found}`;
}

/** The answer over a connection of its own; null where none came that is whole. */
function ask(port: number, command: Uint8Array): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let got = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), GIVE_UP_MILLISECONDS);
    socket.on('connect', () => socket.write(command));
    socket.on('data', (piece) => {
      got = Buffer.concat([got, piece]);
      if (got.length >= HEADER_BYTES && got.length >= got.readUInt32BE(2)) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(got.length === 0 ? null : got);
    });
  });
}
