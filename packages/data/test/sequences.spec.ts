/** WAV files, vocabularies and time series. */
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import {
  DataError,
  SeriesScaler,
  Vocabulary,
  characters,
  padSequences,
  readWav,
  series,
  sliceSeries,
  toMono,
  windows,
  words,
  writeWav,
} from '../src/index.ts';

const shared =
  process.env['HEBB_DATA'] ?? path.resolve(import.meta.dirname, '../../../../shared/data');

const spoken = (await readdir(path.join(shared, 'datasets/fsdd')).catch(() => [])).filter((each) =>
  each.endsWith('.wav'),
);

/** A file with the given format chunk and data. */
function wav(
  code: number,
  channels: number,
  bits: number,
  data: Uint8Array,
  extra = 0,
): Uint8Array {
  const bytes = new Uint8Array(12 + 8 + 16 + extra + 8 + data.length);
  const view = new DataView(bytes.buffer);
  const text = (at: number, value: string): void => {
    bytes.set(new TextEncoder().encode(value), at);
  };
  text(0, 'RIFF');
  view.setUint32(4, bytes.length - 8, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16 + extra, true);
  view.setUint16(20, code, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, 8000, true);
  view.setUint32(28, (8000 * channels * bits) / 8, true);
  view.setUint16(32, (channels * bits) / 8, true);
  view.setUint16(34, bits, true);
  text(36 + extra, 'data');
  view.setUint32(40 + extra, data.length, true);
  bytes.set(data, 44 + extra);
  return bytes;
}
const bytesOf = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer);

describe('wav', () => {
  it('goes round', () => {
    const left = Float32Array.of(0, 0.5, -1, 0.25);
    const right = Float32Array.of(0.125, -0.5, 0, 0.75);
    const back = readWav(writeWav({ channels: [left, right], sampleRate: 16000 }));
    expect(back).toEqual({ channels: [left, right], sampleRate: 16000 });
    expect(toMono(back).channels[0]).toEqual(Float32Array.of(0.0625, 0, -0.5, 0.5));
  });

  it.each<[string, Uint8Array, number[]]>([
    ['8 bit', wav(1, 1, 8, Uint8Array.of(128, 0, 192)), [0, -1, 0.5]],
    ['16 bit', wav(1, 1, 16, bytesOf(Int16Array.of(-32768, 16384))), [-1, 0.5]],
    ['24 bit', wav(1, 1, 24, Uint8Array.of(0, 0, 0x40, 0, 0, 0x80)), [0.5, -1]],
    ['32 bit', wav(1, 1, 32, bytesOf(Int32Array.of(2 ** 30))), [0.5]],
    ['float', wav(3, 1, 32, bytesOf(Float32Array.of(0.25, -2))), [0.25, -2]],
    ['double', wav(3, 1, 64, bytesOf(Float64Array.of(0.125))), [0.125]],
  ])('reads %s', (_, file, want) => {
    expect([...readWav(file).channels[0]!]).toEqual(want);
  });

  it('bad files are named errors', () => {
    const file = writeWav({ channels: [new Float32Array(10)], sampleRate: 8000 });
    const kinds = (call: () => unknown): string | undefined => {
      try {
        call();
        return undefined;
      } catch (error) {
        return error instanceof DataError ? error.kind : String(error);
      }
    };
    expect(kinds(() => readWav(new Uint8Array(3)))).toBe('corrupt');
    expect(kinds(() => readWav(file.subarray(0, 50)))).toBe('corrupt');
    expect(kinds(() => readWav(file.subarray(0, 36)))).toBe('corrupt');
    expect(kinds(() => readWav(wav(6, 1, 8, new Uint8Array(4))))).toBe('unsupported');
    expect(kinds(() => readWav(wav(1, 0, 16, new Uint8Array(4))))).toBe('corrupt');
    expect(kinds(() => readWav(file, { sampleRate: 16000 }))).toBe('invalid');
    expect(kinds(() => readWav(file, { maxSamples: 5 }))).toBe('too-large');
    for (let cut = 0; cut < 44; cut++)
      expect(kinds(() => readWav(file.subarray(0, cut)))).toBe('corrupt');
    expect(() => writeWav({ channels: [], sampleRate: 8000 })).toThrow(/channels do not fit/);
  });

  const folder = path.join(shared, 'datasets/fsdd');
  const [name] = spoken;
  if (name === undefined) it.skip(`reads spoken digits: needs ${folder}`, () => undefined);
  else {
    it('reads spoken digits', async () => {
      const { sampleRate, channels } = readWav(await readFile(path.join(folder, name)));
      expect(sampleRate).toBe(8000);
      expect(channels).toHaveLength(1);
      expect(Math.max(...channels[0]!.map(Math.abs))).toBeLessThanOrEqual(1);
    });
  }
});

describe('vocabularies', () => {
  it('words by frequency, specials first', () => {
    const vocabulary = Vocabulary.from(["The cat's hat, the cat.", 'the end 42'], {
      special: ['<pad>'],
      unknown: '<unk>',
      maxSize: 4,
    });
    expect(vocabulary.tokens).toEqual(['<pad>', '<unk>', 'the', ',']);
    expect([...vocabulary.encode('The dog')]).toEqual([2, 1]);
    expect(words("Don't stop, 42!")).toEqual(["don't", 'stop', ',', '42', '!']);
    expect(vocabulary.decode([2, 0, 3])).toBe('the ,');
  });
  it('characters go round, code points whole', () => {
    const text = 'naïve 🙂 text';
    const vocabulary = Vocabulary.from([text], { tokenize: characters });
    expect(vocabulary.decode(vocabulary.encode(text))).toBe(text);
    const again = new Vocabulary(vocabulary.tokens, { tokenize: characters });
    expect(again.encode(text)).toEqual(vocabulary.encode(text));
    expect(() => vocabulary.encode('z')).toThrow(/not in the vocabulary .*"z"/);
    expect(() => vocabulary.decode([99])).toThrow(/no such token/);
    expect(() => new Vocabulary(['a', 'a'])).toThrow(/occurs twice/);
  });
  it('rows of equal length', () => {
    expect(padSequences([[1, 2, 3], [4]], { fill: 9, length: 2 })).toEqual({
      data: Int32Array.of(1, 2, 4, 9),
      shape: [2, 2],
      lengths: Int32Array.of(2, 1),
    });
  });
});

describe('time series', () => {
  const data = series([
    [1, 2, 3, 4, 5, 6, 7, 8],
    [8, 7, 6, 5, 4, 3, 2, 100],
  ]);
  it('windows and what follows them', () => {
    const set = windows(data, { input: 3, horizon: 2, stride: 2, targets: [1] });
    expect(set.length).toBe(2);
    const { x, y } = set.get(1);
    expect([x.shape, [...(x.data as Float32Array)]]).toEqual([
      [3, 2],
      [3, 6, 4, 5, 5, 4],
    ]);
    expect([y.shape, [...(y.data as Float32Array)]]).toEqual([
      [2, 1],
      [3, 2],
    ]);
  });
  it('scaling knows the training part only', () => {
    const train = sliceSeries(data, 0, 6);
    const scaler = SeriesScaler.fit(train);
    expect(scaler.shift).toEqual([3.5, 5.5]);
    const scaled = scaler.transform(data);
    expect(scaler.inverse([scaled.values[15]!], 1)[0]).toBeCloseTo(100);
    expect(SeriesScaler.fit(train, 'minmax').scale).toEqual([5, 5]);
    expect(SeriesScaler.fit(series([[2, 2]])).scale).toEqual([1]);
  });
  it('bad input', () => {
    expect(() => series([[1], [1, 2]])).toThrow(/differ in length/);
    expect(() => series([[1, NaN]])).toThrow(/gap at step 1/);
    expect(() => windows(data, { input: 8 })).toThrow(/shorter than a window/);
    expect(() => windows(data, { input: 2, targets: [2] })).toThrow(/no such variable/);
    expect(() => sliceSeries(data, 3, 20)).toThrow(/no such steps/);
    expect(() => SeriesScaler.fit(sliceSeries(data, 0, 0))).toThrow(/no steps/);
  });
});
