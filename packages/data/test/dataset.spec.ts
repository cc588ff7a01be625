import {
  ArrayDataset,
  ConcatDataset,
  Subset,
  fetchBatch,
  mapBatches,
  mapSamples,
  ndarray,
  normalizeColumn,
  normalizeImages,
  randomSplit,
  stack,
  take,
  type Dataset,
} from '../src/index.ts';

const make = (n: number, classes = 3) =>
  new ArrayDataset({
    x: ndarray(
      Float32Array.from({ length: n * 4 }, (_, i) => i),
      [n, 2, 2],
    ),
    label: ndarray(
      BigInt64Array.from({ length: n }, (_, i) => BigInt(i % classes)),
      [n],
    ),
  });

describe('ArrayDataset', () => {
  it('gives rows as samples and gathered rows as batches', () => {
    const data = make(5);
    expect(data.length).toBe(5);
    expect(data.get(3)).toEqual({
      x: { data: Float32Array.of(12, 13, 14, 15), shape: [2, 2], dtype: 'float32' },
      label: { data: BigInt64Array.of(0n), shape: [], dtype: 'int64' },
    });
    expect(data.batch([4, 0, 4])).toEqual({
      x: {
        data: Float32Array.of(16, 17, 18, 19, 0, 1, 2, 3, 16, 17, 18, 19),
        shape: [3, 2, 2],
        dtype: 'float32',
      },
      label: { data: BigInt64Array.of(1n, 0n, 1n), shape: [3], dtype: 'int64' },
    });
  });

  it('gathers the same batch as stacking samples one by one', () => {
    const data = make(17);
    const indices = [16, 3, 3, 0, 9];
    expect(data.batch(indices)).toEqual(stack(indices.map((i) => data.get(i))));
  });

  it('names the columns and rows that do not fit', () => {
    const x = ndarray(new Uint8Array(6), [3, 2]);
    expect(() => new ArrayDataset({ x, y: ndarray(new Uint8Array(2)) })).toThrow(
      'columns "x" and "y" differ in length (got 3 and 2)',
    );
    expect(() => new ArrayDataset({ x: ndarray(new Uint8Array(1), []) })).toThrow(
      '"x" is a scalar',
    );
    expect(() => new ArrayDataset({})).toThrow('no columns');
    for (const index of [-1, 5, 0.5, NaN]) {
      expect(() => make(5).get(index)).toThrow(`index ${index}`);
      expect(() => make(5).batch([0, index])).toThrow(`index ${index}`);
    }
    expect(() => make(0).get(0)).toThrow('the data set is empty');
  });
});

describe('stack and fetchBatch', () => {
  it('names the sample and column that differ', () => {
    const a = { x: ndarray(new Uint8Array(2)) };
    expect(() => stack([a, { x: ndarray(new Uint8Array(3)) }])).toThrow(
      'column "x" of sample 1 differs from sample 0 (got uint8 [3], wanted uint8 [2])',
    );
    expect(() => stack([a, { x: ndarray(new Int8Array(2)) }])).toThrow('got int8 [2]');
    expect(() => stack([])).toThrow('no samples');
    expect(() => fetchBatch(make(3), [])).toThrow('at least one sample');
  });

  it('stacks samples of a data set that has only get', () => {
    const plain: Dataset = { length: 2, get: (i) => ({ v: ndarray(Int32Array.of(i), []) }) };
    expect(fetchBatch(plain, [1, 0, 1])['v']).toEqual(ndarray(Int32Array.of(1, 0, 1)));
  });
});

describe('combined data sets', () => {
  it('chooses, joins and takes', () => {
    const data = make(6);
    const subset = new Subset(data, [5, 1]);
    expect(subset.get(0)).toEqual(data.get(5));
    expect(subset.batch([1, 0])).toEqual(data.batch([1, 5]));
    expect(() => new Subset(data, [6])).toThrow('wanted 0 to 5');
    expect(() => subset.get(2)).toThrow('wanted 0 to 1');

    const joined = new ConcatDataset([subset, make(0), data]);
    expect(joined.length).toBe(8);
    expect([0, 1, 2, 7].map((i) => joined.get(i))).toEqual([5, 1, 0, 5].map((i) => data.get(i)));
    expect(joined.batch([7, 0])).toEqual(data.batch([5, 5]));
    expect(() => new ConcatDataset([])).toThrow('no data sets');

    expect([...take(data, 2).indices]).toEqual([0, 1]);
    expect(take(data, 99).length).toBe(6);
  });

  it('maps samples and batches to the same values', () => {
    const data = make(4);
    const double = (a: { data: unknown }) => (a.data as Float32Array).map((v) => 2 * v);
    const bySample = mapSamples(data, (s, i) => ({
      x: ndarray(double(s.x), s.x.shape),
      i: ndarray(Int32Array.of(i), []),
    }));
    const byBatch = mapBatches(data, (b, indices) => ({
      x: ndarray(double(b.x), b.x.shape),
      i: ndarray(Int32Array.from(indices)),
    }));
    expect(byBatch.get(2)).toEqual(bySample.get(2));
    expect(fetchBatch(bySample, [3, 1])).toEqual(fetchBatch(byBatch, [3, 1]));
    expect((bySample.get(2)['x'].data as Float32Array)[0]).toBe(16);
  });
});

describe('randomSplit', () => {
  it('splits into parts without common samples, the same ones for the same seed', () => {
    const data = make(103);
    const [a, b, c] = randomSplit(data, [0.5, 0.3, 0.2], { seed: 4 });
    expect([a.length, b.length, c.length]).toEqual([52, 30, 21]);
    const all = [...a.indices, ...b.indices, ...c.indices];
    expect(new Set(all).size).toBe(103);
    expect([...randomSplit(data, [52, 51], { seed: 4 })[0].indices]).toEqual([...a.indices]);
    expect([...randomSplit(data, [52, 51], { seed: 5 })[0].indices]).not.toEqual([...a.indices]);
  });

  it('keeps the share of every class within one sample when stratified', () => {
    // 70 %, 20 %, 10 % of 1000.
    const labels = Uint8Array.from({ length: 1000 }, (_, i) =>
      i % 10 < 7 ? 0 : i % 10 < 9 ? 1 : 2,
    );
    const data = new ArrayDataset({ label: ndarray(labels) });
    const parts = randomSplit(data, [0.75, 0.15, 0.1], { seed: 1, stratify: 'label' });
    expect(parts.map((part) => part.length)).toEqual([750, 150, 100]);
    for (const part of parts) {
      const counts = [0, 0, 0];
      for (const i of part.indices) counts[labels[i] as number]! += 1;
      [0.7, 0.2, 0.1].forEach((share, k) =>
        expect(Math.abs((counts[k] as number) - share * part.length)).toBeLessThanOrEqual(1),
      );
      // Still mixed: not one class after another.
      const first = [...part.indices.subarray(0, 30)].map((i) => labels[i]);
      expect(new Set(first).size).toBeGreaterThan(1);
    }
    expect(new Set(parts.flatMap((part) => [...part.indices])).size).toBe(1000);
    const given = randomSplit(data, [0.75, 0.15, 0.1], { seed: 1, stratify: labels });
    expect([...given[2].indices]).toEqual([...parts[2].indices]);
  });

  it('takes the empty, the impossible and the missing class for errors', () => {
    expect(() => randomSplit(make(0), [0.5, 0.5])).toThrow('the data set is empty');
    expect(() => randomSplit(make(10), [0.5, 0.4])).toThrow('neither to 1 nor to the number');
    expect(() => randomSplit(make(10), [11, -1])).toThrow('not numbers of at least 0');
    expect(() => randomSplit(make(10), [5, 5], { stratify: 'colour' })).toThrow('"colour"');
    expect(() => randomSplit(make(10), [5, 5], { stratify: 'x' })).toThrow('is not one label');
    expect(() => randomSplit(make(10), [5, 5], { stratify: [1, 2] })).toThrow('got 2 labels');
    const rare = new ArrayDataset({ label: ndarray(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1)) });
    expect(() => randomSplit(rare, [0.5, 0.5], { stratify: 'label' })).toThrow(
      /class 1 \(1 samples\) is missing from part/,
    );
  });
});

describe('ndarray', () => {
  it('checks size and storage', () => {
    expect(ndarray(new Uint8Array(2), [2], 'bool').dtype).toBe('bool');
    expect(ndarray(new Uint16Array(2), [2], 'float16').dtype).toBe('float16');
    expect(() => ndarray(new Uint8Array(2), [3])).toThrow('got 2 elements, wanted 3 for [3]');
    expect(() => ndarray(new Uint8Array(2), [2], 'float32')).toThrow('cannot hold float32');
    expect(() => ndarray(new Uint8Array(2), [-1, -2])).toThrow('[-1,-2]');
  });
});

describe('normalizeImages', () => {
  it('scales and normalises each channel', () => {
    const images = ndarray(Uint8Array.of(0, 255, 51, 102), [1, 2, 1, 2]);
    const out = normalizeImages(images, { mean: [0.5, 0], std: [0.5, 0.1] });
    expect(out.shape).toEqual([1, 2, 1, 2]);
    expect([...(out.data as Float32Array)]).toEqual([-1, 1, Math.fround(2), Math.fround(4)]);
  });

  it('normalises one column of a batch', () => {
    const batch = {
      image: ndarray(Uint8Array.of(255), [1, 1, 1]),
      label: ndarray(Uint8Array.of(3)),
    };
    const out = normalizeColumn('image')(batch);
    expect(out.image).toEqual(ndarray(Float32Array.of(1), [1, 1, 1]));
    expect(out.label).toBe(batch.label);
    expect(() => normalizeColumn('picture')(batch)).toThrow('wanted image, label');
  });

  it('refuses other arrays and unusable statistics', () => {
    expect(() => normalizeImages(ndarray(new Float32Array(4), [1, 2, 2]))).toThrow(
      'float32 [1,2,2]',
    );
    expect(() => normalizeImages(ndarray(new Uint8Array(4)))).toThrow('uint8 [4]');
    const ok = ndarray(new Uint8Array(4), [1, 2, 2]);
    expect(() => normalizeImages(ok, { std: 0 })).toThrow('std is not usable');
    expect(() => normalizeImages(ok, { mean: [0, 0] })).toThrow('got 2 values, wanted 1');
    expect(() => normalizeImages(ok, { mean: NaN })).toThrow('mean is not usable');
  });
});
