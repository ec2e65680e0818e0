/**
 * Where the drivers tell an onlooker what a TPM command goes through. The simulator's oracles listen; a live domain
 * records history. No driver's behaviour depends on it.
 */
export interface CommandProbe {
  /** A guest's frontend has taken command number `command` of the pool from its user. */
  issued(slot: number, command: number): void;
  /** The backend of `slot` has copied a request out of the ring. Returns the ordinal it belongs to, to be handed on. */
  fetched(slot: number): number;
  /** The device of `slot` has executed a command, whose digest is given, for the request of that ordinal. */
  executed(slot: number, ordinal: number): void;
  /** The backend has made the response to the request of that ordinal visible to the guest. */
  published(slot: number, ordinal: number): void;
  /** The frontend gives its user a response with this digest. */
  answered(slot: number, responseDigest: number): void;
  /** The frontend tells its user that the command failed with Linux error `errno`. */
  failed(slot: number, errno: number): void;
}

/** For those who do not look. */
export const NO_PROBE: CommandProbe = {
  issued() {},
  fetched: () => 0,
  executed() {},
  published() {},
  answered() {},
  failed() {},
};
