/** Weights as a store keeps them; for tools, not for workers. */
import { float16Bits, float16Value } from '@hebb/core';
import { checksum } from '@hebb/runtime';
import type { Plan } from '@hebb/runtime';
import { groupSize, tagBytes } from './manifest.ts';
import type {
  PartEncoding,
  StoredBlock,
  StoredObject,
  StoredPart,
  WeightsManifest,
} from './manifest.ts';
import { digestOf } from '../digest.ts';
import { cipherOf, importKey } from './place.ts';

export interface StoreWeightsOptions {
  /** How float32 matrices are stored; everything else stays as it is. Default `raw`. */
  readonly encoding?: PartEncoding;
  /** 32 bytes in base64; the weights are encrypted with it. */
  readonly key?: string;
  /** Most bytes of one object. Default: all in one. */
  readonly objectBytes?: number;
  /** Most bytes of one block. Default 1 MiB. */
  readonly blockBytes?: number;
}

export interface StoredWeights {
  /** The plan, with the checksum of the weights as they come out of the store. */
  readonly plan: Plan;
  /** The image as it comes out of the store: rounded, where the encoding rounds. */
  readonly weights: Uint8Array<ArrayBuffer>;
  readonly manifest: WeightsManifest;
  /** By key. Keys contain a digest of the content: what is written under one never changes. */
  readonly objects: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Matrices smaller than this are not worth rounding. */
const fewElements = 1024;
const largestHalf = 65504;

/**
 * Cuts the image into blocks and objects, encoded and encrypted. Equal weights and keys give equal objects.
 * @throws WeightsError `key` for what is no key.
 */
export async function storeWeights(
  built: { readonly plan: Plan; readonly weights: Uint8Array },
  { encoding = 'raw', key, objectBytes = Infinity, blockBytes = 2 ** 20 }: StoreWeightsOptions = {},
): Promise<StoredWeights> {
  const image = Uint8Array.from(built.weights);
  const segments = segmentsOf(built.plan, image, encoding);
  const plain = blocksOf(segments, image, blockBytes);
  const weights = rounded(image, segments);
  const sums: string[] = [];
  for (const { bytes } of plain) sums.push(await digestOf(bytes));
  const secret = key === undefined ? undefined : await importKey(key);
  const nonce = key === undefined ? undefined : await nonceOf(key, sums);
  const tag = key === undefined ? 0 : tagBytes;

  const list: { blocks: StoredBlock[]; pieces: Uint8Array[]; bytes: number }[] = [];
  for (const [index, { bytes, parts }] of plain.entries()) {
    let last = list.at(-1);
    if (last === undefined || last.bytes + bytes.length + tag > objectBytes) {
      last = { blocks: [], pieces: [], bytes: 0 };
      list.push(last);
    }
    const stored =
      secret === undefined
        ? bytes
        : new Uint8Array(await crypto.subtle.encrypt(cipherOf(nonce!, index), secret, bytes));
    const digest = secret === undefined ? sums[index]! : await digestOf(stored);
    last.blocks.push({ bytes: stored.length, sha256: digest, parts });
    last.pieces.push(stored);
    last.bytes += stored.length;
  }
  const id = await digestOf(JSON.stringify(list.map((x) => x.blocks)));
  const objects = new Map<string, Uint8Array<ArrayBuffer>>();
  const described = list.map(({ blocks, pieces, bytes }, i): StoredObject => {
    const key = `${slug(built.plan.name)}/${id.slice(0, 16)}/${String(i).padStart(4, '0')}.bin`;
    const whole = new Uint8Array(bytes);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    objects.set(key, whole);
    return { key, blocks };
  });
  const manifest: WeightsManifest = {
    format: 'hebb-weights',
    version: 1,
    bytes: image.length,
    objects: described,
    ...(nonce === undefined ? {} : { encryption: { cipher: 'AES-GCM', nonce } }),
  };
  const plan = {
    ...built.plan,
    weights: { ...built.plan.weights, checksum: checksum(weights) },
  };
  return { plan, weights, manifest, objects };
}

const slug = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 50) || 'model';

/** From what is stored, so that other weights get other vectors, and equal ones the same. */
async function nonceOf(key: string, sums: readonly string[]): Promise<string> {
  const bytes = Uint8Array.from(atob(key.trim()), (char) => char.charCodeAt(0));
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const secret = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign']);
  const text = new TextEncoder().encode(`hebb-weights ${sums.join()}`);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', secret, text), 0, 8);
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The image in stretches of one encoding, without gaps. */
function segmentsOf(
  { weights: { tensors } }: Plan,
  image: Uint8Array,
  encoding: PartEncoding,
): StoredPart[] {
  const segments: StoredPart[] = [];
  let end = 0;
  const raw = (to: number): void => {
    if (to > end) segments.push({ offset: end, bytes: to - end, encoding: 'raw' });
    end = Math.max(end, to);
  };
  const encoded = encoding === 'raw' ? [] : tensors.toSorted((a, b) => a.offset - b.offset);
  for (const { dtype, shape, offset } of encoded) {
    const count = shape.reduce<number>((n, dim) => n * Number(dim), 1);
    if (dtype !== 'float32' || shape.length < 2 || count < fewElements || offset < end) continue;
    const values = new Float32Array(image.buffer, image.byteOffset + offset, count);
    const most = encoding === 'float16' ? largestHalf : Infinity;
    if (!values.every((x) => Number.isFinite(x) && Math.abs(x) <= most)) continue;
    raw(offset);
    segments.push({ offset, bytes: count * 4, encoding });
    end = offset + count * 4;
  }
  raw(image.length);
  return segments;
}

interface PlainBlock {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly parts: readonly StoredPart[];
}

function blocksOf(
  segments: readonly StoredPart[],
  image: Uint8Array<ArrayBuffer>,
  most: number,
): PlainBlock[] {
  const blocks: PlainBlock[] = [];
  let parts: StoredPart[] = [];
  let pieces: Uint8Array[] = [];
  let size = 0;
  const close = (): void => {
    if (parts.length === 0) return;
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    blocks.push({ bytes, parts });
    [parts, pieces, size] = [[], [], 0];
  };
  for (const { offset, bytes, encoding } of segments) {
    for (let at = 0; at < bytes;) {
      const room = roomFor(encoding, most - size);
      if (room === 0) {
        close();
        continue;
      }
      const part = { offset: offset + at, bytes: Math.min(room, bytes - at), encoding };
      const piece = encode(image.subarray(part.offset, part.offset + part.bytes), encoding);
      parts.push(part);
      pieces.push(piece);
      size += piece.length;
      at += part.bytes;
    }
  }
  close();
  return blocks;
}

/** Bytes of the image that fit into so many stored ones: whole groups, or 0. */
function roomFor(encoding: PartEncoding, stored: number): number {
  if (encoding === 'raw') return Math.max(0, stored);
  const group = encoding === 'float16' ? groupSize * 2 : groupSize + 4;
  return Math.max(0, Math.floor(stored / group)) * groupSize * 4;
}

const floatsOf = (bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> =>
  new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);

function encode(bytes: Uint8Array<ArrayBuffer>, encoding: PartEncoding): Uint8Array {
  if (encoding === 'raw') return bytes;
  const values = floatsOf(bytes);
  if (encoding === 'float16') {
    const view = new DataView(new ArrayBuffer(values.length * 2));
    values.forEach((x, i) => view.setUint16(2 * i, float16Bits(x), true));
    return new Uint8Array(view.buffer);
  }
  const out = new Uint8Array(values.length + 4 * Math.ceil(values.length / groupSize));
  const view = new DataView(out.buffer);
  let at = 0;
  for (let start = 0; start < values.length; start += groupSize) {
    const group = values.subarray(start, start + groupSize);
    const scale = scaleOf(group);
    view.setFloat32(at, scale, true);
    at += 4;
    for (const x of group) view.setInt8(at++, quantized(x, scale));
  }
  return out;
}

const scaleOf = (group: Float32Array): number =>
  Math.fround(group.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127);

const quantized = (x: number, scale: number): number =>
  // Integers have no -0.
  scale === 0 ? 0 : Math.max(-127, Math.min(127, Math.round(x / scale))) + 0;

/** The image as it comes out of the store. */
function rounded(
  image: Uint8Array<ArrayBuffer>,
  segments: readonly StoredPart[],
): Uint8Array<ArrayBuffer> {
  const out = image.slice();
  for (const { offset, bytes, encoding } of segments) {
    if (encoding === 'raw') continue;
    const values = floatsOf(out.subarray(offset, offset + bytes));
    if (encoding === 'float16') {
      values.forEach((x, i) => (values[i] = float16Value(float16Bits(x))));
      continue;
    }
    for (let start = 0; start < values.length; start += groupSize) {
      const group = values.subarray(start, start + groupSize);
      const scale = scaleOf(group);
      group.forEach((x, i) => (group[i] = quantized(x, scale) * scale));
    }
  }
  return out;
}
