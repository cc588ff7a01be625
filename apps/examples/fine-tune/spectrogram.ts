/** Recordings as pictures: a model that reads handwriting can look at them. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ArrayDataset, ndarray } from '@hebb/data';

/** Mono recordings of 16 bits, -1..1. Source: "Multimedia Programming Interface", RIFF WAVE, 1991. */
export function readWav(bytes: Uint8Array): { samples: Float32Array; rate: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE') throw new Error('no WAV file');
  let rate = 0;
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    if (tag(at) === 'fmt ') {
      const [format, channels] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
      const bits = view.getUint16(at + 22, true);
      if (format !== 1 || channels !== 1 || bits !== 16) {
        throw new Error(`format ${format} with ${channels} channels of ${bits} bits`);
      }
      rate = view.getUint32(at + 12, true);
    }
    if (tag(at) === 'data') {
      const count = Math.min(size, bytes.length - at - 8) >> 1;
      const read = (_: unknown, i: number) => view.getInt16(at + 8 + 2 * i, true) / 32768;
      return { samples: Float32Array.from({ length: count }, read), rate };
    }
    at += 8 + size + (size & 1);
  }
  throw new Error('a WAV file without data');
}

export const side = 28;
const frame = 256;

/** Hertz on the mel scale: equal steps sound equally far apart. Stevens, Volkmann and Newman 1937. */
const mel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700);
const hertz = (m: number): number => 700 * (10 ** (m / 2595) - 1);

/** Cosines and sines of each frequency under a Hann window. */
const waves = Array.from({ length: frame / 2 }, (_, k) =>
  [Math.cos, Math.sin].map((wave) =>
    Float32Array.from({ length: frame }, (_, n) => {
      const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / frame);
      return window * wave((2 * Math.PI * k * n) / frame);
    }),
  ),
);

/**
 * Loudness in 28 bands of pitch (rows, high ones first) over 28 moments (columns) as grey levels 0..255, in
 * the look of the digits that the model knows: bright strokes on black.
 */
export function spectrogram(samples: Float32Array, rate: number): Float32Array {
  const hop = Math.max(1, (samples.length - frame) / (side - 1));
  const picture = new Float32Array(side * side);
  const edge = (i: number): number => hertz((mel(rate / 2) * i) / (side + 1)) * (frame / rate);
  for (let column = 0; column < side; column++) {
    const part = samples.subarray(Math.round(column * hop), Math.round(column * hop) + frame);
    const power = waves.map((pair) => pair.reduce((sum, wave) => sum + dot(part, wave) ** 2, 0));
    for (let band = 0; band < side; band++) {
      const [low, middle, high] = [edge(band), edge(band + 1), edge(band + 2)];
      let energy = 0;
      for (let k = Math.floor(low); k <= Math.ceil(high) && k < power.length; k++) {
        const rise = (k - low) / Math.max(middle - low, 1);
        const fall = (high - k) / Math.max(high - middle, 1);
        energy += Math.max(0, Math.min(1, rise, fall)) * power[k]!;
      }
      picture[(side - 1 - band) * side + column] = Math.log(energy + 1e-6);
    }
  }
  const sorted = picture.toSorted();
  const [dark, light] = [sorted[sorted.length >> 1]!, sorted[sorted.length - 4]!];
  return picture.map((v) => 255 * Math.min(1, Math.max(0, (v - dark) / (light - dark + 1e-6))));
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/**
 * Spoken digits from a folder of `DIGIT_SPEAKER_INDEX.wav`. Indices 0 to 4 are the customary test part.
 * @throws Error when the folder has no such files.
 */
export async function loadSpeech(folder: string, perSpeaker = Infinity) {
  const train: [number, Float32Array][] = [];
  const test: [number, Float32Array][] = [];
  for (const file of (await readdir(folder)).sort()) {
    const [, digit, , index] = /^(\d)_(\w+)_(\d+)\.wav$/.exec(file) ?? [];
    if (digit === undefined || Number(index) >= perSpeaker) continue;
    const { samples, rate } = readWav(await readFile(join(folder, file)));
    const part = Number(index) < 5 ? test : train;
    part.push([Number(digit), spectrogram(samples, rate)]);
  }
  if (train.length === 0) throw new Error(`no recordings DIGIT_SPEAKER_INDEX.wav in ${folder}`);
  return { train: asDataset(train), test: asDataset(test) };
}

function asDataset(pairs: readonly (readonly [number, Float32Array])[]) {
  const image = new Float32Array(pairs.length * side * side);
  pairs.forEach(([, picture], i) => image.set(picture, i * side * side));
  return new ArrayDataset({
    image: ndarray(image, [pairs.length, 1, side, side]),
    label: ndarray(
      Int32Array.from(pairs, ([digit]) => digit),
      [pairs.length],
    ),
  });
}
