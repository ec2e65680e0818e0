/**
 * Pages on their way to another host: whole or not at all, wherever the connection breaks and whatever is changed on it.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import t from 'tap';
import { type PageReceiver, receivePages, sendPages, type TransferPlace } from '../../live/hypercall/transfer.js';
import { threadAddressSpace } from '../../live/memory/address-space.js';
import { DEVICE_PAGE } from '../../live/memory/segments.js';
import { SharedMemory } from '../../live/memory/shared-memory.js';
import { Seeded } from '../../live/soak/seeded.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { PLAN } from '../support/live/spaces.js';

const PAGES = 8;
const RECORD_BYTES = 4 + PAGE_SIZE;
const HEADER_BYTES = 16;
const TOTAL_BYTES = HEADER_BYTES + PAGES * RECORD_BYTES + 4 + 32;
const SEEDED_CUTS = 100;
const SEEDED_FLIPS = 60;

const folder = mkdtempSync(`${tmpdir()}/quiesce-transfer-`);
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

function place(): TransferPlace {
  const buffer = new SharedArrayBuffer(PLAN.frames * PAGE_SIZE);
  return { memory: new SharedMemory(threadAddressSpace(PLAN, buffer)), plan: PLAN, trace: null };
}

/** Some pages of the guest and of the TPM, the last ones among them; its record is that of one which is idle. */
const FRAMES = [2, 3, 9, PLAN.guest.pages - 1]
  .map((pfn) => PLAN.guest.firstFrame + pfn)
  .concat([DEVICE_PAGE + 1, DEVICE_PAGE + 2, 20, PLAN.backend.pages - 1].map((page) => PLAN.backend.firstFrame + page));

function filled(seed: number): TransferPlace {
  const made = place();
  const random = new Seeded(seed);
  for (const frame of FRAMES)
    for (let at = 0; at < PAGE_SIZE; at++) made.memory.bytes[frame * PAGE_SIZE + at] = random.below(256);
  return made;
}

interface Outcome {
  readonly sent: number;
  readonly received: number;
  readonly equal: boolean;
}

let sockets = 0;

async function move(cutAfterBytes: number | null, via?: (path: string) => Promise<string>): Promise<Outcome> {
  const source = filled(1);
  const target = place();
  const path = `${folder}/${++sockets}`;
  const { received } = await receivePages(target, path);
  const sent = await sendPages(source, (await via?.(path)) ?? path, cutAfterBytes);
  const outcome = await received;
  const equal = FRAMES.every((frame) => {
    const [from, to] = [frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE];
    return Buffer.from(source.memory.bytes.subarray(from, to)).equals(target.memory.bytes.subarray(from, to));
  });
  return { sent, received: outcome, equal };
}

t.test('whole', async (t) => {
  t.strictSame(await move(null), { sent: 0, received: 0, equal: true });
  t.strictSame(await move(TOTAL_BYTES + 1), { sent: 0, received: 0, equal: true }, 'a cut after the end is none');
});

t.test('a connection that breaks before the end: neither side takes it for done', async (t) => {
  const random = new Seeded(7);
  const cuts = new Set(Array.from({ length: HEADER_BYTES + 8 }, (_, at) => at));
  for (let page = 0; page <= PAGES; page++)
    for (const by of [-1, 0, 1, 4]) cuts.add(HEADER_BYTES + page * RECORD_BYTES + by);
  for (let back = 1; back <= 37; back++) cuts.add(TOTAL_BYTES - back);
  for (let i = 0; i < SEEDED_CUTS; i++) cuts.add(random.below(TOTAL_BYTES));
  for (const cut of cuts) {
    const { sent, received } = await move(cut);
    t.strictSame([sent, received], [-1, -1], `${cut} bytes`);
  }
});

// Two generals: the sender can only be sure when it is told. That the target has everything does no harm, for it runs
// only when the sender's toolstack says so.
t.test('a connection that breaks before the confirmation: the sender does not take it for done', async (t) => {
  const { received, equal } = await move(TOTAL_BYTES);
  t.strictSame([received, equal], [0, true]);
  const lost = await move(null, (path) => proxied(path, (piece) => piece, 'deaf'));
  t.strictSame(lost, { sent: -1, received: 0, equal: true });
});

t.test('a byte that is changed on the way is found', async (t) => {
  const random = new Seeded(9);
  const flips = [0, 7, 8, 12, HEADER_BYTES, TOTAL_BYTES - 33, TOTAL_BYTES - 1];
  for (let i = 0; i < SEEDED_FLIPS; i++) flips.push(random.below(TOTAL_BYTES));
  for (const flip of flips) {
    let seen = 0;
    const change = (piece: Buffer): Buffer => {
      const changed = Buffer.from(piece);
      if (flip >= seen && flip < seen + piece.length) changed[flip - seen] = (changed[flip - seen] as number) ^ 0x10;
      seen += piece.length;
      return changed;
    };
    const { sent, received } = await move(null, (path) => proxied(path, change, 'both ways'));
    t.strictSame([sent, received], [-1, -1], `byte ${flip}`);
  }
});

t.test('nothing comes after an abort', async (t) => {
  const source = filled(1);
  const target = place();
  const path = `${folder}/again`;
  let receiverBefore: PageReceiver | null = null;
  for (const moment of ['before anybody sends', 'while somebody sends', 'before anybody sends']) {
    const receiver = await receivePages(target, path);
    const sending = moment.startsWith('while') ? sendPages(source, path) : null;
    if (sending !== null) await new Promise((resolve) => setImmediate(resolve));
    receiver.abort();
    receiverBefore = receiver;
    const before = Buffer.from(target.memory.bytes);
    t.equal(await receiver.received, -1, moment);
    t.equal(await (sending ?? sendPages(source, path)), -1, moment);
    t.ok(before.equals(Buffer.from(target.memory.bytes)), moment);
    t.notOk(existsSync(path), 'no file is left');
  }
  const next = await receivePages(target, path);
  receiverBefore?.abort();
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(await sendPages(source, path), 0, 'the next one is not in the way of the one before');
  t.equal(await next.received, 0);
});

/** Path of somebody in between, who changes what is sent; a deaf one loses the answer with the connection. */
function proxied(path: string, change: (piece: Buffer) => Buffer, ways: 'both ways' | 'deaf'): Promise<string> {
  const own = `${path}.proxy`;
  const server = createServer((socket) => {
    server.close();
    const onward = connect(path);
    socket.on('data', (piece) => onward.write(change(piece)));
    // What is still expected will not come: a length that was changed leaves the target waiting for more.
    socket.on('end', () => onward.end());
    onward.on('data', (answer) => (ways === 'deaf' ? socket.destroy() : socket.write(answer)));
    onward.on('close', () => socket.destroy());
    socket.on('close', () => onward.destroy());
    for (const end of [socket, onward]) end.on('error', () => undefined);
  });
  return new Promise((resolve) => server.listen(own, () => resolve(own)));
}
