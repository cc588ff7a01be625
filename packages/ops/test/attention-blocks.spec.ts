/** Attention in parts and blocks against attention computed whole. */
import { cpu } from '@hebb/backend-cpu';
import { init, random } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { attend, attendGradient, attendInParts, gradientInParts } from '../src/attention/attend.ts';
import type { AttentionAttrs } from '../src/attention/attend.ts';

beforeAll(() => init(cpu()));

const draw = (seed: number, ...shape: number[]): Tensor =>
  random.normal(random.key(seed), shape, { dtype: 'float64' });
const list = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);
const plain = { scale: 0.4, causal: false, offset: 0, window: 0, softcap: 0, dropout: 0 } as const;
/** So few that everything is cut. */
const tight = { whole: 1, block: 1000 };

const queries = 100;
const keys = 108;
const seen = draw(8, 1, 1, queries, keys).gt(0);
const hiddenRow = seen.and(draw(9, queries, 1).gt(-1.5));
const cases: readonly (readonly [string, Partial<AttentionAttrs>, (Tensor | undefined)?])[] = [
  ['all keys', {}],
  ['earlier keys', { causal: true }],
  ['earlier keys behind a cache', { causal: true, offset: 10 }],
  ['earlier keys, some queries before all of them', { causal: true, offset: -20 }],
  ['a window', { causal: true, window: 30 }],
  ['a window both ways, capped scores', { window: 25, softcap: 3 }],
  ['a mask with hidden rows', {}, hiddenRow],
  ['a mask of keys', { causal: true }, draw(10, 2, 1, 1, keys).gt(-1)],
  ['a bias for each score', {}, draw(11, 4, queries, keys)],
  ['a bias for each key', { causal: true }, draw(12, 2, 1, 1, keys)],
  ['a bias for each query', {}, draw(13, queries, 1)],
  ['dropout', { dropout: 0.4 }],
  ['dropout, earlier keys', { dropout: 0.4, causal: true, offset: 8 }],
];

it.each(cases.map(([name, options, mask]) => [name, { options, mask }] as const))(
  '%s: values and gradients',
  async (_, { options, mask }) => {
    const attrs: AttentionAttrs = { ...plain, ...options };
    const [q, k, v] = [draw(1, 2, 4, queries, 6), draw(2, 2, 2, keys, 6), draw(3, 2, 2, keys, 5)];
    const key = attrs.dropout > 0 ? random.key(5) : undefined;
    const inputs = [q, k, v, mask, key] as const;
    const g = draw(4, 2, 4, queries, 5);
    const want = [attend(inputs, attrs), ...attendGradient(inputs, g, attrs)];
    const got = [attendInParts(inputs, attrs, tight), ...gradientInParts(inputs, g, attrs, tight)];
    expect(got.map(({ shape }) => shape)).toEqual(want.map(({ shape }) => shape));
    for (const [i, each] of want.entries()) {
      const worst = got[i]!.sub(each).abs().max();
      expect({ output: i, fits: (await list(worst))[0]! < 1e-11 }).toEqual({
        output: i,
        fits: true,
      });
    }
  },
);

it('draws other numbers for each block of queries', async () => {
  const [q, k] = [draw(1, 200, 2).mul(0), draw(2, 3, 2)];
  const ones = draw(3, 3, 1).mul(0).add(1);
  const inputs = [q, k, ones, undefined, random.key(1)] as const;
  const y = await list(attend(inputs, { ...plain, dropout: 0.5 }));
  expect(y.slice(0, 64)).not.toEqual(y.slice(64, 128));
  expect(y.reduce((a, x) => a + x, 0) / 200).toBeCloseTo(1, 0);
});
