/** The checks that come before decoding a PNG: chunks, header, checksums, expanded size. */

import { Unzlib } from 'fflate';
import { DataError, reasonOf } from '../error.ts';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Chunks that decide the pixels; all others are dropped before decoding. */
const ESSENTIAL = ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'];

/** Channels and allowed depths by colour type. */
const COLOUR_TYPES: Readonly<
  Record<number, readonly [channels: number, depths: readonly number[]]>
> = {
  0: [1, [1, 2, 4, 8, 16]],
  2: [3, [8, 16]],
  3: [1, [1, 2, 4, 8]],
  4: [2, [8, 16]],
  6: [4, [8, 16]],
};

/** Start and step of the seven passes of Adam7: x, y, step of x, step of y. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

interface Header {
  readonly width: number;
  readonly height: number;
  /** Bytes of the filtered image before compression. */
  readonly rawBytes: number;
}

interface Chunk {
  readonly type: string;
  /** Offset of the length field. */
  readonly start: number;
  readonly length: number;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = (crcTable[(c ^ byte) & 0xff] as number) ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function corrupt(name: string, message: string, cause?: unknown): never {
  throw new DataError('decodePng', `${name} ${message}`, { kind: 'corrupt', cause });
}

function listChunks(bytes: Uint8Array, view: DataView, name: string): Chunk[] {
  const chunks: Chunk[] = [];
  let start: number = SIGNATURE.length;
  for (;;) {
    if (start + 12 > bytes.length) {
      corrupt(name, `ends at byte ${bytes.length} before its end chunk`);
    }
    const length = view.getUint32(start);
    const type = String.fromCharCode(...bytes.subarray(start + 4, start + 8));
    if (!/^[A-Za-z]{4}$/.test(type)) corrupt(name, `has no chunk at byte ${start}`);
    if (length > bytes.length - start - 12) {
      corrupt(name, `ends at byte ${bytes.length} within its ${type} chunk`);
    }
    const first = chunks.length === 0;
    if (first !== (type === 'IHDR')) corrupt(name, 'does not start with exactly one IHDR chunk');
    if (
      view.getUint32(start + 8 + length) !== crc32(bytes.subarray(start + 4, start + 8 + length))
    ) {
      corrupt(name, `has a wrong checksum in its ${type} chunk`);
    }
    // An upper-case first letter marks a chunk without which the image cannot be understood.
    if (!ESSENTIAL.includes(type) && type.charCodeAt(0) < 0x60) {
      throw new DataError('decodePng', `${name} needs the unknown chunk ${type}`, {
        kind: 'unsupported',
      });
    }
    chunks.push({ type, start, length });
    if (type === 'IEND') return chunks;
    start += 12 + length;
  }
}

function readHeader(view: DataView, chunk: Chunk, name: string, maxPixels: number): Header {
  if (chunk.length !== 13) corrupt(name, `has a header of ${chunk.length} bytes instead of 13`);
  const at = chunk.start + 8;
  const width = view.getUint32(at);
  const height = view.getUint32(at + 4);
  const depth = view.getUint8(at + 8);
  const colourType = view.getUint8(at + 9);
  const interlace = view.getUint8(at + 12);
  const [channels, depths] = COLOUR_TYPES[colourType] ?? [0, []];
  if (!depths.includes(depth)) {
    corrupt(name, `claims colour type ${colourType} with ${depth} bits, which does not exist`);
  }
  if (view.getUint8(at + 10) !== 0 || view.getUint8(at + 11) !== 0 || interlace > 1) {
    corrupt(name, 'claims a compression, filter or interlace method that does not exist');
  }
  if (width === 0 || height === 0) corrupt(name, `claims a size of ${width}x${height}`);
  if (width * height > maxPixels) {
    throw new DataError('decodePng', `${name} is too large`, {
      kind: 'too-large',
      got: `${width}x${height}`,
      wanted: `at most ${maxPixels} pixels`,
    });
  }
  if (interlace === 1 && depth < 8) {
    throw new DataError('decodePng', `${name} is interlaced with ${depth} bits a sample`, {
      kind: 'unsupported',
      wanted: '8 or 16 bits, or no interlacing',
    });
  }
  const bytesOf = (w: number, h: number): number =>
    w === 0 || h === 0 ? 0 : h * (1 + Math.ceil((w * channels * depth) / 8));
  const rawBytes =
    interlace === 0
      ? bytesOf(width, height)
      : ADAM7.reduce(
          (sum, [x, y, dx, dy]) =>
            sum +
            bytesOf(
              Math.max(0, Math.ceil((width - x) / dx)),
              Math.max(0, Math.ceil((height - y) / dy)),
            ),
          0,
        );
  return { width, height, rawBytes };
}

/**
 * Inflates the image data in small steps and throws the bytes away, to learn whether they are as
 * many as the header says. Deflate expands up to 1032 times, so a step of 4 KiB bounds what is
 * ever held to about 4 MiB, whatever a hostile file contains.
 */
function checkExpandedSize(parts: readonly Uint8Array[], rawBytes: number, name: string): void {
  const STEP = 4096;
  let expanded = 0;
  const inflate = new Unzlib((chunk) => {
    expanded += chunk.length;
  });
  const tooMany = (): void => {
    if (expanded > rawBytes)
      corrupt(name, `has more image data than its size of ${rawBytes} bytes`);
  };
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length; at += STEP) {
        inflate.push(part.subarray(at, at + STEP), false);
        tooMany();
      }
    }
    inflate.push(new Uint8Array(0), true);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    corrupt(name, `has damaged image data: ${reasonOf(cause)}`, cause);
  }
  tooMany();
  if (expanded < rawBytes) {
    corrupt(name, `has image data for ${expanded} of ${rawBytes} bytes`);
  }
}

/**
 * Checks a PNG and returns it reduced to the chunks that decide its pixels, in one buffer.
 *
 * @throws DataError, see decodePng.
 */
export function scanPng(
  bytes: Uint8Array,
  name: string,
  maxPixels: number,
): Uint8Array<ArrayBuffer> {
  if (bytes.length < SIGNATURE.length || SIGNATURE.some((byte, i) => bytes[i] !== byte)) {
    corrupt(name, bytes.length === 0 ? 'is empty' : 'is not a PNG file');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks = listChunks(bytes, view, name);
  const { rawBytes } = readHeader(view, chunks[0] as Chunk, name, maxPixels);
  const isIndexed = view.getUint8((chunks[0] as Chunk).start + 17) === 3;
  if (isIndexed && !chunks.some((chunk) => chunk.type === 'PLTE')) corrupt(name, 'has no palette');

  const body = ({ start, length }: Chunk): Uint8Array =>
    bytes.subarray(start + 8, start + 8 + length);
  const imageData = chunks.filter((chunk) => chunk.type === 'IDAT').map(body);
  if (imageData.length === 0) corrupt(name, 'has no image data');
  checkExpandedSize(imageData, rawBytes, name);

  const kept = chunks.filter(({ type }) => ESSENTIAL.includes(type));
  const out = new Uint8Array(kept.reduce((sum, { length }) => sum + 12 + length, SIGNATURE.length));
  out.set(SIGNATURE);
  let to: number = SIGNATURE.length;
  for (const { start, length } of kept) {
    out.set(bytes.subarray(start, start + 12 + length), to);
    to += 12 + length;
  }
  return out;
}
