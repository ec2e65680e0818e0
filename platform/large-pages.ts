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

type Advise = (buffer: ArrayBuffer) => void;

let advise: Advise | undefined;

/**
 * A buffer of `byteLength` zero bytes, in large pages where the system gives any: plain memory where the optional package
 * koffi is not installed or the system is not Linux. Throws what `new ArrayBuffer` throws, and nothing else.
 */
export const allocateLarge: Allocate = (byteLength) => {
  const buffer = new ArrayBuffer(byteLength);
  if (byteLength >= LARGE_BYTES) {
    advise ??= findAdvise();
    advise(buffer);
  }
  return buffer;
};

function findAdvise(): Advise {
  const calls = koffi();
  if (calls === null) return () => {};
  try {
    const madvise = calls.load('libc.so.6').func('int madvise(int64_t address, size_t length, int advice)');
    return (buffer) => {
      const address = Number(calls.address(buffer));
      const begin = Math.ceil(address / PAGE_BYTES) * PAGE_BYTES;
      const end = Math.floor((address + buffer.byteLength) / PAGE_BYTES) * PAGE_BYTES;
      // An advice: a kernel without large pages says no, and the memory is as good as any.
      madvise(begin, end - begin, MADV_HUGEPAGE);
      madvise(begin, end - begin, MADV_COLLAPSE);
    };
  } catch {
    // Another C library.
    return () => {};
  }
}
