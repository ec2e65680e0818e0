/**
 * Wakes an event loop that sleeps: a named pipe between processes, `Atomics.waitAsync` between threads.
 */
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import type { Doorbell, EventLoopBell } from './doorbell.js';
import type { Native } from './native.js';

export interface BellListener {
  /** Calls back once after the next ring; the doorbell has been told by `Doorbell.listen` that the count was `seen`. */
  arm(seen: number): void;
  close(): void;
}

/** The pipe at `path`, made if it is not there. */
export function fifoListener(native: Native, path: string, onRing: () => void): BellListener {
  if (!existsSync(path)) native.createFifo(path);
  const options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
    // Open for writing too, so that it never ends when those who ring go away.
    fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK),
    readable: true,
    writable: false,
    onread: {
      buffer: Buffer.alloc(64),
      callback: () => {
        onRing();
        return true;
      },
    },
  };
  const pipe = new Socket(options);
  pipe.on('error', () => undefined);
  pipe.resume();
  return { arm() {}, close: () => pipe.destroy() };
}

/** Rings through the pipe at `path`, which is opened when it is first needed: the other process may not have begun. */
export function fifoBell(native: Native, path: string): EventLoopBell & { close(): void } {
  let descriptor: number | undefined;
  return {
    ring() {
      if (descriptor === undefined) {
        if (!existsSync(path)) return;
        descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
      }
      native.writeByte(descriptor);
    },
    close() {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
  };
}

interface WaitAsync {
  waitAsync(
    words: Int32Array,
    index: number,
    value: number,
  ): { readonly async: false } | { readonly async: true; readonly value: Promise<string> };
}

export function threadListener(doorbell: Doorbell, onRing: () => void): BellListener {
  let closed = false;
  return {
    arm(seen) {
      const { words, index } = doorbell.place;
      const result = (Atomics as unknown as WaitAsync).waitAsync(words, index, seen);
      const woken = (): void => {
        if (!closed) onRing();
      };
      if (result.async) void result.value.then(woken);
      else setImmediate(woken);
    },
    close() {
      closed = true;
    },
  };
}
