/**
 * Pictures of every common format. The decoders of formats beyond PNG and PNM are packages that are
 * loaded when such a picture is met: `@jsquash/jpeg`, `@jsquash/webp`, `tiff`, `fast-bmp` and
 * `@cornerstonejs/codec-openjpeg`, optional peers. JPEG, WebP and JPEG 2000 go through the reference
 * libraries (libjpeg, libwebp, OpenJPEG) as WebAssembly or JavaScript, so pixels agree with Pillow's.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { DataError, reasonOf } from '../error.ts';
import type { Image } from '../image/image.ts';
import { decodePng } from '../image/png.ts';
import { decodePnm, isPnm } from '../image/pnm.ts';

export type ImageFormat = 'png' | 'jpeg' | 'jpeg2000' | 'webp' | 'tiff' | 'bmp' | 'pnm';

export interface DecodeImageOptions {
  /** Most pixels accepted. Default 16,777,216 (4096 x 4096). */
  readonly maxPixels?: number;
}

const starts = (bytes: Uint8Array, ...head: readonly number[]): boolean =>
  head.every((byte, i) => bytes[i] === byte);
const text = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));

/** The format that the first bytes tell of. */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  if (starts(bytes, 0x89, 0x50, 0x4e, 0x47)) return 'png';
  if (starts(bytes, 0xff, 0xd8, 0xff)) return 'jpeg';
  if (starts(bytes, 0xff, 0x4f, 0xff, 0x51) || text(bytes, 4, 4) === 'jP  ') return 'jpeg2000';
  if (text(bytes, 0, 4) === 'RIFF' && text(bytes, 8, 4) === 'WEBP') return 'webp';
  if (['II*\0', 'MM\0*'].includes(text(bytes, 0, 4))) return 'tiff';
  if (text(bytes, 0, 2) === 'BM') return 'bmp';
  return isPnm(bytes) ? 'pnm' : undefined;
}

/**
 * The picture in `bytes`, 8 bits a channel.
 * @throws DataError for an unknown format, a broken or too large picture, or a decoder that is not
 *   installed.
 */
export async function decodeImage(
  bytes: Uint8Array,
  { maxPixels = 1 << 24 }: DecodeImageOptions = {},
): Promise<Image> {
  const format = imageFormat(bytes);
  if (format === undefined) {
    throw new DataError('decodeImage', 'unknown format', {
      kind: 'corrupt',
      got: [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
      wanted: 'PNG, JPEG, JPEG 2000, WebP, TIFF, BMP or PNM',
    });
  }
  try {
    const image = await decoders[format](bytes, maxPixels);
    if (image.width * image.height > maxPixels) {
      throw new DataError('decodeImage', 'the picture is too large', {
        got: `${image.width}x${image.height}`,
        wanted: `at most ${maxPixels} pixels`,
      });
    }
    return image;
  } catch (error) {
    if (error instanceof DataError) throw error;
    const missing = (error as { code?: string }).code?.endsWith('MODULE_NOT_FOUND') === true;
    throw new DataError('decodeImage', missing ? `no decoder of ${format}` : `broken ${format}`, {
      kind: 'corrupt',
      got: reasonOf(error),
    });
  }
}

const decoders: Readonly<
  Record<ImageFormat, (bytes: Uint8Array, maxPixels: number) => Image | Promise<Image>>
> = {
  png: (bytes, maxPixels) => decodePng(bytes, { maxPixels }),
  pnm: (bytes, maxPixels) => decodePnm(bytes, { maxPixels }),
  jpeg: async (bytes) => opaque(await (await squoosh('jpeg', 'mozjpeg_dec'))(bytes)),
  webp: async (bytes) => {
    const image = await (await squoosh('webp', 'webp_dec'))(bytes);
    return image.data.every((value, i) => i % 4 !== 3 || value === 255) ? opaque(image) : image;
  },
  tiff: async (bytes) => {
    const { decode } = await import('tiff');
    const [page] = decode(bytes);
    if (page === undefined) throw new Error('it has no page');
    return interleaved(page.width, page.height, page.samplesPerPixel, page.data);
  },
  bmp: async (bytes) => {
    const { decode } = await import('fast-bmp');
    const { width, height, channels, data } = decode(bytes);
    if (!ArrayBuffer.isView(data)) throw new Error('pixels in an unknown form');
    return interleaved(width, height, channels, new Uint8Array(data.buffer, data.byteOffset));
  },
  jpeg2000: async (bytes) => {
    const make = require('@cornerstonejs/codec-openjpeg/decode') as OpenJpegFactory;
    openJpeg ??= make(silent);
    const { J2KDecoder } = await openJpeg;
    const decoder = new J2KDecoder();
    try {
      decoder.getEncodedBuffer(bytes.length).set(bytes);
      decoder.decode();
      const { width, height, componentCount, bitsPerSample } = decoder.getFrameInfo();
      if (bitsPerSample > 8) throw new Error(`${bitsPerSample} bits a sample`);
      return interleaved(width, height, componentCount, decoder.getDecodedBuffer().slice());
    } finally {
      decoder.delete();
    }
  },
};

const require = createRequire(import.meta.url);

/** The libraries print what they find wrong; here it is thrown. */
const silent = { print: () => undefined, printErr: () => undefined };

interface J2KDecoder {
  getEncodedBuffer(length: number): Uint8Array;
  decode(): void;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): {
    readonly width: number;
    readonly height: number;
    readonly componentCount: number;
    readonly bitsPerSample: number;
  };
  delete(): void;
}
type OpenJpegFactory = (options: object) => Promise<{ readonly J2KDecoder: new () => J2KDecoder }>;
let openJpeg: ReturnType<OpenJpegFactory> | undefined;

type RawDecoder = (bytes: Uint8Array) => Promise<Image & { readonly channels: 4 }>;
const loaded = new Map<string, Promise<RawDecoder>>();

/** A decoder of the Squoosh project. In Node its WebAssembly is read from the package's folder. */
function squoosh(name: 'jpeg' | 'webp', codec: string): Promise<RawDecoder> {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const load = async (): Promise<RawDecoder> => {
    const wasm = await readFile(require.resolve(`@jsquash/${name}/codec/dec/${codec}.wasm`));
    const { default: decode, init } =
      name === 'jpeg'
        ? await import('@jsquash/jpeg/decode.js')
        : await import('@jsquash/webp/decode.js');
    // The published types know only one of the two forms of `init`.
    const start = init as (module: WebAssembly.Module, options: object) => Promise<void>;
    await start(await WebAssembly.compile(wasm), silent);
    return async (bytes) => {
      try {
        const image = await withImageData(() => decode(new Uint8Array(bytes).buffer));
        const { width, height, data } = image;
        return { width, height, channels: 4, data: new Uint8Array(data) };
      } catch (error) {
        // The library has ended its program: the next picture gets a new one.
        loaded.delete(name);
        throw error;
      }
    };
  };
  const loading = load();
  loaded.set(name, loading);
  loading.catch(() => loaded.delete(name));
  return loading;
}

/** What the decoders make their results of; Node has no such class. */
class PlainImageData {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  constructor(data: Uint8ClampedArray, width: number, height: number) {
    this.data = data;
    this.width = width;
    this.height = height;
  }
}

async function withImageData<T>(work: () => Promise<T>): Promise<T> {
  const host = globalThis as { ImageData?: unknown };
  if (host.ImageData !== undefined) return work();
  host.ImageData = PlainImageData;
  try {
    return await work();
  } finally {
    delete host.ImageData;
  }
}

function opaque({ width, height, data }: Image): Image {
  const colours = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) colours[i * 3 + c] = data[i * 4 + c]!;
  }
  return { width, height, channels: 3, data: colours };
}

function interleaved(
  width: number,
  height: number,
  channels: number,
  data: ArrayLike<number>,
): Image {
  const count = width * height * channels;
  if (channels !== 1 && channels !== 2 && channels !== 3 && channels !== 4) {
    throw new Error(`${channels} channels`);
  }
  if (data.length < count || !(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw new Error('samples are not of 8 bits');
  }
  return { width, height, channels, data: Uint8Array.from(data.subarray(0, count)) };
}
