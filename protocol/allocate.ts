/**
 * Where the room of large tables comes from. What runs in a browser asks whoever starts it, who may know better memory.
 */

/** Makes a buffer of `byteLength` zero bytes. */
export type Allocate = (byteLength: number) => ArrayBuffer;

export const allocatePlain: Allocate = (byteLength) => new ArrayBuffer(byteLength);
