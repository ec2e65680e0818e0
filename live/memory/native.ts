/**
 * System calls that Node does not have, or not so that they block: memory that several processes map, the futex, named
 * pipes, sockets that are waited for briefly, and who is at the other end of one. All of them through koffi
 * (`platform/koffi.ts`), an optional package.
 *
 * Addresses are numbers: a user's address on x86-64 and arm64 has at most 48 bits.
 */
import { arch } from 'node:process';
import { koffi as findKoffi } from '../../platform/koffi.js';
import { assert } from '../../protocol/assert.js';
import { QuiesceError } from '../../protocol/errors.js';
import { HaltPoll, type Wait } from './halt-poll.js';

export interface Native {
  /** A new anonymous file of `bytes` zero bytes, which lives as long as somebody has it open or mapped. */
  createMemory(name: string, bytes: number): number;
  /** Address of `bytes` of address space that nobody may touch yet. */
  reserve(bytes: number): number;
  /** Puts `bytes` of a file, from `offset` on, at an address that has been reserved. */
  map(address: number, bytes: number, descriptor: number, offset: number, writable: boolean): void;
  /** Makes it address space again that nobody may touch. */
  unmap(address: number, bytes: number): void;
  view(address: number, bytes: number): ArrayBuffer;
  /** Sleeps while the word at `address` holds `value`, `milliseconds` at most, until somebody wakes it. */
  futexWait(address: number, value: number, milliseconds: number): void;
  /** Whether `holds` within `milliseconds`: looks for a while, then sleeps (`HaltPoll`). */
  wait: Wait;
  /** Wakes whoever sleeps at `address`, in any process. */
  futexWake(address: number): void;
  createFifo(path: string): void;
  /** Writes one byte to a pipe; a pipe that is full is not an error. */
  writeByte(descriptor: number): void;
  /** Two Unix stream sockets that are connected with each other, closed in programs that are started. */
  socketPair(): readonly [number, number];
  /** Sleeps until `descriptor` can be read or has ended, `milliseconds` at most. */
  awaitReadable(descriptor: number, milliseconds: number): void;
  /** The same for several, of which each `ready` becomes 1 that can be read, has ended or has a client; how many there are. */
  awaitAny(descriptors: readonly number[], ready: Uint8Array, milliseconds: number): number;
  /** The next client of a socket that listens: its descriptor, which does not block, or -1 when none waits. */
  accept(descriptor: number): number;
  /** What is written to a TCP socket, or to those that one accepts from now on, goes out at once (TCP_NODELAY of tcp(7)). */
  sendAtOnce(descriptor: number): void;
  /** Another descriptor of the same connection, closed in programs that are started; -1 when there is an error. */
  duplicate(descriptor: number): number;
  /** Bytes written to a descriptor that does not block, from the beginning of `bytes`; -1 when there is an error. */
  write(descriptor: number, bytes: Uint8Array): number;
  /** Bytes read into `bytes`; 0 at the end of the stream, -1 when nothing is there or there is an error. */
  read(descriptor: number, bytes: Uint8Array): number;
  /** Locks an open file for this process alone, until its end (flock(2)). False when another holds it. */
  tryLock(descriptor: number): boolean;
  /** User at the other end of a connected Unix socket (SO_PEERCRED of unix(7)). */
  peerUser(descriptor: number): number;
}

const MFD_CLOEXEC = 1;
const PROT_NONE = 0;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const EAGAIN = 11;
const LOCK_EX = 2;
const LOCK_NB = 4;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2_000_000;
const SOCK_NONBLOCK = 0o4000;
const POLLIN = 1;
const POLL_ENTRIES_MAX = 128;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const F_DUPFD_CLOEXEC = 1030;

/** Number of the system call futex, by processor. */
const SYS_FUTEX: { readonly [processor: string]: number | undefined } = { x64: 202, arm64: 98 };

let loaded: Native | null | undefined;

/** Null where koffi is not installed, or the machine is not one whose system calls are known. */
export function native(): Native | null {
  loaded ??= load();
  return loaded;
}

function load(): Native | null {
  const futexNumber = SYS_FUTEX[arch];
  const koffi = findKoffi();
  if (koffi === null || futexNumber === undefined) return null;
  const library = koffi.load('libc.so.6');
  const memfd = library.func('int memfd_create(const char *name, unsigned int flags)');
  const truncate = library.func('int ftruncate(int fd, int64_t length)');
  const mmap = library.func(
    'int64_t mmap(int64_t address, size_t length, int prot, int flags, int fd, int64_t offset)',
  );
  const futex = library.func(
    'long syscall(long number, int64_t address, int operation, int value, void *timeout, int64_t address2, int value3)',
  );
  const yieldProcessor = library.func('int sched_yield()');
  const mkfifo = library.func('int mkfifo(const char *path, unsigned int mode)');
  const write = library.func('int64_t write(int fd, const void *bytes, size_t count)');
  const getsockopt = library.func('int getsockopt(int fd, int level, int name, void *value, void *length)');
  const flock = library.func('int flock(int fd, int operation)');
  const socketpair = library.func('int socketpair(int domain, int type, int protocol, void *descriptors)');
  const ppoll = library.func('int ppoll(void *entries, unsigned long count, void *timeout, void *signals)');
  const read = library.func('int64_t read(int fd, void *bytes, size_t count)');
  // Seconds and nanoseconds, of 64 bits each.
  const timeout = new Uint32Array(4);
  const accept4 = library.func('int accept4(int fd, void *address, void *length, int flags)');
  const setsockopt = library.func(
    'int setsockopt(int fd, int level, int name, const void *value, unsigned int length)',
  );
  const fcntl = library.func('int fcntl(int fd, int command, int argument)');
  // Of two words: the descriptor; what is waited for, and above it what has come.
  const entries = new Int32Array(2 * POLL_ENTRIES_MAX);
  const on = Buffer.from([1, 0, 0, 0]);
  const one = Buffer.alloc(1);

  const check = (call: string, result: number): number => {
    if (result !== -1) return result;
    throw new QuiesceError('NATIVE_CALL_FAILED', `expected ${call} to work, found error ${koffi.errno()} (errno(3))`);
  };
  const place = (
    address: number,
    bytes: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ): void => {
    const found = check('mmap', mmap(address, bytes, protection, flags | MAP_FIXED, fd, offset));
    assert(found === address, `mmap: expected address ${address}, found ${found}`);
  };

  const haltPoll = new HaltPoll({ now: () => performance.now(), offer: yieldProcessor });

  const limit = (milliseconds: number): void => {
    const seconds = Math.floor(milliseconds / 1000);
    timeout[0] = seconds;
    timeout[2] = Math.round((milliseconds - seconds * 1000) * 1e6);
  };

  const poll = (descriptors: readonly number[], milliseconds: number): number => {
    const count = Math.min(descriptors.length, POLL_ENTRIES_MAX);
    for (let i = 0; i < count; i++) {
      entries[2 * i] = descriptors[i] as number;
      entries[2 * i + 1] = POLLIN;
    }
    limit(milliseconds);
    return ppoll(entries, count, timeout, null);
  };

  return {
    createMemory(name, bytes) {
      const descriptor = check('memfd_create', memfd(name, MFD_CLOEXEC));
      check('ftruncate', truncate(descriptor, bytes));
      return descriptor;
    },
    reserve: (bytes) => check('mmap', mmap(0, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)),
    map: (address, bytes, descriptor, offset, writable) =>
      place(address, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, descriptor, offset),
    unmap: (address, bytes) => place(address, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
    view: (address, bytes) => koffi.view(BigInt(address), bytes),
    futexWait(address, value, milliseconds) {
      limit(milliseconds);
      // Woken, timed out, interrupted, or the word has changed before: the caller looks again in each case.
      futex(futexNumber, address, FUTEX_WAIT, value, timeout, 0, 0);
    },
    wait: (holds, sleep, milliseconds) => haltPoll.wait(holds, sleep, milliseconds),
    futexWake: (address) => void futex(futexNumber, address, FUTEX_WAKE, 1, null, 0, 0),
    createFifo: (path) => void check('mkfifo', mkfifo(path, 0o600)),
    writeByte(descriptor) {
      if (write(descriptor, one, 1) === -1 && koffi.errno() !== EAGAIN) check('write', -1);
    },
    socketPair() {
      const descriptors = Buffer.alloc(8);
      check('socketpair', socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, descriptors));
      return [descriptors.readInt32LE(0), descriptors.readInt32LE(4)];
    },
    awaitReadable: (descriptor, milliseconds) => void poll([descriptor], milliseconds),
    awaitAny(descriptors, ready, milliseconds) {
      const found = poll(descriptors, milliseconds);
      for (let i = 0; i < descriptors.length; i++) {
        ready[i] = found > 0 && (entries[2 * i + 1] as number) >>> 16 !== 0 ? 1 : 0;
      }
      return Math.max(found, 0);
    },
    accept: (descriptor) => accept4(descriptor, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC),
    // Not for other sockets, and no harm there.
    sendAtOnce: (descriptor) => void setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, on, on.length),
    duplicate: (descriptor) => fcntl(descriptor, F_DUPFD_CLOEXEC, 0),
    write: (descriptor, bytes) => write(descriptor, bytes, bytes.length),
    read: (descriptor, bytes) => read(descriptor, bytes, bytes.length),
    tryLock: (descriptor) => flock(descriptor, LOCK_EX | LOCK_NB) === 0,
    peerUser(descriptor) {
      const credentials = Buffer.alloc(12);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(credentials.length);
      check('getsockopt', getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, credentials, length));
      return credentials.readUInt32LE(4);
    },
  };
}
