/**
 * Where the room of large tables comes from. What runs in a browser asks whoever starts it, who may know better memory.
 */

export interface Allocate {
  /** Makes a buffer of `byteLength` zero bytes. */
  (byteLength: number): ArrayBuffer;
  /** Is told of words that are a shared memory, from its beginning, whenever it has grown. */
  readonly advise?: (words: Int32Array) => void;
}

export const allocatePlain: Allocate = (byteLength) => new ArrayBuffer(byteLength);

/** Arrays of fewer words grow fourfold: what is copied and thrown away on the way is a third, and not as much again. */
const SMALL_WORDS = 1 << 18;

/** A longer array that begins with the same words: for one that is full. */
export function longer(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * (array.length < SMALL_WORDS ? 4 : 2));
  larger.set(array);
  return larger;
}
