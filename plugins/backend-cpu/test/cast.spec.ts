import * as h from '@hebb/core';
import type { DType } from '@hebb/core';
import { cpu } from '../src/index.ts';
import { numbers } from './helpers.ts';

beforeAll(async () => void (await h.init(cpu())));

const { NaN: nan } = Number;
const floats = h.tensor(
  [1.9, -1.9, 300, -300, 2 ** 31, 2 ** 32 + 5, nan, Infinity, -Infinity, -0],
  { dtype: 'float64' },
);

describe('cast', () => {
  it.each<[DType, (number | bigint)[]]>([
    ['int8', [1, -1, 44, -44, 0, 5, 0, 0, 0, 0]],
    ['uint8', [1, 255, 44, 212, 0, 5, 0, 0, 0, 0]],
    ['int32', [1, -1, 300, -300, -2147483648, 5, 0, 0, 0, 0]],
    ['uint32', [1, 4294967295, 300, 4294966996, 2147483648, 5, 0, 0, 0, 0]],
    ['int64', [1n, -1n, 300n, -300n, 2n ** 31n, 2n ** 32n + 5n, 0n, 0n, 0n, 0n]],
    [
      'uint64',
      [1n, 2n ** 64n - 1n, 300n, 2n ** 64n - 300n, 2n ** 31n, 2n ** 32n + 5n, 0n, 0n, 0n, 0n],
    ],
    ['bool', [1, 1, 1, 1, 1, 1, 1, 1, 1, 0]],
  ])('float64 to %s truncates and wraps', async (dtype, wanted) => {
    expect(await numbers(floats.to(dtype))).toEqual(wanted);
    // The same through a reversed view, that is without the typed arrays' own conversion.
    expect(await numbers(floats.flip().to(dtype))).toEqual([...wanted].reverse());
  });

  it('takes long rows through the same rules', async () => {
    const values = Float64Array.from({ length: 100 }, (_, i) => i * 7.3 - 300);
    const got = await numbers(h.tensor(values).to('int8'));
    expect(got).toEqual([...values].map((x) => (Math.trunc(x) << 24) >> 24));
  });

  it('goes between 64-bit integers and others', async () => {
    const x = h.tensor([2n ** 40n + 3n, -(2n ** 40n) - 3n, -1n], { dtype: 'int64' });
    expect(await numbers(x.to('int32'))).toEqual([3, -3, -1]);
    expect(await numbers(x.to('uint64'))).toEqual([
      2n ** 40n + 3n,
      2n ** 64n - 2n ** 40n - 3n,
      2n ** 64n - 1n,
    ]);
    expect(await numbers(x.to('float64'))).toEqual([2 ** 40 + 3, -(2 ** 40) - 3, -1]);
    expect(await numbers(x.to('bool'))).toEqual([1, 1, 1]);
    expect(await numbers(h.tensor([3, 0], { dtype: 'uint8' }).to('int64'))).toEqual([3n, 0n]);
  });

  it('rounds once from 64-bit integers', async () => {
    // 2^60 + 2^36 lies halfway between two float32 numbers; one more decides, but float64 would drop it.
    const x = h.tensor([2n ** 60n + 2n ** 36n, 2n ** 60n + 2n ** 36n + 1n], { dtype: 'int64' });
    expect(await numbers(x.to('float32'))).toEqual([2 ** 60, 2 ** 60 + 2 ** 37]);
    expect(await numbers(x.neg().to('float32'))).toEqual([-(2 ** 60), -(2 ** 60) - 2 ** 37]);
  });

  it('rounds to 16-bit floats half to even, overflows to infinity, keeps NaN', async () => {
    const x = h.tensor([1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, nan, -0, 2 ** -25], {
      dtype: 'float64',
    });
    expect(await numbers(x.to('float16'))).toEqual([1, 1 + 2 ** -9, 65504, Infinity, nan, -0, 0]);
    const y = h.tensor([1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -40], {
      dtype: 'float64',
    });
    expect(await numbers(y.to('bfloat16'))).toEqual([1, 1 + 2 ** -6, 1 + 2 ** -7]);
    expect(await numbers(h.tensor([true, false]).to('float16'))).toEqual([1, 0]);
    expect(await numbers(h.tensor([1.5], { dtype: 'float16' }).to('bfloat16'))).toEqual([1.5]);
    expect(await numbers(h.tensor([-2.7], { dtype: 'float16' }).to('int8'))).toEqual([-2]);
  });
});

describe('bitcast', () => {
  it('reads the same bits', async () => {
    const x = h.tensor([1, -2, 0.5]);
    const bits = h.bitcast(x, 'uint32');
    expect(await numbers(bits)).toEqual([0x3f800000, 0xc0000000, 0x3f000000]);
    expect(await numbers(h.bitcast(bits.flip(), 'float32'))).toEqual([0.5, -2, 1]);
    expect(await numbers(h.bitcast(h.tensor([1], { dtype: 'float64' }), 'int64'))).toEqual([
      0x3ff0000000000000n,
    ]);
    expect(await numbers(h.bitcast(h.tensor([1], { dtype: 'float16' }), 'int16'))).toEqual([
      0x3c00,
    ]);
    expect(await numbers(h.bitcast(h.tensor([-1], { dtype: 'int8' }), 'uint8'))).toEqual([255]);
  });
});
