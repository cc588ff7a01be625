import {
  HebbError,
  arange,
  eye,
  fromBits,
  full,
  linspace,
  ones,
  scalar,
  tensor,
  zeros,
} from '../src/index.ts';
import type { DType } from '../src/index.ts';
import { start } from './support.ts';

beforeAll(start);

describe('tensor', () => {
  it('infers shape and dtype', async () => {
    expect(tensor([[1, 2, 3]]).shape).toEqual([1, 3]);
    expect(tensor([[1, 2, 3]]).dtype).toBe('float32');
    expect(tensor([1n]).dtype).toBe('int64');
    expect(tensor([true, false]).dtype).toBe('bool');
    expect(tensor(Int16Array.of(1)).dtype).toBe('int16');
    expect(tensor([[], []]).shape).toEqual([2, 0]);
    expect(await tensor([[true], [false]]).toArray()).toEqual([[true], [false]]);
    expect(await scalar(2n ** 60n + 1n).data()).toEqual(BigInt64Array.of(2n ** 60n + 1n));
  });

  it('copies what it is given, and gives copies', async () => {
    const data = Float32Array.of(1, 2);
    const x = tensor(data);
    data[0] = 9;
    expect(await x.toArray()).toEqual([1, 2]);
    const out = await x.data();
    out[0] = 9;
    expect(await x.toArray()).toEqual([1, 2]);
  });

  it('rounds floats and takes numbers for the 16-bit types', async () => {
    expect(await tensor([0.1], { dtype: 'float16' }).toArray()).toEqual([0.0999755859375]);
    expect(await tensor(Uint16Array.of(3), { dtype: 'bfloat16' }).toArray()).toEqual([3]);
    expect(await fromBits(Uint16Array.of(0x3c00), [1], 'float16').toArray()).toEqual([1]);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['ragged lists', () => tensor([[1, 2], [3]]), /ragged/],
    ['lists and numbers mixed', () => tensor([[1], 2]), /ragged/],
    ['numbers and lists mixed', () => tensor([1, [2]]), /ragged/],
    ['a count that does not fit', () => tensor([1, 2, 3], { shape: [2] }), /fill the shape/],
    ['a fraction as an integer', () => tensor([1.5], { dtype: 'int32' }), /not an integer/],
    ['NaN as an integer', () => tensor([NaN], { dtype: 'int32' }), /not an integer/],
    ['an integer out of range', () => tensor([256], { dtype: 'uint8' }), /does not fit uint8/],
    ['a negative size', () => zeros([-1]), /non-negative/],
    ['a fractional size', () => zeros([1.5]), /non-negative/],
    ['an unknown dtype', () => tensor([1], { dtype: 'float8' as DType }), /unknown dtype.*float32/],
    ['text', () => tensor(['1'] as never), /not a number.*string/],
    ['nothing', () => tensor(undefined as never), /not a number.*undefined/],
    ['raw bits of another class', () => fromBits(new Float32Array(1), [1], 'int32'), /array type/],
    ['a step of 0', () => arange(0, 1, 0), /step/],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(HebbError);
    expect(make).toThrow(message);
  });
});

describe('makers', () => {
  it('fills, counts and spaces', async () => {
    expect(await full([2], 7, 'int64').data()).toEqual(BigInt64Array.of(7n, 7n));
    expect(await ones([2, 1]).toArray()).toEqual([[1], [1]]);
    expect(await arange(3).toArray()).toEqual([0, 1, 2]);
    expect(await arange(5, 0, -2, 'int32').toArray()).toEqual([5, 3, 1]);
    expect(await arange(1, 0).toArray()).toEqual([]);
    expect(await linspace(0, 1, 5).toArray()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(await linspace(2, 3, 1).toArray()).toEqual([2]);
    expect(await eye(2, 3).toArray()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
  });
});
