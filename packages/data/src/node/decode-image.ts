/**
 * Pictures of every common format. The decoders of formats beyond PNG and PNM are packages that are
 * loaded when such a picture is met: `@jsquash/jpeg`, `@jsquash/webp`, `tiff`, `fast-bmp` and
 * `@cornerstonejs/codec-openjpeg`, optional peers. JPEG, WebP and JPEG 2000 go through the reference
 * libraries (libjpeg, libwebp, OpenJPEG) as WebAssembly or JavaScript, so pixels agree with Pillow's.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { DataError, codeOf, reasonOf } from '../error.ts';
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

/** Pixels of a picture of one format; throws whatever the library throws. */
type Decoder = (bytes: Uint8Array, maxPixels: number) => Image;

function formatOf(bytes: Uint8Array): ImageFormat {
  const format = imageFormat(bytes);
  if (format !== undefined) return format;
  throw new DataError('decodeImage', 'unknown format', {
    kind: 'corrupt',
    got: [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
    wanted: 'PNG, JPEG, JPEG 2000, WebP, TIFF, BMP or PNM',
  });
}

/** Runs a decoder; what it throws, and what is too large, becomes a DataError. */
function decodeWith(
  decode: Decoder,
  format: ImageFormat,
  bytes: Uint8Array,
  maxPixels: number,
): Image {
  let image: Image;
  try {
    image = decode(bytes, maxPixels);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError('decodeImage', `broken ${format}`, {
      kind: 'corrupt',
      got: reasonOf(error),
    });
  }
  if (image.width * image.height <= maxPixels) return image;
  throw new DataError('decodeImage', 'the picture is too large', {
    kind: 'too-large',
    got: `${image.width}x${image.height}`,
    wanted: `at most ${maxPixels} pixels`,
  });
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
  const format = formatOf(bytes);
  return decodeWith(await decoderOf(format), format, bytes, maxPixels);
}

/**
 * `decodeImage` without waiting, for pictures of these formats: their decoders are loaded first.
 * @throws DataError for a decoder that is not installed.
 */
export async function imageDecoder(
  formats: Iterable<ImageFormat>,
  { maxPixels = 1 << 24 }: DecodeImageOptions = {},
): Promise<(bytes: Uint8Array) => Image> {
  const decoders = new Map<ImageFormat, Decoder>();
  for (const format of formats) decoders.set(format, await decoderOf(format));
  return (bytes) => {
    const format = formatOf(bytes);
    const decode = decoders.get(format);
    if (decode === undefined) {
      throw new DataError('imageDecoder', 'a picture of a format that was not asked for', {
        got: format,
        wanted: [...decoders.keys()].join(', '),
      });
    }
    return decodeWith(decode, format, bytes, maxPixels);
  };
}

async function decoderOf(format: ImageFormat): Promise<Decoder> {
  try {
    return await loaders[format]();
  } catch (error) {
    const missing = codeOf(error)?.endsWith('MODULE_NOT_FOUND') === true;
    throw new DataError('decodeImage', missing ? `no decoder of ${format}` : `broken ${format}`, {
      kind: missing ? 'unsupported' : 'corrupt',
      got: reasonOf(error),
    });
  }
}

const loaders: Readonly<Record<ImageFormat, () => Decoder | Promise<Decoder>>> = {
  png: () => (bytes, maxPixels) => decodePng(bytes, { maxPixels }),
  pnm: () => (bytes, maxPixels) => decodePnm(bytes, { maxPixels }),
  jpeg: async () => {
    const decode = await codec('jpeg', 'mozjpeg_dec', false);
    return (bytes) => opaque(decode(bytes));
  },
  webp: async () => {
    const decode = await codec('webp', 'webp_dec');
    return (bytes) => {
      const image = decode(bytes);
      return image.data.every((value, i) => i % 4 !== 3 || value === 255) ? opaque(image) : image;
    };
  },
  tiff: async () => {
    const { decode } = await import('tiff');
    return (bytes) => {
      const [page] = decode(bytes);
      if (page === undefined) throw new Error('it has no page');
      return interleaved(page.width, page.height, page.samplesPerPixel, page.data);
    };
  },
  bmp: async () => {
    const { decode } = await import('fast-bmp');
    return (bytes) => {
      const { width, height, channels, data } = decode(bytes);
      if (!ArrayBuffer.isView(data)) throw new Error('pixels in an unknown form');
      return interleaved(width, height, channels, new Uint8Array(data.buffer, data.byteOffset));
    };
  },
  jpeg2000: async () => {
    const make = require('@cornerstonejs/codec-openjpeg/decode') as OpenJpegFactory;
    openJpeg ??= make(silent);
    const { J2KDecoder } = await openJpeg;
    return (bytes) => {
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
    };
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

type RawDecoder = (bytes: Uint8Array) => Image & { readonly channels: 4 };

/** What `@jsquash` packages call the module of their WebAssembly. */
interface Codec {
  /** Wants exactly the arguments that its program has: for JPEG whether to keep the orientation. */
  decode(data: Uint8Array, ...more: readonly boolean[]): ImageDataLike | null;
}
interface ImageDataLike {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

const loaded = new Map<string, Promise<() => Promise<RawDecoder>>>();

/**
 * A decoder of the Squoosh project. In Node its WebAssembly is read from the package's folder. A broken
 * picture ends the library's program; asking again waits for a new one.
 */
async function codec(
  name: 'jpeg' | 'webp',
  file: string,
  ...more: readonly boolean[]
): Promise<RawDecoder> {
  let known = loaded.get(name);
  if (known === undefined) {
    known = prepare(name, file, more);
    loaded.set(name, known);
    known.catch(() => loaded.delete(name));
  }
  return (await known)();
}

async function prepare(
  name: 'jpeg' | 'webp',
  file: string,
  more: readonly boolean[],
): Promise<() => Promise<RawDecoder>> {
  const folder = `@jsquash/${name}/codec/dec/${file}`;
  const wasm = await WebAssembly.compile(await readFile(require.resolve(`${folder}.wasm`)));
  const { default: factory } = (await import(`${folder}.js`)) as {
    readonly default: (options: object) => Promise<Codec>;
  };
  const start = (): Promise<Codec> =>
    factory({
      ...silent,
      noInitialRun: true,
      instantiateWasm(imports: WebAssembly.Imports, ready: (made: WebAssembly.Instance) => void) {
        const instance = new WebAssembly.Instance(wasm, imports);
        ready(instance);
        return instance.exports;
      },
    });
  let program: Codec | undefined = await start();
  let starting: Promise<void> | undefined;
  const decode: RawDecoder = (bytes) => {
    if (program === undefined) throw new Error('the decoder starts again after a broken picture');
    let image: ImageDataLike | null;
    try {
      const running = program;
      image = withImageData(() => running.decode(bytes, ...more));
    } catch (error) {
      // Its program has ended.
      program = undefined;
      starting = start().then((made) => {
        program = made;
      });
      starting.catch(() => loaded.delete(name));
      throw error;
    }
    if (image === null) throw new Error('Decoding error');
    const { width, height, data } = image;
    return { width, height, channels: 4, data: new Uint8Array(data) };
  };
  return async () => {
    await starting;
    return decode;
  };
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

function withImageData<T>(work: () => T): T {
  const host = globalThis as { ImageData?: unknown };
  if (host.ImageData !== undefined) return work();
  host.ImageData = PlainImageData;
  try {
    return work();
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
