import * as h from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { cpu } from '../src/index.ts';
import { numbers } from './helpers.ts';

beforeAll(async () => void (await h.init(cpu())));

const of = (values: readonly (number | bigint)[], dtype: DType): Tensor =>
  h.tensor(values, { dtype });
const { NaN: nan } = Number;
const inf = Infinity;

describe('float32', () => {
  it('follows IEEE 754 at the edges', async () => {
    const x = of([0, -0, 1, -1, inf, -inf, nan], 'float32');
    expect(await numbers(x.neg())).toEqual([-0, 0, -1, 1, -inf, inf, nan]);
    expect(await numbers(x.abs())).toEqual([0, 0, 1, 1, inf, inf, nan]);
    expect(await numbers(x.sign())).toEqual([0, -0, 1, -1, 1, -1, nan]);
    expect(await numbers(h.sqrt(of([4, -0, -1, inf], 'float32')))).toEqual([2, -0, nan, inf]);
    expect(await numbers(h.exp(of([0, -inf, inf, 100], 'float32')))).toEqual([1, 0, inf, inf]);
    expect(await numbers(h.log(of([1, 0, -1, inf], 'float32')))).toEqual([0, -inf, nan, inf]);
    expect(await numbers(h.div(of([1, -1, 0], 'float32'), 0))).toEqual([inf, -inf, nan]);
  });

  it('rounds to single precision', async () => {
    expect(await numbers(of([16777216], 'float32').add(1))).toEqual([16777216]);
    expect(await numbers(of([0.1], 'float32').mul(0.1))).toEqual([
      Math.fround(Math.fround(0.1) * Math.fround(0.1)),
    ]);
  });

  it('hands NaN on in maximum and minimum, from either side', async () => {
    const a = of([nan, 1, 2, -0], 'float32');
    const b = of([1, nan, 3, 0], 'float32');
    expect(await numbers(a.maximum(b))).toEqual([nan, nan, 3, 0]);
    expect(await numbers(a.minimum(b))).toEqual([nan, nan, 2, -0]);
  });

  it('compares NaN as unequal to everything', async () => {
    const a = of([nan, nan, 1, inf], 'float32');
    const b = of([nan, 1, 1, inf], 'float32');
    expect(await numbers(a.eq(b))).toEqual([0, 0, 1, 1]);
    expect(await numbers(a.lt(b))).toEqual([0, 0, 0, 0]);
    expect(await numbers(a.le(b))).toEqual([0, 0, 1, 1]);
    expect(await numbers(h.ne(a, b))).toEqual([1, 1, 0, 0]);
  });

  it('rounds halves to even and keeps the sign of zero', async () => {
    const x = of([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, -0.2, 0.2, 2.6, -2.6, inf, nan], 'float64');
    expect(await numbers(x.round())).toEqual([0, 2, 2, -0, -2, -2, -0, 0, 3, -3, inf, nan]);
    expect(await numbers(h.trunc(of([1.9, -1.9, -0.5], 'float32')))).toEqual([1, -1, -0]);
  });

  it('takes powers as IEEE 754 has them', async () => {
    const a = of([1, -1, -8, 0, 0, -2, 2], 'float64');
    const b = of([nan, inf, 1 / 3, 0, -1, 3, 0.5], 'float64');
    expect(await numbers(a.pow(b))).toEqual([1, 1, nan, 1, inf, -8, Math.SQRT2]);
  });

  it('takes remainders with the sign of the dividend', async () => {
    const a = of([5.5, -5.5, 5.5, 1, inf], 'float64');
    const b = of([2, 2, -2, 0, 2], 'float64');
    expect(await numbers(h.fmod(a, b))).toEqual([1.5, -1.5, 1.5, nan, nan]);
  });
});

describe('erf', () => {
  it('matches its power series and its limits', async () => {
    // erf x = 2/√π · exp(-x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, whose terms are all positive.
    const series = (x: number): number => {
      let term = x;
      let total = x;
      for (let n = 1; n < 400; n++) total += term *= (2 * x * x) / (2 * n + 1);
      return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
    };
    const at = Array.from({ length: 121 }, (_, i) => (i - 60) / 10 + 0.013);
    const got = await numbers(h.erf(of(at, 'float64')));
    const worst = Math.max(...at.map((x, i) => Math.abs(Number(got[i]) / series(x) - 1)));
    expect(worst).toBeLessThan(2e-15);
    expect(await numbers(h.erf(of([0, -0, inf, -inf, nan, 7], 'float64')))).toEqual([
      0,
      -0,
      1,
      -1,
      nan,
      1,
    ]);
  });
});

describe('integers', () => {
  it.each<[DType, number, number]>([
    ['int8', 127, -128],
    ['int16', 32767, -32768],
    ['int32', 2147483647, -2147483648],
    ['uint8', 255, 0],
    ['uint16', 65535, 0],
    ['uint32', 4294967295, 0],
  ])('%s wraps', async (dtype, high, low) => {
    expect(await numbers(of([high], dtype).add(1))).toEqual([low]);
    expect(await numbers(of([low], dtype).sub(1))).toEqual([high]);
    // (2^w - 1)² = 1 modulo 2^w for unsigned types, and (2^(w-1) - 1)² = 1 as well for signed ones.
    expect(await numbers(of([high], dtype).mul(of([high], dtype)))).toEqual([1]);
    expect(await numbers(of([low], dtype).neg())).toEqual([low]);
  });

  it('multiplies 32-bit integers exactly', async () => {
    const a = of([123456789, -987654321], 'int32');
    const b = of([987654321, 123456789], 'int32');
    expect(await numbers(a.mul(b))).toEqual([
      Number(BigInt.asIntN(32, 123456789n * 987654321n)),
      Number(BigInt.asIntN(32, -987654321n * 123456789n)),
    ]);
    const u = of([4000000000], 'uint32');
    expect(await numbers(u.mul(u))).toEqual([Number(BigInt.asUintN(32, 4000000000n ** 2n))]);
  });

  it('keeps 64-bit integers exact beyond 2^53, and wraps them', async () => {
    const big = 2n ** 53n + 1n;
    const x = of([big, -big], 'int64');
    expect(await numbers(x.add(of([1n, 1n], 'int64')))).toEqual([big + 1n, 1n - big]);
    expect(await numbers(x.mul(of([3n, 5n], 'int64')))).toEqual([3n * big, -5n * big]);
    expect(await numbers(of([2n ** 63n - 1n], 'int64').add(1))).toEqual([-(2n ** 63n)]);
    expect(await numbers(of([2n ** 64n - 1n], 'uint64').add(1))).toEqual([0n]);
    expect(await numbers(of([3n], 'int64').pow(39))).toEqual([3n ** 39n]);
    expect(await numbers(of([2n ** 53n], 'int64').lt(of([big], 'int64')))).toEqual([1]);
  });

  it('divides towards zero and names the op when the divisor is zero', async () => {
    expect(await numbers(h.divTrunc(of([7, -7, 7], 'int32'), of([2, 2, -2], 'int32')))).toEqual([
      3, -3, -3,
    ]);
    expect(await numbers(h.divTrunc(of([-7n], 'int64'), of([2n], 'int64')))).toEqual([-3n]);
    expect(await numbers(h.fmod(of([-7], 'int32'), of([3], 'int32')))).toEqual([-1]);
    for (const dtype of ['int32', 'int64', 'uint8'] as const) {
      await expect(h.divTrunc(of([1], dtype), of([0], dtype)).data()).rejects.toThrow(
        `div: division of an integer by zero (got ${dtype})`,
      );
      await expect(h.fmod(of([1], dtype), of([0], dtype)).data()).rejects.toThrow('fmod: division');
    }
    // The overflowing quotient wraps.
    expect(await numbers(h.divTrunc(of([-2147483648], 'int32'), of([-1], 'int32')))).toEqual([
      -2147483648,
    ]);
  });

  it('takes integer powers exactly, modulo the width', async () => {
    expect(await numbers(of([3, -3, 2, 7], 'int32').pow(of([19, 3, 31, 0], 'int32')))).toEqual([
      3 ** 19,
      -27,
      -2147483648,
      1,
    ]);
    expect(await numbers(of([2, 1, -1], 'int32').pow(of([-1, -5, -3], 'int32')))).toEqual([
      0, 1, -1,
    ]);
    await expect(
      of([0], 'int32')
        .pow(of([-1], 'int32'))
        .data(),
    ).rejects.toThrow('pow: division');
  });

  it('shifts: arithmetic for signed, logical for unsigned, nothing but the sign left from the width on', async () => {
    expect(await numbers(h.shiftRight(of([-8, 8], 'int32'), of([1, 1], 'int32')))).toEqual([-4, 4]);
    expect(await numbers(h.shiftRight(of([0xf0000000], 'uint32'), 4))).toEqual([0x0f000000]);
    const far = of([40, 40], 'int32');
    expect(await numbers(h.shiftRight(of([-8, 8], 'int32'), far))).toEqual([-1, 0]);
    expect(await numbers(h.shiftLeft(of([1, 1, 3], 'int32'), of([31, 32, 40], 'int32')))).toEqual([
      -2147483648, 0, 0,
    ]);
    expect(await numbers(h.shiftLeft(of([200], 'uint8'), 1))).toEqual([144]);
    expect(await numbers(h.shiftLeft(of([1], 'uint8'), 8))).toEqual([0]);
    expect(await numbers(h.shiftLeft(of([1n, 1n], 'int64'), of([63n, 64n], 'int64')))).toEqual([
      -(2n ** 63n),
      0n,
    ]);
    expect(await numbers(h.shiftRight(of([2n ** 63n], 'uint64'), 63))).toEqual([1n]);
  });

  it('combines bits', async () => {
    const a = of([0b1100, -1], 'int32');
    const b = of([0b1010, 5], 'int32');
    expect(await numbers(a.and(b))).toEqual([0b1000, 5]);
    expect(await numbers(a.or(b))).toEqual([0b1110, -1]);
    expect(await numbers(a.xor(b))).toEqual([0b0110, -6]);
    expect(await numbers(a.not())).toEqual([-13, 0]);
    expect(await numbers(of([2n ** 40n], 'uint64').not())).toEqual([2n ** 64n - 1n - 2n ** 40n]);
    const p = h.tensor([true, true, false, false]);
    const q = h.tensor([true, false, true, false]);
    expect(await numbers(p.and(q))).toEqual([1, 0, 0, 0]);
    expect(await numbers(p.xor(q))).toEqual([0, 1, 1, 0]);
    expect(await numbers(p.not())).toEqual([0, 0, 1, 1]);
  });
});

describe('16-bit floats', () => {
  it('rounds each result once, half to even', async () => {
    // Halves near 2048 are 2 apart: 2049 lies in the middle and goes to the even side, as does 2051.
    expect(await numbers(of([2048, 2048], 'float16').add(of([1, 3], 'float16')))).toEqual([
      2048, 2052,
    ]);
    expect(await numbers(of([60000], 'float16').add(of([60000], 'float16')))).toEqual([inf]);
    expect(await numbers(of([256], 'bfloat16').add(of([1], 'bfloat16')))).toEqual([256]);
  });

  it('stores subnormal halves', async () => {
    const x = of([2 ** -24, 3 * 2 ** -24], 'float16');
    expect(await numbers(x.add(x))).toEqual([2 ** -23, 6 * 2 ** -24]);
    expect(await numbers(x.mul(0.5))).toEqual([0, 2 * 2 ** -24]);
  });
});

describe('where', () => {
  it('chooses in every type, with broadcasting', async () => {
    const c = h.tensor([true, false, true]);
    expect(await numbers(h.where(c, of([1, 2, 3], 'float32'), -1))).toEqual([1, -1, 3]);
    expect(await numbers(h.where(c, of([1n, 2n, 3n], 'int64'), of([9n], 'int64')))).toEqual([
      1n,
      9n,
      3n,
    ]);
    expect(await numbers(h.where(c, of([0.5, 2, 3], 'float16'), 7))).toEqual([0.5, 7, 3]);
    // NaN in the branch not taken stays out.
    expect(await numbers(h.where(c, 1, of([nan, nan, nan], 'float32')))).toEqual([1, nan, 1]);
  });
});

describe('layouts of operands', () => {
  it('walks transposed, reversed, sliced and broadcast operands', async () => {
    const a = h.tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const b = h.tensor([
      [10, 20],
      [30, 40],
      [50, 60],
    ]);
    expect(await a.add(b.transpose()).toArray()).toEqual([
      [11, 32, 53],
      [24, 45, 66],
    ]);
    expect(await a.sub(a.flip(1)).toArray()).toEqual([
      [-2, 0, 2],
      [-2, 0, 2],
    ]);
    expect(await a.mul(h.tensor([[2], [3]])).toArray()).toEqual([
      [2, 4, 6],
      [12, 15, 18],
    ]);
    expect(await a.index('...', [0, null, 2]).add(100).toArray()).toEqual([
      [101, 103],
      [104, 106],
    ]);
  });

  it('reuses the memory of a dead operand only where each element is read before it is written', async () => {
    const a = h.tensor([1, 2, 3, 4]).add(0.5);
    // The sum may not overwrite its first operand: the second reads the same memory backwards.
    expect(await numbers(a.add(a.flip()))).toEqual([6, 6, 6, 6]);
    const b = h
      .tensor([
        [1, 2],
        [3, 4],
      ])
      .mul(2);
    expect(await numbers(b.sub(b.transpose()))).toEqual([0, -2, 2, 0]);
  });

  it('computes nothing over empty shapes', async () => {
    const x = h.zeros([0, 3]);
    expect((await x.add(1).exp().data()).length).toBe(0);
    expect((await h.where(x.lt(1), x, x).data()).length).toBe(0);
  });
});
