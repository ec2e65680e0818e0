/**
 * Looks at the words by which another thread says what of a driver is running (`driver-watch.ts`).
 */

/** Far longer than any step takes. */
export const STUCK_SECONDS = 5;

/** Calls `stuck` when the same thing has been running for so many seconds. */
export function watchWords(words: Int32Array, stuckSeconds: number, stuck: (number: number) => void): NodeJS.Timeout {
  let last = -1;
  let since = 0;
  return setInterval(() => {
    const running = words[0] as number;
    const begun = Atomics.load(words, 1);
    since = running !== 0 && begun === last ? since + 1 : 0;
    last = begun;
    if (since >= stuckSeconds * TICKS) stuck(running);
  }, 1000 / TICKS);
}

/** Looks a second. */
const TICKS = 4;
