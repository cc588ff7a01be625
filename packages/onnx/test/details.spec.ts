/** Details of operators that the open cases of the suite do not touch. */
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import { DataType, importOnnx, makeAttribute } from '../src/index.ts';
import type { OnnxDtype, OnnxValue, TensorData } from '../src/index.ts';
import { agree, floats } from './agree.ts';
import { info, model, node } from './build.ts';

beforeAll(() => init(cpu()));

type Attributes = Parameters<typeof node>[3];

const longs = (...values: number[]): TensorData => ({
  dtype: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

/** A model of one node; inputs are given when it runs. */
function single(
  op: string,
  inputs: readonly TensorData[],
  attributes: Attributes = {},
  { opset = 18, output = 'float32' as OnnxDtype } = {},
) {
  const names = inputs.map((_, i) => `x${i}`);
  const source = model(
    inputs.map(({ dtype, shape }, i) => info(`x${i}`, dtype, shape)),
    [{ ...info('y', output, []), type: { tensorType: { elemType: DataType[output] } } }],
    [node(op, names, ['y'], attributes)],
    {},
    opset,
  );
  return { source, given: Object.fromEntries(inputs.map((x, i) => [`x${i}`, x])) };
}

const x = floats([4, 5]);
const whole: TensorData = {
  dtype: 'int64',
  shape: [2, 3],
  data: BigInt64Array.of(1n, 2n, 3n, 4n, 9n, 7n),
};
const scale = (n: number): TensorData => ({
  dtype: 'float32',
  shape: [n],
  data: Float32Array.from({ length: n }, (_, i) => 0.01 * (i + 1)),
});

const scales: TensorData = {
  dtype: 'float32',
  shape: [4],
  data: Float32Array.of(1, 1, 1.4, 2),
};

describe('as ONNX Runtime', () => {
  it.each<[string, ReturnType<typeof single>]>([
    [
      'Slice backwards from before the first element',
      single('Slice', [x, longs(-9), longs(-2147483648), longs(0), longs(-2)]),
    ],
    [
      'ReduceLogSum of integers',
      single('ReduceLogSum', [whole, longs(1)], {}, { output: 'int64' }),
    ],
    [
      'Resize by a scale that is not exact',
      single('Upsample', [floats([1, 1, 5, 3]), scales], {}, { opset: 9 }),
    ],
    [
      'QuantizeLinear along the last axis of a vector',
      single(
        'QuantizeLinear',
        [floats([3]), scale(3)],
        { axis: -1 },
        { opset: 19, output: 'uint8' },
      ),
    ],
    [
      'ConvTranspose with SAME and a kernel smaller than the stride',
      single('ConvTranspose', [floats([1, 1, 4, 4]), floats([1, 2, 1, 2])], {
        auto_pad: 'SAME_UPPER',
        strides: [3, 2],
      }),
    ],
    [
      'GridSample, cubic, between the border and the outermost element',
      single(
        'GridSample',
        [
          floats([1, 1, 4, 4]),
          {
            dtype: 'float32',
            shape: [1, 1, 3, 2],
            data: Float32Array.of(-0.95, 0.1, 0.3, 0.97, 0.9, -0.9),
          },
        ],
        { mode: 'cubic', padding_mode: 'border' },
        { opset: 20 },
      ),
    ],
    ['LRN over more channels than there are', single('LRN', [floats([1, 3, 2, 2])], { size: 15 })],
  ])('%s', async (_, { source, given }) => {
    await agree(source, given);
  });
});

async function only(value: ReturnType<typeof single>): Promise<OnnxValue> {
  return (await importOnnx(value.source).runValues(value.given)).y!;
}

it('float4 has no NaN and no infinity: NaN is -0, what is too large the largest number', async () => {
  const given: TensorData = {
    dtype: 'float32',
    shape: [6],
    data: Float32Array.of(NaN, Infinity, -Infinity, 0.25, 5, -0),
  };
  const to = DataType.float4e2m1;
  const cast = single('Cast', [given], { to }, { opset: 23, output: 'float4e2m1' });
  // Two codes a byte, the first in the low half; halves go to even codes.
  expect(await only(cast)).toMatchObject({ data: Uint8Array.of(0x78, 0x0f, 0x86) });
});

it('QuantizeLinear divides in the precision that is asked for', async () => {
  // 2049 is no float16: as one it is 2048, and 2048 / 2 rounds to 1024.
  const value: TensorData = { dtype: 'float32', shape: [1], data: Float32Array.of(2051) };
  const two: TensorData = { dtype: 'float32', shape: [1], data: Float32Array.of(2) };
  const zero: TensorData = { dtype: 'int16', shape: [1], data: Int16Array.of(0) };
  const at = (precision: number) =>
    only(
      single('QuantizeLinear', [value, two, zero], { precision }, { opset: 23, output: 'int16' }),
    );
  expect(await at(0)).toMatchObject({ data: Int16Array.of(1026) });
  expect(await at(DataType.float16)).toMatchObject({ data: Int16Array.of(1026) });
  expect(await at(DataType.bfloat16)).toMatchObject({ data: Int16Array.of(1024) });
});

it('LinearAttention erases by its own gate', async () => {
  // One step, one head: v is written at k, after what the erased key reads is taken away.
  const row = (...values: number[]): TensorData => ({
    dtype: 'float32',
    shape: [1, 1, values.length],
    data: Float32Array.from(values),
  });
  const past: TensorData = { dtype: 'float32', shape: [1, 1, 2, 1], data: Float32Array.of(3, 5) };
  const names = ['q', 'k', 'v', 'past', '', 'beta', 'erase'];
  const inputs = { q: row(1, 0), k: row(1, 1), v: row(10), past, beta: row(0.5), erase: row(0, 1) };
  const source = model(
    Object.entries(inputs).map(([name, { dtype, shape }]) => info(name, dtype, shape)),
    [info('y', 'float32', [1, 1, 1])],
    [
      node('LinearAttention', names, ['y'], {
        q_num_heads: 1,
        kv_num_heads: 1,
        update_rule: 'delta',
        scale: makeAttribute('', { type: 'float', value: 1 }),
      }),
    ],
    {},
    27,
  );
  const { y } = await importOnnx(source).runValues(inputs);
  // 3 + 0.5 · (10 - 5)
  expect(y).toMatchObject({ data: Float32Array.of(5.5) });
});

describe('hostile sizes', () => {
  it.each<[string, ReturnType<typeof single>, RegExp]>([
    [
      'a pooling kernel',
      single('AveragePool', [floats([1, 1, 4, 4])], { kernel_shape: [4096, 2 ** 31 - 1] }),
      /AveragePool/,
    ],
    [
      'a stride whose result is cropped away',
      single('ConvTranspose', [floats([1, 1, 3, 3]), floats([1, 1, 3, 3])], {
        strides: [2 ** 40, 2],
        output_shape: [10, 8],
      }),
      /too many/,
    ],
    ['parts without outputs', single('Split', [x], { num_outputs: 2 ** 40 }), /1 outputs/],
    [
      'n-grams beyond the pool',
      single('TfIdfVectorizer', [longs(1, 2, 3)], {
        min_gram_length: 2,
        max_gram_length: 2,
        max_skip_count: 0,
        mode: 'TF',
        ngram_counts: [0, 1, 2 ** 40],
        ngram_indexes: [0],
        pool_int64s: [1, 2, 3],
      }),
      /do not divide/,
    ],
    ['an LRN of nothing', single('LRN', [floats([1, 3, 2, 2])], { size: 0 }), /not positive/],
  ])('%s', async (_, value, message) => {
    await expect(only(value)).rejects.toThrow(message);
  });
});
