/**
 * Memory in large pages, for tables of many megabytes that are looked at all over: in pages of 4 KiB nearly every look
 * waits for the translation of its address first.
 *
 * Where `/sys/kernel/mm/transparent_hugepage/enabled` says `madvise`, which is usual, Linux gives them to who asks
 * (admin-guide/mm/transhuge of the kernel's documentation). Memory that was touched before, as what the allocator of the C
 * library gives out a second time, stays in small pages then; since Linux 6.1 it can be moved (madvise(2)).
 */
import type { Allocate } from '../protocol/allocate.js';
import { koffi } from './koffi.js';

/** Smaller buffers are allocated as ever: of the large pages of x86-64 (2 MiB) they need not hold a whole one. */
export const LARGE_BYTES: number = 4 << 20;

/** Numbers of advice for madvise(2), from the kernel's asm-generic/mman-common.h. */
const MADV_HUGEPAGE = 14;
const MADV_COLLAPSE = 25;
/** What an address must be a multiple of: a page is as large as this at most (arm64), and mostly 4 KiB. */
const PAGE_BYTES = 65_536;

/** Advises on a buffer that was just made, or on words that are a memory from its beginning. */
type Advise = (memory: ArrayBuffer | Int32Array) => void;

let advise: Advise | undefined;

/**
 * A buffer of `byteLength` zero bytes, in large pages where the system gives any: plain memory where the optional package
 * koffi is not installed or the system is not Linux. Throws what `new ArrayBuffer` throws, and nothing else.
 */
export const allocateLarge: Allocate = Object.assign(
  (byteLength: number): ArrayBuffer => {
    const buffer = new ArrayBuffer(byteLength);
    adviseOn(buffer);
    return buffer;
  },
  { advise: adviseOn },
);

function adviseOn(memory: ArrayBuffer | Int32Array): void {
  if (memory.byteLength < LARGE_BYTES) return;
  advise ??= findAdvise();
  advise(memory);
}

function findAdvise(): Advise {
  const calls = koffi();
  if (calls === null) return () => {};
  try {
    const library = calls.load('libc.so.6');
    const at = library.func('int madvise(int64_t address, size_t length, int advice)');
    const on = library.func('int madvise(void *words, size_t length, int advice)');
    return (memory) => {
      // An advice: a kernel without large pages says no, and the memory is as good as any.
      if (!(memory instanceof ArrayBuffer)) {
        on(memory, memory.byteLength, MADV_HUGEPAGE);
        return;
      }
      const address = Number(calls.address(memory));
      const begin = Math.ceil(address / PAGE_BYTES) * PAGE_BYTES;
      const end = Math.floor((address + memory.byteLength) / PAGE_BYTES) * PAGE_BYTES;
      at(begin, end - begin, MADV_HUGEPAGE);
      at(begin, end - begin, MADV_COLLAPSE);
    };
  } catch {
    // Another C library.
    return () => {};
  }
}
