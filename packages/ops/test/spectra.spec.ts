/** Spectra against their formulae, written out here in plain numbers. */
import { cpu } from '@hebb/backend-cpu';
import { gradients, init, manualSeed, random, tensor, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import * as ops from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});
const listed = async (x: Tensor): Promise<number[]> => [...((await x.data()) as Float64Array)];
const wave = (f: (t: number) => number, length: number): Tensor =>
  tensor(
    Float64Array.from({ length }, (_, t) => f(t)),
    { dtype: 'float64' },
  );
const close = (got: readonly number[], want: readonly number[], within = 1e-9): void => {
  expect(got.length).toBe(want.length);
  expect(Math.max(...want.map((value, i) => Math.abs(value - got[i]!)))).toBeLessThan(within);
};

describe('stft', () => {
  it('is the sum of its definition', async () => {
    const [n, hop] = [8, 4];
    const x = Array.from({ length: 20 }, (_, t) => Math.sin(t * t));
    const [re, im] = ops.stft(tensor(Float64Array.from(x)), {
      nFft: n,
      hopLength: hop,
      winLength: 6,
      center: false,
    });
    const frames = 4;
    expect(re.shape).toEqual([5, frames]);
    const want: [number[], number[]] = [[], []];
    for (let k = 0; k <= n / 2; k++) {
      for (let m = 0; m < frames; m++) {
        let [a, b] = [0, 0];
        for (let j = 0; j < n; j++) {
          const hann = j >= 1 && j < 7 ? Math.sin((Math.PI * (j - 1)) / 6) ** 2 : 0;
          a += hann * x[m * hop + j]! * Math.cos((2 * Math.PI * j * k) / n);
          b -= hann * x[m * hop + j]! * Math.sin((2 * Math.PI * j * k) / n);
        }
        want[0].push(a);
        want[1].push(b);
      }
    }
    close(await listed(re), want[0]);
    close(await listed(im), want[1]);
  });

  it('frames in the middle of their sample mirror the ends, and a tone has its bin', async () => {
    const tone = wave((t) => Math.cos((2 * Math.PI * 10 * t) / 64), 256);
    const power = ops.spectrogram(tone, { nFft: 64, hopLength: 32, window: 'rectangular' });
    expect(power.shape).toEqual([33, 9]);
    const column = await listed(power.narrow(1, 4, 1).reshape([33]));
    expect(column.indexOf(Math.max(...column))).toBe(10);
    expect(column[10]!).toBeCloseTo(32 ** 2, 6);
  });

  it('keeps the energy (Parseval)', async () => {
    const x = random.normal(random.key(1), [32], { dtype: 'float64' });
    const power = await listed(
      ops.spectrogram(x, { nFft: 32, center: false, window: 'rectangular' }),
    );
    const both = power.reduce((n, p, k) => n + (k === 0 || k === 16 ? p : 2 * p), 0);
    const own = (await listed(x)).reduce((n, v) => n + v * v, 0);
    expect(both / 32).toBeCloseTo(own, 9);
  });
});

describe('mel', () => {
  it('scales have their published values', () => {
    expect(ops.hertzToMel(1000)).toBeCloseTo(999.9855, 3); // 1000 Hz is 1000 mel
    expect(ops.hertzToMel(1000, 'slaney')).toBeCloseTo(15, 9);
    expect(ops.hertzToMel(6400, 'slaney')).toBeCloseTo(42, 9);
    for (const scale of ['htk', 'slaney'] as const) {
      expect(ops.melToHertz(ops.hertzToMel(3456, scale), scale)).toBeCloseTo(3456, 6);
    }
  });
  it('filters are triangles that sum to 1 between the first and the last peak', () => {
    const [bins, mels] = [513, 10];
    const filters = ops.melFilters(bins, { sampleRate: 16000, mels });
    const sums = Array.from({ length: bins }, (_, b) =>
      filters.slice(b * mels, (b + 1) * mels).reduce((x, y) => x + y, 0),
    );
    const edge = (i: number): number =>
      ops.melToHertz((ops.hertzToMel(8000) * i) / (mels + 1)) / (8000 / (bins - 1));
    for (let b = Math.ceil(edge(1)); b <= Math.floor(edge(mels)); b++) {
      expect(sums[b]).toBeCloseTo(1, 9);
    }
    expect(Math.min(...filters)).toBe(0);
  });
  it('mfcc is the orthonormal cosine transform of the log mels', async () => {
    const x = random.normal(random.key(2), [1, 512], { dtype: 'float64' });
    const common = { sampleRate: 8000, nFft: 128, hopLength: 64, mels: 12 };
    const logs = await listed(ops.logMelSpectrogram(x, common));
    const got = await listed(ops.mfcc(x, { ...common, coefficients: 5, logMels: true }));
    const frames = logs.length / 12;
    const want = Array.from({ length: 5 * frames }, (_, i) => {
      const [k, t] = [Math.floor(i / frames), i % frames];
      let total = 0;
      for (let m = 0; m < 12; m++) {
        total += logs[m * frames + t]! * Math.cos((Math.PI / 12) * (m + 0.5) * k);
      }
      return total * Math.sqrt((k === 0 ? 1 : 2) / 12);
    });
    close(got, want);
  });
  it('decibels', async () => {
    const x = tensor([1, 100, 1e-12]);
    close(await listed(ops.amplitudeToDb(x, { topDb: 80 })), [0, 20, -60], 1e-4);
  });
  it('is differentiable: the gradient agrees with differences', async () => {
    const at = Float64Array.from({ length: 64 }, (_, t) => Math.sin(t) + 0.1 * t);
    const f = (x: Tensor): Tensor =>
      ops.mfcc(x, { sampleRate: 8000, nFft: 32, mels: 6, coefficients: 4, logMels: true }).sum();
    const x = tensor(at);
    const [grad] = gradients([f(x)], [x]);
    const got = await listed(grad!);
    for (const i of [0, 7, 40]) {
      const moved = async (by: number): Promise<number> =>
        Number(await f(tensor(at.map((v, k) => (k === i ? v + by : v)))).item());
      expect(((await moved(1e-5)) - (await moved(-1e-5))) / 2e-5).toBeCloseTo(got[i]!, 4);
    }
  });
});

describe('resample', () => {
  it.each([
    [8000, 16000],
    [16000, 8000],
    [44100, 8000],
  ])('%i to %i keeps a tone', async (from, to) => {
    const tone = (rate: number) => (t: number) => Math.sin((2 * Math.PI * 440 * t) / rate);
    const y = await listed(ops.resample(wave(tone(from), 4000), from, to, { zeros: 16 }));
    expect(y.length).toBe(Math.ceil((4000 * to) / from));
    const inner = y.slice(100, -100);
    close(
      inner,
      inner.map((_, i) => tone(to)(i + 100)),
      2e-2,
    );
  });
  it('the same rate is the same signal; rates are whole', () => {
    const x = zeros([2, 5]);
    expect(ops.resample(x, 8000, 8000)).toBe(x);
    expect(() => ops.resample(x, 0, 8000)).toThrow(/^resample: from is a positive whole number/);
  });
});

describe('augmentation', () => {
  it('masks bands and spans, others in each row', async () => {
    manualSeed(4);
    const y = ops.specAugment(zeros([4, 10, 20]).add(1), { frequencyWidth: 6, timeWidth: 8 });
    const data = await listed(y);
    const rows = Array.from({ length: 4 }, (_, n) => data.slice(200 * n, 200 * (n + 1)).join(''));
    expect(new Set(rows).size).toBeGreaterThan(1);
    expect(data.some((v) => v === 0)).toBe(true);
    const share = data.filter((v) => v === 0).length / data.length;
    expect(share).toBeLessThan(0.6 + 0.4 * 0.4);
  });
  it('noise has the ratio asked for', async () => {
    manualSeed(5);
    const x = random.normal(random.key(9), [1, 4000]).mul(3);
    const noise = ops.addNoise(x, 20).sub(x);
    const power = async (t: Tensor): Promise<number> =>
      (await listed(t)).reduce((n, v) => n + v * v, 0);
    expect(10 * Math.log10((await power(x)) / (await power(noise)))).toBeCloseTo(20, 0);
  });
  it('recorded noise is mixed in at the ratio asked for, row by row', async () => {
    const x = tensor([
      [3, -3, 3, -3],
      [0, 0, 0, 0],
    ]);
    const hum = tensor([[1, 2, -1, -2]]);
    const [first, second] = [0, 1].map((row) => (y: number[]) => y.slice(4 * row, 4 * row + 4));
    const y = await listed(ops.addNoise(x, 10, { noise: hum }));
    // Powers are 9 and 2.5: the noise is scaled by the root of 9 / 10 / 2.5.
    const scale = Math.sqrt(0.9 / 2.5);
    close(first!(y), [3 + scale, -3 + 2 * scale, 3 - scale, -3 - 2 * scale], 1e-5);
    close(second!(y), [0, 0, 0, 0]);
    close(await listed(ops.addNoise(x, 0, { noise: zeros([1, 4]) })), await listed(x));
    expect(() => ops.addNoise(x, 0, { noise: zeros([1, 3]) })).toThrow('differ in length');
  });
  it('shifts fill with zeros', async () => {
    manualSeed(6);
    const y = await listed(ops.randomShift(tensor([[1, 2, 3, 4, 5, 6]]), 3));
    const from = y.findIndex((v) => v !== 0);
    const kept = y.filter((v) => v !== 0);
    expect(kept.length).toBeGreaterThanOrEqual(3);
    expect(from + kept.length).toBeLessThanOrEqual(6);
    expect(kept).toEqual([1, 2, 3, 4, 5, 6].slice(kept[0]! - 1, kept[0]! - 1 + kept.length));
  });
});

it.each<[string, () => unknown, RegExp]>([
  ['short', () => ops.stft(zeros([10]), { nFft: 400 }), /^stft: the signal is shorter/],
  ['window', () => ops.stft(zeros([500]), { nFft: 4, winLength: 8 }), /longer than nFft/],
  ['hop', () => ops.stft(zeros([500]), { hopLength: 0 }), /hopLength is a positive/],
  ['integers', () => ops.stft(zeros([500], 'int16')), /of floats/],
  ['band', () => ops.melFilters(10, { sampleRate: 8000, high: 5000 }), /frequencies do not fit/],
  ['mfcc', () => ops.mfcc(zeros([500]), { sampleRate: 8000, mels: 3 }), /coefficients do not fit/],
])('bad input: %s', (_, call, message) => {
  expect(call).toThrow(message);
});
