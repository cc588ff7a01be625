/** Reads and writes WAV: RIFF files with PCM or float samples. Microsoft and IBM 1991; RFC 2361. */

import { DataError } from '../error.ts';

export interface Audio {
  /** One array a channel, all of the same length; full scale is -1 to 1. */
  readonly channels: readonly Float32Array[];
  /** Samples a second. */
  readonly sampleRate: number;
}

export interface ReadWavOptions {
  /** Throws for a file of another rate. */
  readonly sampleRate?: number;
  /** Most samples of all channels together, default 2^28. */
  readonly maxSamples?: number;
}

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

interface Format {
  readonly code: number;
  readonly channels: number;
  readonly sampleRate: number;
  readonly blockAlign: number;
  readonly bits: number;
}

const corrupt = (message: string, got?: string, wanted?: string): never => {
  throw new DataError('readWav', message, {
    kind: 'corrupt',
    ...(got === undefined ? {} : { got }),
    ...(wanted === undefined ? {} : { wanted }),
  });
};

/**
 * Samples of a WAV file: 8, 16, 24 or 32 bit PCM, 32 or 64 bit float, any number of channels.
 *
 * @throws DataError: `corrupt` for what is no whole WAV file, `unsupported` for other codings, `too-large`,
 *   `invalid` when the rate is not the one asked for.
 */
export function readWav(bytes: Uint8Array, options: ReadWavOptions = {}): Audio {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE') {
    corrupt('no WAV file', JSON.stringify(tag(0)), 'RIFF ... WAVE');
  }
  let format: Format | undefined;
  let at = 12;
  while (at + 8 <= bytes.length) {
    const name = tag(at);
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    const left = bytes.length - start;
    if (name === 'fmt ') {
      if (size > left) corrupt('the format ends too early');
      format = readFormat(view, start, size);
    } else if (name === 'data') {
      if (format === undefined) return corrupt('samples come before their format');
      // Streams that never knew their length write the largest number.
      if (size > left && size !== 0xffffffff) {
        corrupt('the samples end too early', `${left} bytes`, String(size));
      }
      return readSamples(view, start, Math.min(size, left), format, options);
    }
    // Chunks begin at even places.
    at = start + size + (size % 2);
  }
  return corrupt('there are no samples');
}

function readFormat(view: DataView, start: number, size: number): Format {
  if (size < 16) corrupt('the format is too short', `${size} bytes`, 'at least 16');
  let code = view.getUint16(start, true);
  if (code === EXTENSIBLE) {
    if (size < 40) corrupt('the format is too short', `${size} bytes`, '40');
    code = view.getUint16(start + 24, true);
  }
  const format = {
    code,
    channels: view.getUint16(start + 2, true),
    sampleRate: view.getUint32(start + 4, true),
    blockAlign: view.getUint16(start + 12, true),
    bits: view.getUint16(start + 14, true),
  };
  if (format.channels === 0 || format.sampleRate === 0) {
    corrupt('no channel or no rate', `${format.channels} channels, ${format.sampleRate} samples/s`);
  }
  const known =
    (code === PCM && [8, 16, 24, 32].includes(format.bits)) ||
    (code === FLOAT && [32, 64].includes(format.bits));
  if (!known) {
    throw new DataError('readWav', 'this coding is not read', {
      kind: 'unsupported',
      got: `format ${code}, ${format.bits} bits`,
      wanted: 'PCM of 8, 16, 24 or 32 bits, float of 32 or 64',
    });
  }
  if (format.blockAlign !== (format.channels * format.bits) / 8) {
    corrupt('the size of a frame does not fit', String(format.blockAlign));
  }
  return format;
}

function readSamples(
  view: DataView,
  start: number,
  size: number,
  { code, channels, sampleRate, blockAlign, bits }: Format,
  { sampleRate: wanted, maxSamples = 2 ** 28 }: ReadWavOptions,
): Audio {
  if (wanted !== undefined && wanted !== sampleRate) {
    throw new DataError('readWav', 'the file has another sample rate', {
      got: String(sampleRate),
      wanted: String(wanted),
    });
  }
  const frames = Math.floor(size / blockAlign);
  if (frames * channels > maxSamples) {
    throw new DataError('readWav', 'more samples than the limit', {
      kind: 'too-large',
      got: String(frames * channels),
      wanted: `at most ${maxSamples}`,
    });
  }
  const width = bits / 8;
  const read = (at: number): number => {
    if (code === FLOAT) return bits === 32 ? view.getFloat32(at, true) : view.getFloat64(at, true);
    if (bits === 8) return (view.getUint8(at) - 128) / 128;
    if (bits === 16) return view.getInt16(at, true) / 2 ** 15;
    if (bits === 32) return view.getInt32(at, true) / 2 ** 31;
    return (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23;
  };
  return {
    sampleRate,
    channels: Array.from({ length: channels }, (_, c) =>
      Float32Array.from({ length: frames }, (_unused, i) =>
        read(start + i * blockAlign + c * width),
      ),
    ),
  };
}

/** A WAV file of 16 bit PCM; samples beyond full scale are cut. */
export function writeWav({ channels, sampleRate }: Audio): Uint8Array {
  const count = channels.length;
  const frames = channels[0]?.length ?? 0;
  if (count === 0 || count > 0xffff || channels.some((channel) => channel.length !== frames)) {
    throw new DataError('writeWav', 'channels do not fit', {
      got: channels.map((channel) => channel.length).join(', '),
      wanted: 'at least one channel, all of the same length',
    });
  }
  if (!Number.isInteger(sampleRate) || sampleRate < 1) {
    throw new DataError('writeWav', 'the sample rate is a positive whole number', {
      got: String(sampleRate),
    });
  }
  const size = frames * count * 2;
  const bytes = new Uint8Array(44 + size);
  const view = new DataView(bytes.buffer);
  const text = (at: number, value: string): void => {
    for (let i = 0; i < 4; i++) bytes[at + i] = value.charCodeAt(i);
  };
  text(0, 'RIFF');
  view.setUint32(4, 36 + size, true);
  text(8, 'WAVE');
  text(12, 'fmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, PCM, true);
  view.setUint16(22, count, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * count * 2, true);
  view.setUint16(32, count * 2, true);
  view.setUint16(34, 16, true);
  text(36, 'data');
  view.setUint32(40, size, true);
  for (let i = 0; i < frames; i++) {
    for (let c = 0; c < count; c++) {
      const value = Math.round((channels[c]![i] ?? 0) * 2 ** 15);
      view.setInt16(
        44 + 2 * (i * count + c),
        Math.max(-(2 ** 15), Math.min(2 ** 15 - 1, value)),
        true,
      );
    }
  }
  return bytes;
}

/** The mean of all channels. */
export function toMono({ channels, sampleRate }: Audio): Audio {
  const [first] = channels;
  if (first === undefined)
    throw new DataError('toMono', 'there is no channel', { kind: 'missing' });
  if (channels.length === 1) return { channels, sampleRate };
  const mono = Float32Array.from(
    first,
    (_, i) => channels.reduce((total, channel) => total + channel[i]!, 0) / channels.length,
  );
  return { channels: [mono], sampleRate };
}
