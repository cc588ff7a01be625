/**
 * The portable anymaps PBM, PGM and PPM, as text (P1 to P3) and as bytes (P4 to P6), up to 16 bits a sample.
 * Source: Netpbm, "PBM/PGM/PPM format specification".
 */
import { DataError } from '../error.ts';
import type { Image } from './image.ts';

export interface DecodePnmOptions {
  /** Most pixels accepted. Default 16,777,216 (4096 x 4096). */
  readonly maxPixels?: number;
}

const space = new Set([9, 10, 11, 12, 13, 32]);

class Reader {
  readonly #bytes: Uint8Array;
  at = 2;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  #skip(): void {
    for (;;) {
      const byte = this.#bytes[this.at];
      if (byte === 35)
        while (this.at < this.#bytes.length && this.#bytes[this.at] !== 10) this.at++;
      else if (byte !== undefined && space.has(byte)) this.at++;
      else return;
    }
  }

  /** The next number; in text bitmaps a digit is a number of its own. */
  number(oneDigit = false): number {
    this.#skip();
    let value = 0;
    let digits = 0;
    for (;;) {
      const byte = this.#bytes[this.at];
      if (byte === undefined || byte < 48 || byte > 57 || digits === 10) break;
      value = value * 10 + byte - 48;
      this.at++;
      digits++;
      if (oneDigit) break;
    }
    if (digits === 0) throw corrupt('a number is missing');
    return value;
  }
}

const corrupt = (message: string): DataError =>
  new DataError('decodePnm', message, { kind: 'corrupt' });

export const isPnm = (bytes: Uint8Array): boolean =>
  bytes[0] === 80 && bytes[1]! >= 49 && bytes[1]! <= 54;

/** @throws DataError when the bytes are no such picture, end early, or hold too many pixels. */
export function decodePnm(
  bytes: Uint8Array,
  { maxPixels = 1 << 24 }: DecodePnmOptions = {},
): Image {
  if (!isPnm(bytes)) throw corrupt('no PBM, PGM or PPM');
  const kind = bytes[1]! - 48;
  const reader = new Reader(bytes);
  const [width, height] = [reader.number(), reader.number()];
  if (width === 0 || height === 0 || width * height > maxPixels) {
    throw new DataError('decodePnm', 'the picture is too large or empty', {
      kind: 'corrupt',
      got: `${width}x${height}`,
      wanted: `at most ${maxPixels} pixels`,
    });
  }
  const bitmap = kind === 1 || kind === 4;
  const most = bitmap ? 1 : reader.number();
  if (most < 1 || most > 65535) throw corrupt(`samples up to ${most}`);
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const count = width * height * channels;
  const data = new Uint8Array(count);
  const level = (value: number): number => {
    if (value > most) throw corrupt(`a sample of ${value} is over ${most}`);
    return bitmap ? (value === 1 ? 0 : 255) : Math.round((value * 255) / most);
  };
  if (kind <= 3) {
    for (let i = 0; i < count; i++) data[i] = level(reader.number(bitmap));
    return { data, width, height, channels };
  }
  // One white space ends the head of the binary kinds.
  const start = reader.at + 1;
  const wide = most > 255 ? 2 : 1;
  const rowBytes = kind === 4 ? Math.ceil(width / 8) : width * channels * wide;
  if (bytes.length < start + rowBytes * height) throw corrupt('the picture ends early');
  for (let i = 0; i < count; i++) {
    if (kind === 4) {
      const [y, x] = [Math.floor(i / width), i % width];
      data[i] = level((bytes[start + y * rowBytes + (x >> 3)]! >> (7 - (x & 7))) & 1);
    } else {
      const at = start + i * wide;
      data[i] = level(wide === 2 ? bytes[at]! * 256 + bytes[at + 1]! : bytes[at]!);
    }
  }
  return { data, width, height, channels };
}
