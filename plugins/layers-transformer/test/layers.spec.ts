import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, ones, random, tensor, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { toOnnx, toOnnxModel, verifyModel } from '@hebb/onnx';
import { onnxRuntime } from '@hebb/onnx/node';
import * as t from '../src/index.ts';

beforeAll(() => init(cpu()));
beforeEach(() => manualSeed(1));

const draw = (seed: number, ...shape: number[]): Tensor => random.normal(random.key(seed), shape);
const list = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);
const close = (values: readonly number[]): unknown[] =>
  values.map((x) => expect.closeTo(x, 5) as unknown);

describe('MultiheadAttention', () => {
  const attention = new t.MultiheadAttention(4, 2, { batchFirst: true }).eval();
  const [q, k] = [draw(1, 2, 3, 4), draw(2, 2, 5, 4)];

  it('takes inputs in either layout, and without a batch', async () => {
    const other = new t.MultiheadAttention(4, 2).eval();
    other.loadStateDict(await attention.stateDict());
    const [want, weights] = attention.forward(q, k, k);
    const [got] = other.forward(q.transpose(0, 1), k.transpose(0, 1), k.transpose(0, 1));
    expect(await list(got.transpose(0, 1))).toEqual(close(await list(want)));
    const [one, oneWeights] = other.forward(q.index(1), k.index(1), k.index(1));
    expect(await list(one)).toEqual(close(await list(want.index(1))));
    expect(await list(oneWeights!)).toEqual(close(await list(weights!.index(1))));
  });

  it('masks of each kind agree: hidden, minus infinity, causal', async () => {
    const bools = t.causalMask(3);
    const floats = tensor([
      [0, -Infinity, -Infinity],
      [0, 0, -Infinity],
      [0, 0, 0],
    ]);
    const run = async (options: object): Promise<number[]> =>
      list(attention.forward(q, q, q, options)[0]);
    const want = await run({ isCausal: true });
    expect(await run({ attnMask: bools })).toEqual(close(want));
    expect(await run({ attnMask: floats })).toEqual(close(want));
    const each = bools.expand([4, 3, 3]);
    expect(await run({ attnMask: each })).toEqual(close(want));
    const keyPaddingMask = tensor([
      [false, false, true],
      [false, true, true],
    ]);
    const both = await run({ attnMask: bools, keyPaddingMask });
    expect(await run({ isCausal: true, keyPaddingMask })).toEqual(close(both));
    expect(await run({ attnMask: floats, keyPaddingMask })).toEqual(close(both));
  });

  it('a query without keys gives the bias of the last layer, and no NaN', async () => {
    attention.outProj.bias!.value = tensor([1, 2, 3, 4]);
    const keyPaddingMask = tensor([[true, true, true, true, true], [false, false, false, false, false]]); // prettier-ignore
    const [y, weights] = attention.forward(q, k, k, { keyPaddingMask });
    expect(await list(y.index(0, 0))).toEqual([1, 2, 3, 4]);
    expect(await list(weights!.index(0).sum())).toEqual([0]);
    expect((await list(y)).every(Number.isFinite)).toBe(true);
  });

  it('dropout acts in training alone', async () => {
    const noisy = new t.MultiheadAttention(4, 2, { dropout: 0.5, batchFirst: true });
    const y = () => noisy.forward(q, k, k)[0];
    expect(await list(y())).not.toEqual(await list(y()));
    noisy.eval();
    expect(await list(y())).toEqual(await list(y()));
  });

  it('says what does not fit', () => {
    const call = (...args: Parameters<t.MultiheadAttention['forward']>) =>
      expect(() => attention.forward(...args));
    call(q, draw(1, 2, 5, 3), k).toThrow('inputs do not fit (got [2,3,4], [2,5,3], [2,5,4]');
    call(q, draw(1, 3, 5, 4), draw(1, 3, 5, 4)).toThrow('inputs do not fit');
    call(q, k, k, { attnMask: zeros([3, 3]) }).toThrow(
      'attnMask does not fit (got [3,3], wanted [3,5] or [4,3,5])',
    );
    call(q, k, k, { keyPaddingMask: zeros([2, 4], 'bool') }).toThrow(
      'keyPaddingMask does not fit (got [2,4], wanted [2,5])',
    );
    call(q, k, k, { attnMask: zeros([3, 5], 'int32') }).toThrow('attnMask is of another type');
    expect(() => new t.MultiheadAttention(5, 2)).toThrow(
      'embedDim does not divide among the heads',
    );
  });
});

it('experts: each token has the softmax of its best scores, and a balanced loss of 1', async () => {
  const moe = new t.MixtureOfExperts(2, 3, 4, { topK: 2 });
  moe.gate.weight.value = tensor([
    [1, 0],
    [0, 1],
    [-1, 0],
    [0, -1],
  ]);
  expect(() => moe.auxiliaryLoss).toThrow('no call yet');
  const x = tensor([[2, 1]]);
  const [a, b] = [
    Math.exp(2) / (Math.exp(2) + Math.exp(1)),
    Math.exp(1) / (Math.exp(2) + Math.exp(1)),
  ];
  const want = moe.experts[0]!.forward(x).mul(a).add(moe.experts[1]!.forward(x).mul(b));
  expect(await list(moe.forward(x))).toEqual(close(await list(want)));
  const corners = tensor([[1, 1], [-1, -1], [1, -1], [-1, 1]]); // prettier-ignore
  moe.forward(corners);
  expect(await list(moe.auxiliaryLoss)).toEqual([expect.closeTo(1, 5)]);
  expect(() => new t.MixtureOfExperts(2, 3, 1)).toThrow('topK is larger');
});

it('positions end where the table ends', () => {
  expect(() => new t.LearnedPositions(4, 5).forward(ones([1, 6, 4]))).toThrow(
    'the sequence is longer than there are positions (got 6, wanted at most 5)',
  );
  expect(() => new t.RotaryPositions(3)).toThrow('width is even');
});

it.each([
  ['GPT', () => new t.GPT({ vocabSize: 9, contextLength: 16, layers: 2, heads: 2, width: 8 })],
  [
    'Llama',
    () =>
      new t.Llama({
        vocabSize: 9,
        contextLength: 16,
        layers: 2,
        heads: 4,
        kvHeads: 2,
        width: 8,
        hidden: 12,
      }),
  ],
] as const)('%s agrees with ONNX Runtime, with operators of its opset', async (_, make) => {
  const model = make();
  const runtime = await onnxRuntime();
  const ids = tensor(Int32Array.of(3, 1, 4, 1, 5), { shape: [1, 5] });
  for (const opset of [18, 23]) {
    const input = { ids: { shape: ['batch', 'time'], dtype: 'int32' } } as const;
    const bytes = await toOnnx(model, { input, opset, output: 'logits' });
    const { graph } = await toOnnxModel(model, { input, opset, output: 'logits' });
    const ops = new Set(graph!.node.map(({ opType }) => opType));
    expect(ops.has('Attention')).toBe(opset === 23);
    const report = await verifyModel(bytes, model, { runtime, cases: [{ ids }] });
    expect(report.ok).toBe(true);
  }
});
