/**
 * Numbers and texts as bytes: low byte first, one byte for each character.
 */

export function copyBytes(from: Uint8Array, at: number, to: Uint8Array, target: number, count: number): void {
  for (let i = 0; i < count; i++) to[target + i] = from[at + i] as number;
}

export function putText(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

/** Whether the bytes from `at` on are the characters of `text`, as far as those go. */
export function isText(text: string, bytes: Uint8Array, at: number): boolean {
  // From behind, where paths differ.
  for (let i = text.length - 1; i >= 0; i--) if (text.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}

export function word24(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
}

export function word32(bytes: Uint8Array, at: number): number {
  return (word24(bytes, at) | ((bytes[at + 3] as number) << 24)) >>> 0;
}

export function word48(bytes: Uint8Array, at: number): number {
  return word24(bytes, at) + word24(bytes, at + 3) * 0x1000000;
}

export function putWord16(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word;
  bytes[at + 1] = word >>> 8;
}

export function putWord24(bytes: Uint8Array, at: number, word: number): void {
  putWord16(bytes, at, word);
  bytes[at + 2] = word >>> 16;
}

export function putWord32(bytes: Uint8Array, at: number, word: number): void {
  putWord24(bytes, at, word);
  bytes[at + 3] = word >>> 24;
}

export function putWord48(bytes: Uint8Array, at: number, word: number): void {
  putWord24(bytes, at, word | 0);
  putWord24(bytes, at + 3, Math.floor(word / 0x1000000));
}
