/**
 * An immutable value that knows its own 64-bit hash: two signed 32-bit integers.
 *
 * Equal content gives equal hashes, whatever the history of the value. A value of this kind may lie in a journaled
 * cell of a simulated machine, where its hash is part of the hash of the state.
 */
export interface Hashed {
  readonly hashLow: number;
  readonly hashHigh: number;
}
