/** Digests, as names of things. */

/** All parts one behind the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const [first] = parts;
  // One part, such as a block of weights, is read where it lies.
  if (parts.length === 1 && first!.buffer instanceof ArrayBuffer) {
    return new Uint8Array(first!.buffer, first!.byteOffset, first!.byteLength);
  }
  const whole = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** SHA-256 of all parts one after the other, in hexadecimal digits. */
export async function digestOf(...parts: readonly (string | Uint8Array)[]): Promise<string> {
  const encoder = new TextEncoder();
  const bytes = parts.map((part) => (typeof part === 'string' ? encoder.encode(part) : part));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', joined(bytes)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Half the digest of a client's key: it tells clients apart, and no secret leaves the worker. */
export const nameOfKey = async (key: string): Promise<string> => (await digestOf(key)).slice(0, 32);
