/**
 * What a driver asks of the xenstore: the calls of Linux's xenbus_xs, answered at once.
 *
 * Paths that do not begin with `/` or `@` are relative to the home of the caller's domain. Values are binary strings,
 * one character a byte. A request the store refuses (no permission, bad path) is a mistake of the driver and is
 * thrown as a `QuiesceError` with code `DRIVER_FAULT`; a missing node is not.
 */
export interface StoreAccess {
  /** The node's value, or null when there is no such node. */
  read(path: string): string | null;
  /** Names of the children, or null when there is no such node. */
  list(path: string): readonly string[] | null;
  write(path: string, value: string): void;
  /** Creates an empty node if there is none. */
  mkdir(path: string): void;
  remove(path: string): void;
  setPermissions(path: string, permissions: readonly string[]): void;
  watch(path: string, token: string): void;
  unwatch(path: string, token: string): void;
  /** Everything `body` does takes effect at once, at its end. */
  transaction(body: () => void): void;
}
