import { existsSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { koffi } from '../../platform/koffi.js';
import { allocateLarge, LARGE_BYTES } from '../../platform/large-pages.js';
import { GrowingWords } from '../../protocol/growing-words.js';

const calls = koffi();

function givesLargePages(): boolean {
  const setting = '/sys/kernel/mm/transparent_hugepage/enabled';
  return existsSync(setting) && /\[(?:madvise|always)\]/.test(readFileSync(setting, 'utf8'));
}

/** Whether the kernel knows that the address is to be in large pages: flag `hg` of proc(5), smaps. */
function asked(address: number): boolean {
  const lines = readFileSync('/proc/self/smaps', 'utf8').split('\n');
  let inside = false;
  for (const line of lines) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range !== null) {
      inside = address >= Number.parseInt(range[1] ?? '', 16) && address < Number.parseInt(range[2] ?? '', 16);
    } else if (inside && line.startsWith('VmFlags:')) return / hg\b/.test(line);
  }
  return false;
}

t.test('a buffer is as long as it was asked for, and zero, whatever the system gives', async (t) => {
  for (const byteLength of [0, 1, 4096, LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 12_345]) {
    const bytes = new Uint8Array(allocateLarge(byteLength));
    t.equal(bytes.length, byteLength);
    t.ok(bytes.every((byte) => byte === 0));
    bytes.fill(0xa5);
    t.ok(
      bytes.every((byte) => byte === 0xa5),
      'and all of it can be stored to',
    );
  }
  t.throws(() => allocateLarge(-1), RangeError, 'as from new ArrayBuffer');
});

if (calls === null || !givesLargePages()) t.comment('no koffi, or no large pages');
else {
  const middle = (buffer: ArrayBuffer): number => Number(calls.address(buffer)) + buffer.byteLength / 2;

  t.test('a large buffer is in large pages, a small one or a plain one is not', async (t) => {
    const large = allocateLarge(16 * LARGE_BYTES);
    const plain = new ArrayBuffer(16 * LARGE_BYTES);
    t.ok(asked(middle(large)));
    t.notOk(asked(middle(plain)));
  });

  t.test('words that have grown are in large pages', async (t) => {
    const words = new GrowingWords(1, allocateLarge);
    words.grow(48 * LARGE_BYTES);
    // A shared memory has no address here: there is none that is advised so and as long.
    const maps = readFileSync('/proc/self/smaps', 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
    const long = maps.filter((map) => Number(/^Size: +(\d+) kB/m.exec(map)?.[1]) * 1024 >= words.words.byteLength);
    t.ok(long.some((map) => /^VmFlags:.* hg\b/m.test(map)));
    words.words.fill(1);
    t.equal(words.words.at(-1), 1);
  });

  t.test('in a thread too', async (t) => {
    const module = new URL('../../platform/large-pages.js', import.meta.url).href;
    const worker = new Worker(
      `import(${JSON.stringify(module)}).then(({ allocateLarge }) =>
        require('node:worker_threads').parentPort.once('message', (byteLength) => {
          const buffer = allocateLarge(byteLength);
          require('node:worker_threads').parentPort.postMessage(buffer, [buffer]);
        }))`,
      { eval: true },
    );
    const answer = new Promise<ArrayBuffer>((resolve, reject) => worker.once('message', resolve).once('error', reject));
    worker.postMessage(16 * LARGE_BYTES);
    // The buffer moves here, and its memory with it.
    t.ok(asked(middle(await answer)));
  });
}
