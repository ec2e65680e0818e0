/**
 * Assertions for mistakes of the programmer. They stay on in every build.
 * An operating error (a broken file, a peer that misbehaves) is never an assertion: see `QuiesceError`.
 */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** For the default branch of an exhaustive `switch`. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
