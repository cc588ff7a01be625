import { compile, gradients, init, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { SGD } from '@hebb/train';
import { Embedding, EmbeddingBag, LayerNorm, RMSNorm } from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

const ints = (values: number[] | number[][]): Tensor => tensor(values, { dtype: 'int32' });
const rows = [
  [3, 4],
  [0.3, 0.4],
  [6, 8],
  [1, 0],
];
const made = (options = {}): Embedding =>
  Embedding.fromPretrained(tensor(rows), { freeze: false, ...options });

describe('Embedding', () => {
  it('starts standard normal, with zeros in the padding row, which is never learned', async () => {
    const layer = new Embedding(400, 50, { paddingIdx: -2 });
    expect(layer.paddingIdx).toBe(398);
    const values = (await layer.weight.value.data()) as Float32Array;
    expect(values.slice(398 * 50, 399 * 50).every((x) => x === 0)).toBe(true);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const spread = Math.sqrt(values.reduce((a, b) => a + b * b, 0) / values.length);
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(spread - 1)).toBeLessThan(0.03);
    const [g] = gradients(layer.forward(ints([398, 1])).sum(), [layer.weight.value]);
    const grads = await g!.data();
    expect([grads[398 * 50], grads[50]]).toEqual([0, 1]);
  });

  it('takes pretrained vectors, frozen unless told otherwise', async () => {
    const layer = Embedding.fromPretrained(tensor(rows));
    expect(layer.weight.requiresGrad).toBe(false);
    expect(await layer.forward(ints([[2], [0]])).toArray()).toEqual([[[6, 8]], [[3, 4]]]);
    expect(made().weight.requiresGrad).toBe(true);
  });

  it('shortens what is looked up: the table in training, the result in evaluation', async () => {
    const short = (y: readonly number[][]) => y.map((row) => row.map((x) => expect.closeTo(x, 5)));
    const evaluated = made({ maxNorm: 1 }).eval();
    const wanted = [
      [0.6, 0.8],
      [0.3, 0.4],
    ];
    expect(await evaluated.forward(ints([0, 1])).toArray()).toEqual(short(wanted));
    expect(await evaluated.weight.value.toArray()).toEqual(
      rows.map((row) => row.map((x) => expect.closeTo(x, 5))),
    );
    const trained = made({ maxNorm: 1 });
    expect(await trained.forward(ints([0, 1])).toArray()).toEqual(short(wanted));
    // Rows that were not looked up keep their length.
    expect(await trained.weight.value.toArray()).toEqual(short([...wanted, [6, 8], [1, 0]]));
  });

  it('trains on shortened rows as PyTorch does: shorten, look up, update', async () => {
    const layer = made({ maxNorm: 1 });
    const optimizer = new SGD({ lr: 0.1 }).attach(layer.parameters());
    const step = compile((index: Tensor) => {
      // Two calls in one step: both count for the gradient.
      const loss = layer.forward(index).sum().add(layer.forward(index).sum());
      optimizer.minimize(loss);
      return loss;
    });
    const loss = await step(ints([0, 2]));
    expect(await loss.item()).toBeCloseTo(2 * (1.4 + 1.4), 4);
    const table = (await layer.weight.value.toArray()) as number[][];
    expect(table[0]).toEqual([expect.closeTo(0.6 - 0.2, 4), expect.closeTo(0.8 - 0.2, 4)]);
    expect(table[1]).toEqual([expect.closeTo(0.3, 5), expect.closeTo(0.4, 5)]);
  });

  it('divides gradients by how often a row comes up', async () => {
    const layer = made({ scaleGradByFreq: true });
    const x = layer.forward(ints([0, 2, 0, 0]));
    const [g] = gradients(x.sum(), [layer.weight.value]);
    expect(await x.index(1).toArray()).toEqual([6, 8]);
    const grads = (await g!.toArray()) as number[][];
    expect(grads[0]).toEqual([expect.closeTo(1, 6), expect.closeTo(1, 6)]);
    expect(grads[2]).toEqual([1, 1]);
  });

  it('refuses what makes no sense', () => {
    expect(() => new Embedding(4, 0)).toThrow('Embedding: embeddingDim is a positive whole number');
    expect(() => new Embedding(4, 2, { paddingIdx: 4 })).toThrow(
      'Embedding: paddingIdx is no row (got 4, wanted -4 to 3)',
    );
    expect(() => new Embedding(4, 2, { maxNorm: 0 })).toThrow('maxNorm is a positive number');
    expect(() => Embedding.fromPretrained(tensor([1, 2]))).toThrow(
      'pretrained vectors do not fit (got [2], wanted [rows, width])',
    );
    expect(() => made().forward(tensor([0.5]))).toThrow('indices are integers');
    expect(String(new Embedding(4, 2, { paddingIdx: 0, maxNorm: 2 }))).toBe(
      'Embedding(4, 2, paddingIdx=0, maxNorm=2)',
    );
  });
});

describe('EmbeddingBag', () => {
  it('sums, averages and takes maxima of bags', async () => {
    const of = (options = {}) => EmbeddingBag.fromPretrained(tensor([[1], [2], [4]]), options);
    const [index, offsets] = [ints([0, 2, 1, 1]), ints([0, 2])];
    expect(await of().forward(index, offsets).toArray()).toEqual([[2.5], [2]]);
    expect(await of({ mode: 'max' }).forward(index, offsets).toArray()).toEqual([[4], [2]]);
    const weights = tensor([1, 0.5, 2, 0]);
    expect(await of({ mode: 'sum' }).forward(index, offsets, weights).toArray()).toEqual([
      [3],
      [4],
    ]);
    expect(await of({ paddingIdx: 2 }).forward(index, offsets).toArray()).toEqual([[1], [2]]);
    const ends = of({ includeLastOffset: true });
    expect(await ends.forward(index, ints([0, 1, 4])).toArray()).toEqual([
      [1],
      [expect.closeTo(8 / 3, 5)],
    ]);
    expect(() => of({ mode: 'median' as 'sum' })).toThrow('unknown mode (got median');
    expect(() => of().forward(index, offsets, weights)).toThrow('perSampleWeights needs mode sum');
  });
});

describe('LayerNorm and RMSNorm', () => {
  it('normalise over the last axes', async () => {
    const x = tensor([[1, 2, 3, 6]]);
    const y = (await new LayerNorm(4, { eps: 0 }).forward(x).toArray()) as number[][];
    expect(y[0]).toEqual([-2, -1, 0, 3].map((d) => expect.closeTo(d / Math.sqrt(3.5), 5)));
    const z = (await new RMSNorm(4).forward(x).toArray()) as number[][];
    expect(z[0]).toEqual([1, 2, 3, 6].map((d) => expect.closeTo(d / Math.sqrt(12.5), 5)));
    expect(() => new LayerNorm([2, 2]).forward(x)).toThrow(
      'normalizedShape does not fit the input',
    );
    expect(() => new LayerNorm([])).toThrow('has no axis');
    expect(() => new RMSNorm(4, { eps: -1 })).toThrow('RMSNorm: eps is at least 0');
  });
});
