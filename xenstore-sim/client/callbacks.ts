/** Calls of what the user of the client passes in. */

/**
 * Calls `call`. What it throws is thrown again in a microtask, where it is seen as what it is, an error of the
 * listener, and does not end the reading of the stream.
 */
export function outside(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

export function ignore(): void {}
