/**
 * Where the block drivers tell an onlooker what a request goes through. The simulator's oracles listen; no driver's
 * behaviour depends on it.
 */
export interface BlockProbe {
  /** The backend of `slot` has written to the block at `sector`. */
  written(slot: number, sector: number): void;
  /** The frontend tells its user that operation number `number` is done; `value` is the first word that was read. */
  answered(slot: number, number: number, value: number): void;
  /** The frontend tells its user that operation number `number` has failed. */
  failed(slot: number, number: number): void;
  /** An end has found in the ring what the protocol does not allow. */
  nonsense(slot: number, what: string): void;
}
