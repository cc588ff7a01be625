/** From a block as stored to its place in memory. */
import { float16Value } from '@hebb/core';
import { WeightsError } from './error.ts';
import { groupSize, storedBytes } from './manifest.ts';
import type { StoredBlock, WeightsManifest } from './manifest.ts';

let halves: Float32Array | undefined;
/** All float16 values by their bits: 256 KiB instead of arithmetic for each. */
const allHalves = (): Float32Array =>
  (halves ??= Float32Array.from({ length: 65536 }, (_, bits) => float16Value(bits)));

/** Writes a block's parts to their place. */
export function place(stored: Uint8Array, { parts }: StoredBlock, image: Uint8Array): void {
  let at = 0;
  for (const part of parts) {
    const bytes = storedBytes(part);
    const from = stored.subarray(at, at + bytes);
    at += bytes;
    const { offset, encoding } = part;
    if (encoding === 'raw') {
      image.set(from, offset);
      continue;
    }
    const to = new Float32Array(image.buffer, image.byteOffset + offset, part.bytes / 4);
    if (encoding === 'float16') expandHalves(from, to);
    else expandGroups(from, to);
  }
}

function expandHalves(from: Uint8Array, to: Float32Array): void {
  const values = allHalves();
  for (let i = 0; i < to.length; i++) to[i] = values[from[2 * i]! | (from[2 * i + 1]! << 8)]!;
}

function expandGroups(from: Uint8Array, to: Float32Array): void {
  const view = new DataView(from.buffer, from.byteOffset, from.byteLength);
  let at = 0;
  for (let start = 0; start < to.length; start += groupSize) {
    const scale = view.getFloat32(at, true);
    at += 4;
    const end = Math.min(start + groupSize, to.length);
    // Exact but for the one rounding of the store: the same bits on every machine.
    for (let i = start; i < end; i++) to[i] = view.getInt8(at++) * scale;
  }
}

const fromHex = (hex: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));

/** How block `index` is encrypted. */
export function cipherOf(
  nonce: string,
  index: number,
): { name: 'AES-GCM'; iv: Uint8Array<ArrayBuffer>; additionalData: Uint8Array<ArrayBuffer> } {
  const iv = new Uint8Array(12);
  iv.set(fromHex(nonce));
  new DataView(iv.buffer).setUint32(8, index);
  return { name: 'AES-GCM', iv, additionalData: iv.slice(8) };
}

/** @throws WeightsError `key` for what is no key of 256 bits in base64. */
export async function importKey(text: string | undefined): Promise<CryptoKey> {
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  try {
    bytes = Uint8Array.from(atob((text ?? '').trim()), (char) => char.charCodeAt(0));
  } catch {
    // No base64.
  }
  if (bytes?.length !== 32) {
    throw new WeightsError(
      'key',
      'the weights are encrypted: 32 bytes in base64 are wanted as key',
    );
  }
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

/** @throws WeightsError `key` when it is the wrong one. */
export async function decrypt(
  stored: Uint8Array<ArrayBuffer>,
  { encryption }: WeightsManifest,
  index: number,
  key: CryptoKey,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const cipher = cipherOf(encryption!.nonce, index);
    return new Uint8Array(await crypto.subtle.decrypt(cipher, key, stored));
  } catch (cause) {
    // Its checksum was right: the bytes are those that were written.
    throw new WeightsError('key', 'the key is not the one that the weights were encrypted with', {
      cause,
    });
  }
}
