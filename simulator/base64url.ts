/**
 * Base64 with the alphabet for addresses and file names, without padding (RFC 4648, section 5).
 *
 * Every text that decodes is what the bytes encode to: leftover bits must be zero.
 */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

export function toBase64Url(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    for (bits += 8; bits >= 6; bits -= 6) text += ALPHABET.charAt((held >>> (bits - 6)) & 63);
  }
  return bits === 0 ? text : text + ALPHABET.charAt((held << (6 - bits)) & 63);
}

/** The bytes, or the position of the first character that cannot be right. */
export function fromBase64Url(text: string): Uint8Array | number {
  const bytes = new Uint8Array(Math.floor((text.length * 6) / 8));
  let length = 0;
  let bits = 0;
  let held = 0;
  for (let i = 0; i < text.length; i++) {
    const value = ALPHABET.indexOf(text.charAt(i));
    if (value < 0) return i;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = (held >>> bits) & 0xff;
  }
  const leftover = held & ((1 << bits) - 1);
  return bits === 6 || leftover !== 0 ? text.length - 1 : bytes;
}
