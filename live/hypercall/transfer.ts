/**
 * The pages of a guest and of its TPM on their way to another host: over a socket, whole or not at all.
 *
 *     "QLIVE\0" u16 version | u32 guest pages, u32 TPM pages
 *     for each page that is not all zero: u32 number (TPM pages with the top bit), 4096 bytes
 *     u32 0xffffffff | SHA-256 over everything before
 *     answer: one byte, 1 when all has arrived and the sum is right
 */
import { createHash } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { TpmDeviceState } from '../../backend/tpm/device.js';
import { FIRST_GUEST_PFN } from '../../hypervisor/domain.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { DEVICE_PAGE, type MachinePlan } from '../memory/segments.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import { type TraceWriter, traced } from '../trace/writer.js';

const MAGIC = Buffer.from('QLIVE\0\0\x01', 'latin1');
const HEADER_BYTES = MAGIC.length + 8;
const DEVICE_BIT = 0x8000_0000;
const END = 0xffff_ffff;
const DIGEST_BYTES = 32;
/** A peer that says nothing for so long is taken for dead. */
const SILENCE_MILLISECONDS = 5000;
const IDLE_LOOK_MILLISECONDS = 1;

export interface TransferPlace {
  readonly memory: SharedMemory;
  readonly plan: MachinePlan;
  readonly trace: TraceWriter | null;
}

/**
 * Sends to whoever listens at `path`. Resolves to 0 when the other side has everything, to -1 when it is not sure to. The
 * connection breaks after `cutAfterBytes`, unless that is null.
 */
export function sendPages(place: TransferPlace, path: string, cutAfterBytes: number | null = null): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let confirmed = false;
    socket.setTimeout(SILENCE_MILLISECONDS, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', (answer) => {
      confirmed = answer[0] === 1;
      socket.destroy();
    });
    socket.on('close', () => resolve(confirmed ? 0 : -1));
    socket.on('connect', () => void writePages(place, socket, cutAfterBytes).catch(() => socket.destroy()));
  });
}

async function writePages(
  { memory, plan, trace }: TransferPlace,
  socket: Socket,
  cutAfterBytes: number | null,
): Promise<void> {
  const hash = createHash('sha256');
  let left = cutAfterBytes ?? Number.POSITIVE_INFINITY;
  /** Never goes on after the cut: everything before it is on its way. */
  const put = async (bytes: Uint8Array): Promise<boolean> => {
    if (bytes.length >= left) return new Promise(() => socket.write(bytes.subarray(0, left), () => socket.destroy()));
    left -= bytes.length;
    return socket.write(bytes);
  };
  const write = async (bytes: Uint8Array): Promise<void> => {
    hash.update(bytes);
    if (!(await put(bytes)))
      await new Promise<void>((resolve, reject) => {
        socket.once('drain', resolve);
        socket.once('close', () => reject(new Error('closed')));
      });
  };
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(plan.guest.pages, MAGIC.length);
  header.writeUInt32LE(plan.backend.pages - DEVICE_PAGE, MAGIC.length + 4);
  await write(header);
  await traced(trace, 'toolstack.run/save_memory', async () => {
    for (let pfn = FIRST_GUEST_PFN; pfn < plan.guest.pages; pfn++) {
      await writePage(memory, plan.guest.firstFrame + pfn, pfn, write);
    }
  });
  if (await isBroken(trace, 'fault/stream ends')) {
    socket.destroy();
    return;
  }
  await traced(trace, 'toolstack.run/save_vtpm', async () => {
    await idle(memory, plan);
    for (let page = DEVICE_PAGE; page < plan.backend.pages; page++) {
      await writePage(memory, plan.backend.firstFrame + page, (page - DEVICE_PAGE + DEVICE_BIT) >>> 0, write);
    }
  });
  const end = Buffer.alloc(4);
  end.writeUInt32LE(END);
  await write(end);
  await put(hash.digest());
}

/** Of a driven run: whether the stream ends here, or the image is refused; once its turn has come. */
async function isBroken(trace: TraceWriter | null, fault: string): Promise<boolean> {
  if (trace?.turns?.steps.includes(fault) !== true) return false;
  await trace.turns.take(fault, () => undefined);
  return true;
}

/** A TPM that executes is waited for: its state is that of before the command or of after it. A backend that has quiesced is idle. */
async function idle({ words }: SharedMemory, plan: MachinePlan): Promise<void> {
  const executes = ((plan.backend.firstFrame + DEVICE_PAGE) * PAGE_SIZE + TpmDeviceState.offset.execute) >>> 2;
  while (Atomics.load(words, executes) !== 0)
    await new Promise((resolve) => setTimeout(resolve, IDLE_LOOK_MILLISECONDS));
}

async function writePage(
  memory: SharedMemory,
  frame: number,
  number: number,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const words = memory.words.subarray((frame * PAGE_SIZE) >>> 2, ((frame + 1) * PAGE_SIZE) >>> 2);
  if (words.every((word) => word === 0)) return;
  const record = Buffer.alloc(4 + PAGE_SIZE);
  record.writeUInt32LE(number);
  record.set(memory.bytes.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE), 4);
  await write(record);
}

export interface PageReceiver {
  /** Resolves to 0 when all pages are in place, to -1 when the sender broke off or sent something else. */
  readonly received: Promise<number>;
  /** From now on nothing more is put in place: the pages are to be somebody else's. */
  abort(): void;
}

/** Listens at `path` for one sender. Resolves once it listens; the pages of this host are to be empty before. */
export function receivePages(place: TransferPlace, path: string): Promise<PageReceiver> {
  return new Promise((resolve, reject) => {
    let report = (_result: number): void => undefined;
    const received = new Promise<number>((settle) => {
      report = settle;
    });
    const reader = new PageReader(place);
    let sender: Socket | null = null;
    const server = createServer((socket) => {
      // The file of the socket goes with it, at once: the next one may be made at the same place.
      server.close();
      sender = socket;
      socket.setTimeout(SILENCE_MILLISECONDS, () => socket.destroy());
      socket.on('error', () => undefined);
      socket.on('close', () => report(reader.state === 'done' ? 0 : -1));
      socket.on('data', (piece) => {
        reader.push(piece);
        if (reader.state === 'done')
          void isBroken(place.trace, 'fault/image refused').then((refused) => {
            if (!refused) {
              socket.end(Buffer.of(1));
              return;
            }
            reader.state = 'bad';
            socket.destroy();
          });
        else if (reader.state === 'bad') socket.destroy();
      });
    });
    server.on('error', reject);
    const abort = (): void => {
      if (reader.state === 'done') return;
      reader.state = 'bad';
      if (sender === null) server.close();
      sender?.destroy();
      if (sender === null) report(-1);
    };
    server.listen(path, () => resolve({ received, abort }));
  });
}

class PageReader {
  state: 'header' | 'pages' | 'done' | 'bad' = 'header';
  readonly #place: TransferPlace;
  readonly #hash = createHash('sha256');
  #rest: Buffer = Buffer.alloc(0);

  constructor(place: TransferPlace) {
    this.#place = place;
  }

  push(piece: Uint8Array): void {
    this.#rest = Buffer.concat([this.#rest, piece]);
    while (this.state === 'header' || this.state === 'pages') {
      const used = this.state === 'header' ? this.#header() : this.#page();
      if (used === 0) return;
      this.#rest = this.#rest.subarray(used);
    }
  }

  #header(): number {
    if (this.#rest.length < HEADER_BYTES) return 0;
    const { plan } = this.#place;
    const header = this.#rest.subarray(0, HEADER_BYTES);
    const fits =
      header.subarray(0, MAGIC.length).equals(MAGIC) &&
      header.readUInt32LE(MAGIC.length) === plan.guest.pages &&
      header.readUInt32LE(MAGIC.length + 4) === plan.backend.pages - DEVICE_PAGE;
    this.#hash.update(header);
    this.state = fits ? 'pages' : 'bad';
    return HEADER_BYTES;
  }

  #page(): number {
    if (this.#rest.length < 4) return 0;
    const number = this.#rest.readUInt32LE();
    if (number === END) {
      if (this.#rest.length < 4 + DIGEST_BYTES) return 0;
      const digest = this.#hash.update(this.#rest.subarray(0, 4)).digest();
      this.state = digest.equals(this.#rest.subarray(4, 4 + DIGEST_BYTES)) ? 'done' : 'bad';
      return 4 + DIGEST_BYTES;
    }
    if (this.#rest.length < 4 + PAGE_SIZE) return 0;
    const { memory, plan } = this.#place;
    const device = number >= DEVICE_BIT;
    const page = device ? number - DEVICE_BIT + DEVICE_PAGE : number;
    const segment = device ? plan.backend : plan.guest;
    if (page >= segment.pages || (!device && page < FIRST_GUEST_PFN)) {
      this.state = 'bad';
      return 4;
    }
    const bytes = this.#rest.subarray(0, 4 + PAGE_SIZE);
    this.#hash.update(bytes);
    memory.bytes.set(bytes.subarray(4), (segment.firstFrame + page) * PAGE_SIZE);
    return 4 + PAGE_SIZE;
  }
}
