/**
 * 64 bits over bytes, as 16 hex digits: two lanes of FNV-1a (Fowler, Noll, Vo), one over the even and one
 * over the odd little-endian words of 32 bits, the last one filled with zeros, and the length. It tells
 * files apart and finds damage at about half a nanosecond a byte; it is no defence against forgery.
 */
export function checksum(bytes: Uint8Array): string {
  const { imul } = Math;
  const words = bytes.length >>> 2;
  const whole =
    bytes.byteOffset % 4 === 0
      ? new Uint32Array(bytes.buffer, bytes.byteOffset, words)
      : new Uint32Array(bytes.slice(0, words * 4).buffer);
  let [a, b] = [0x811c9dc5 ^ bytes.length, 0x9747b28c];
  // A product moves bits up only: the shifts bring high ones down.
  for (let i = 1; i < words; i += 2) {
    a = imul(a ^ whole[i - 1]!, 0x01000193);
    a ^= a >>> 15;
    b = imul(b ^ whole[i]!, 0x85ebca6b);
    b ^= b >>> 15;
  }
  let rest = 0;
  for (let i = words * 4; i < bytes.length; i++) rest |= bytes[i]! << (8 * (i & 3));
  a = imul(a ^ (words % 2 === 1 ? whole[words - 1]! : 0), 0x01000193);
  b = imul(b ^ rest, 0x85ebca6b);
  const mix = (x: number): string => {
    const y = imul(x ^ (x >>> 16), 0x45d9f3b);
    return ((y ^ (y >>> 16)) >>> 0).toString(16).padStart(8, '0');
  };
  return mix(a) + mix(b);
}
