import { cpu } from '@hebb/backend-cpu';
import { broadcastTo, grad, init, random, tensor, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import {
  alibiBias,
  alibiSlopes,
  attentionWeights,
  rotaryAngles,
  rotaryEmbedding,
  scaledDotProductAttention,
  sinusoidalPositions,
} from '../src/index.ts';

beforeAll(() => init(cpu()));

const draw = (seed: number, ...shape: number[]): Tensor =>
  random.normal(random.key(seed), shape, { dtype: 'float64' });
const list = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);
const closeTo = (values: readonly number[], digits = 12): unknown[] =>
  values.map((x) => expect.closeTo(x, digits) as unknown);

describe('scaledDotProductAttention', () => {
  const [q, k, v] = [draw(1, 2, 4, 3, 5), draw(2, 2, 4, 6, 5), draw(3, 2, 4, 6, 2)];

  it('mixes values by probabilities', async () => {
    const weights = attentionWeights(q, k);
    expect(await list(weights.sum(-1))).toEqual(closeTo(new Array<number>(24).fill(1)));
    const want = await list(weights.matmul(v));
    expect(await list(scaledDotProductAttention(q, k, v))).toEqual(closeTo(want));
  });

  it('shares key heads among neighbouring query heads, as if they were repeated', async () => {
    const [few, fewValues] = [draw(4, 2, 2, 6, 5), draw(5, 2, 2, 6, 2)];
    const repeat = (x: Tensor): Tensor =>
      broadcastTo(x.unsqueeze(2), [2, 2, 2, 6, x.shape[3]!]).reshape([2, 4, 6, x.shape[3]!]);
    const options = { isCausal: true, offset: 1 };
    const want = scaledDotProductAttention(q, repeat(few), repeat(fewValues), options);
    const got = scaledDotProductAttention(q, few, fewValues, options);
    expect(await list(got)).toEqual(closeTo(await list(want)));
  });

  it('sees what causality and the window leave', async () => {
    const seen = async (options: object): Promise<number[]> =>
      list(attentionWeights(draw(6, 3, 2), draw(7, 5, 2), options).ne(0));
    expect(await seen({ isCausal: true })).toEqual([1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0]);
    expect(await seen({ isCausal: true, offset: 2, window: 2 })).toEqual([
      0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1,
    ]);
    expect(await seen({ window: 1 })).toEqual([1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]);
  });

  it.each([
    ['bool', tensor([[false], [true], [false]])],
    ['float', tensor([[-Infinity], [0], [-Infinity]])],
  ])('gives zeros and no NaN for a query that sees no key (%s)', async (_, attnMask) => {
    const y = scaledDotProductAttention(q, k, v, { attnMask });
    const rows = await list(y.narrow(2, 0, 1).abs().sum([0, 1, 2, 3]));
    expect(rows).toEqual([0]);
    const dq = grad((x: Tensor) => scaledDotProductAttention(x, k, v, { attnMask }).sum())(q);
    const values = await list(dq);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(values.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    expect(values.slice(5, 10)).not.toEqual([0, 0, 0, 0, 0]);
  });

  it('drops the same probabilities for the same key', async () => {
    const options = { dropoutP: 0.5, dropoutKey: random.key(3) };
    const [a, b] = [attentionWeights(q, k, options), attentionWeights(q, k, options)];
    expect(await list(a)).toEqual(await list(b));
    const zeroed = (await list(a.eq(0))).reduce((x, y) => x + y, 0);
    expect(zeroed).toBeGreaterThan(40);
    expect(zeroed).toBeLessThan(104);
    const y = scaledDotProductAttention(q, k, v, options);
    expect(await list(y)).toEqual(closeTo(await list(a.matmul(v))));
    expect(await list(scaledDotProductAttention(q, k, v, { dropoutP: 1 }).abs().sum())).toEqual([
      0,
    ]);
  });

  it('says what does not fit', () => {
    const call = (...args: Parameters<typeof scaledDotProductAttention>) =>
      expect(() => scaledDotProductAttention(...args));
    call(q, draw(1, 2, 4, 6, 4), v).toThrow(
      'scaledDotProductAttention: query and key do not fit (got [2,4,3,5], [2,4,6,4]',
    );
    call(q, draw(1, 2, 3, 6, 5), v).toThrow(
      '4 heads of the query do not divide among 3 of the key',
    );
    call(q, k, draw(1, 2, 4, 5, 5)).toThrow('key and value do not fit');
    call(q, k, v, { attnMask: zeros([3, 5]) }).toThrow(
      'attnMask does not fit (got [3,5], wanted what broadcasts to [2,4,3,6]',
    );
    call(q, k, v, { attnMask: zeros([3, 6], 'int32') }).toThrow('attnMask is of another type');
    call(q, k, v, { dropoutP: 2 }).toThrow('dropoutP is a probability');
    call(q, k, v, { window: 0.5 }).toThrow('window is a whole number');
    call(q, k, v, { window: -1 }).toThrow('window is at least 1');
  });
});

describe('positions', () => {
  it('alternates sines and cosines, an odd width ends with a sine', async () => {
    const want = [0, 1, 0, Math.sin(1), Math.cos(1), Math.sin(10_000 ** (-2 / 3))];
    expect(await list(sinusoidalPositions(2, 3, { dtype: 'float64' }))).toEqual(closeTo(want));
  });

  it('biases by distance', async () => {
    expect(alibiSlopes(2)).toEqual([1 / 16, 1 / 256]);
    expect(await list(alibiBias(1, 2, 3, { offset: 1 }))).toEqual(
      [-1, 0, 1, -2, -1, 0].map((x) => x / 256),
    );
  });

  it('turns by the distance alone: products depend on the difference of positions', async () => {
    const [a, b] = [draw(1, 1, 1, 1, 8), draw(2, 1, 1, 1, 8)];
    for (const interleaved of [false, true]) {
      const at = (x: Tensor, position: number): Tensor => {
        const [cosine, sine] = rotaryAngles(tensor([position], { dtype: 'int32' }), 6, {
          dtype: 'float64',
        });
        return rotaryEmbedding(x, cosine, sine, { interleaved });
      };
      const product = async (i: number, j: number) => list(at(a, i).mul(at(b, j)).sum());
      expect(await product(7, 3)).toEqual(closeTo(await product(14, 10), 10));
      expect(await product(7, 3)).not.toEqual(closeTo(await product(7, 4), 5));
    }
  });

  it('says what does not fit', () => {
    const x = draw(1, 1, 2, 3, 4);
    const [cosine, sine] = rotaryAngles(tensor([0, 1], { dtype: 'int32' }), 4);
    expect(() => rotaryEmbedding(x, cosine, sine)).toThrow(
      'rotaryEmbedding: arguments do not fit (got [1,2,3,4], [2,2], [2,2]',
    );
    expect(() => rotaryAngles(tensor([0]).to('int32'), 3)).toThrow('width is even');
    expect(() => sinusoidalPositions(0, 4)).toThrow('length is a whole number');
  });
});
