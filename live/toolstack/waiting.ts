/**
 * Waiting with a limit.
 */
import { QuiesceError } from '../../protocol/errors.js';

const LOOK_MILLISECONDS = 1;

export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Looks every millisecond until `holds`. Rejects with `LIVE_TIMEOUT`, or with `signal`'s reason. */
export async function until(
  what: string,
  milliseconds: number,
  holds: () => boolean | Promise<boolean>,
  signal?: AbortSignal,
): Promise<void> {
  for (const deadline = performance.now() + milliseconds; ; ) {
    signal?.throwIfAborted();
    if (await holds()) return;
    if (performance.now() > deadline) throw timedOut(what, milliseconds);
    await sleep(LOOK_MILLISECONDS);
  }
}

/** The value of a promise, unless it takes longer. */
export async function within<T>(what: string, milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(timedOut(what, milliseconds)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function timedOut(what: string, milliseconds: number): QuiesceError {
  return new QuiesceError('LIVE_TIMEOUT', `expected ${what} within ${milliseconds / 1000} s, and it did not happen`);
}
