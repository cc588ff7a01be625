/** The operators of com.microsoft against ONNX Runtime, which defines them. */
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import {
  compareTensors,
  encodeModel,
  importOnnx,
  isTensor,
  makeGraph,
  makeModel,
  makeNode,
  makeValueInfo,
} from '../src/index.ts';
import type { NodeOptions, OnnxDtype, Runtime, TensorData } from '../src/index.ts';
import { onnxRuntime } from '../src/node.ts';

let runtime: Runtime;
beforeAll(async () => {
  await init(cpu());
  runtime = await onnxRuntime();
});

let state = 1;
function uniform(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

const count = (shape: readonly number[]): number => shape.reduce((n, dim) => n * dim, 1);

function f32(...shape: number[]): TensorData {
  const data = Float32Array.from({ length: count(shape) }, () => uniform() * 4 - 2);
  return { dtype: 'float32', shape, data };
}
const positive = (...shape: number[]): TensorData => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from({ length: count(shape) }, () => uniform() * 0.1 + 0.01),
});
const u8 = (...shape: number[]): TensorData => ({
  dtype: 'uint8',
  shape,
  data: Uint8Array.from({ length: count(shape) }, () => Math.floor(uniform() * 256)),
});
const i8 = (...shape: number[]): TensorData => ({
  dtype: 'int8',
  shape,
  data: Int8Array.from({ length: count(shape) }, () => Math.floor(uniform() * 256) - 128),
});
const i32 = (
  values: readonly number[],
  shape: readonly number[] = [values.length],
): TensorData => ({
  dtype: 'int32',
  shape,
  data: Int32Array.from(values),
});
const i64 = (
  values: readonly number[],
  shape: readonly number[] = [values.length],
): TensorData => ({
  dtype: 'int64',
  shape,
  data: BigInt64Array.from(values, BigInt),
});
const scalar = (value: number): TensorData => ({
  dtype: 'float32',
  shape: [],
  data: Float32Array.of(value),
});
const code = (value: number, dtype: 'uint8' | 'int8' = 'uint8'): TensorData =>
  dtype === 'uint8'
    ? { dtype, shape: [], data: Uint8Array.of(value) }
    : { dtype, shape: [], data: Int8Array.of(value) };

interface Case {
  readonly inputs: readonly (TensorData | undefined)[];
  readonly attributes?: NodeOptions['attributes'];
  readonly outputs?: readonly (OnnxDtype | '')[];
  /** Inputs that ONNX Runtime wants as constants. */
  readonly constant?: readonly number[];
  readonly domain?: string;
  /** Rounding may go either way: codes may differ by one. */
  readonly codes?: boolean;
  /** Only the first output is compared: the others hold leftovers where rows are shorter. */
  readonly first?: boolean;
}

async function agree(op: string, given: Case): Promise<void> {
  const {
    inputs,
    attributes = {},
    outputs = ['float32'],
    constant = [],
    domain = 'com.microsoft',
  } = given;
  const name = (i: number) => (inputs[i] === undefined ? '' : `x${i}`);
  const fed = inputs.flatMap((value, i) =>
    value === undefined || constant.includes(i) ? [] : [i],
  );
  const model = makeModel(
    makeGraph({
      inputs: fed.map((i) => makeValueInfo(name(i), inputs[i]!.dtype, inputs[i]!.shape)),
      outputs: outputs.flatMap((dtype, i) => (dtype === '' ? [] : [makeValueInfo(`y${i}`, dtype)])),
      nodes: [
        makeNode(
          op,
          inputs.map((_, i) => name(i)),
          outputs.map((dtype, i) => (dtype === '' ? '' : `y${i}`)),
          { domain, attributes },
        ),
      ],
      initializers: Object.fromEntries(constant.map((i) => [name(i), inputs[i]!])),
    }),
    { '': 18, 'com.microsoft': 1 },
  );
  const feeds = Object.fromEntries(fed.map((i) => [name(i), inputs[i]!]));
  const session = await runtime.load(encodeModel(model));
  try {
    const wanted = await session.run(feeds);
    const actual = await importOnnx(model).runValues(feeds);
    for (const [key, expected] of Object.entries(wanted)) {
      if (given.first === true && key !== 'y0') continue;
      const value = actual[key]!;
      if (!isTensor(value)) throw new Error(`${key} is a ${value.kind}`);
      const tolerance = { rtol: 1e-4, atol: 1e-5 };
      const result = compareTensors(value, expected, tolerance);
      const ok = result.ok || (given.codes === true && result.maxError <= 1);
      const shown = ok ? {} : { got: [...value.data], wanted: [...expected.data] };
      expect({ key, ...result, ok, ...shown }).toMatchObject({ ok: true });
    }
  } finally {
    await session.release();
  }
}

const float = (value: number) => ({ float: value });

describe('activations and products', () => {
  it.each<[string, Case]>([
    ['Gelu', { inputs: [f32(3, 4)] }],
    ['FastGelu', { inputs: [f32(3, 4)] }],
    ['FastGelu', { inputs: [f32(2, 3, 4), f32(4)] }],
    ['BiasGelu', { inputs: [f32(2, 3, 4), f32(4)] }],
    ['QuickGelu', { inputs: [f32(3, 4)] }],
    ['QuickGelu', { inputs: [f32(3, 4)], attributes: { alpha: float(0.5) } }],
    ['FusedMatMul', { inputs: [f32(3, 4), f32(4, 5)], attributes: { alpha: float(0.25) } }],
    ['FusedMatMul', { inputs: [f32(2, 4, 3), f32(2, 5, 4)], attributes: { transA: 1, transB: 1 } }],
    [
      'FusedMatMul',
      {
        inputs: [f32(3, 2, 4), f32(4, 2, 5)],
        attributes: { transBatchA: 1, transBatchB: 1, transA: 0 },
      },
    ],
    [
      'FusedGemm',
      {
        inputs: [f32(3, 4), f32(5, 4), f32(5)],
        attributes: { transB: 1, activation: 'LeakyRelu', activation_alpha: float(0.2) },
      },
    ],
    [
      'FusedConv',
      {
        inputs: [f32(1, 2, 5, 5), f32(3, 2, 3, 3), f32(3), f32(1, 3, 3, 3)],
        attributes: { activation: 'Relu', kernel_shape: [3, 3] },
      },
    ],
    [
      'FusedConv',
      {
        inputs: [f32(1, 2, 5, 5), f32(3, 2, 3, 3), f32(3)],
        attributes: {
          activation: 'Clip',
          activation_params: { float: [-0.5, 0.75] },
          pads: [1, 1, 1, 1],
        },
      },
    ],
  ])('%s (%#)', agree);
});

describe('normalisation', () => {
  const epsilon = float(1e-5);
  const gamma = f32(8);
  it.each<[string, Case]>([
    [
      'SkipLayerNormalization',
      { inputs: [f32(2, 3, 8), f32(2, 3, 8), gamma, f32(8), f32(8)], attributes: { epsilon } },
    ],
    ['SkipLayerNormalization', { inputs: [f32(2, 3, 8), f32(1, 3, 8), gamma, f32(8)] }],
    [
      'SkipLayerNormalization',
      {
        inputs: [f32(2, 3, 8), f32(2, 3, 8), gamma, undefined, f32(8)],
        outputs: ['float32', '', '', 'float32'],
      },
    ],
    [
      'SkipSimplifiedLayerNormalization',
      {
        inputs: [f32(2, 3, 8), f32(2, 3, 8), gamma, f32(8)],
        outputs: ['float32', '', '', 'float32'],
        attributes: { epsilon },
      },
    ],
    ['SkipSimplifiedLayerNormalization', { inputs: [f32(2, 3, 8), f32(2, 3, 8), gamma] }],
    [
      'SimplifiedLayerNormalization',
      { domain: '', inputs: [f32(2, 3, 8), gamma], attributes: { epsilon, axis: -1 } },
    ],
    [
      'EmbedLayerNormalization',
      {
        inputs: [
          i32([0, 2, 1, 3, 3, 0], [2, 3]),
          i32([0, 0, 1, 1, 1, 0], [2, 3]),
          f32(4, 8),
          f32(5, 8),
          f32(2, 8),
          gamma,
          f32(8),
          i32([1, 1, 0, 1, 1, 1], [2, 3]),
        ],
        outputs: ['float32', 'int32', 'float32'],
        attributes: { epsilon },
      },
    ],
    [
      'EmbedLayerNormalization',
      {
        inputs: [
          i32([0, 2, 1, 3], [2, 2]),
          undefined,
          f32(4, 8),
          f32(5, 8),
          undefined,
          gamma,
          f32(8),
        ],
        outputs: ['float32', 'int32'],
      },
    ],
  ])('%s (%#)', agree);
});

describe('attention', () => {
  const heads = { num_heads: 2 };
  const x = () => f32(2, 3, 8);
  it.each<[string, Case]>([
    ['MultiHeadAttention', { inputs: [x(), x(), x()], attributes: heads }],
    [
      'MultiHeadAttention',
      {
        inputs: [
          x(),
          f32(2, 5, 8),
          f32(2, 5, 4),
          f32(20),
          i32([1, 1, 0, 1, 1, 1, 1, 1, 1, 0], [2, 5]),
        ],
        attributes: { ...heads, scale: float(0.3) },
      },
    ],
    [
      'MultiHeadAttention',
      {
        inputs: [x(), x(), x(), undefined, i32([2, 3]), f32(1, 2, 3, 3)],
        attributes: heads,
      },
    ],
    [
      'MultiHeadAttention',
      {
        inputs: [x(), x(), x(), undefined, undefined, undefined, f32(2, 2, 4, 4), f32(2, 2, 4, 4)],
        attributes: { ...heads, unidirectional: 1 },
        outputs: ['float32', 'float32', 'float32'],
      },
    ],
    ['MultiHeadAttention', { inputs: [x(), f32(2, 2, 5, 4), f32(2, 2, 5, 4)], attributes: heads }],
    ['Attention', { inputs: [x(), f32(8, 24), f32(24)], attributes: heads }],
    [
      'Attention',
      {
        inputs: [x(), f32(8, 24), f32(24), i32([1, 1, 0, 1, 1, 1], [2, 3])],
        attributes: { ...heads, unidirectional: 1 },
      },
    ],
    [
      'Attention',
      {
        inputs: [x(), f32(8, 20), f32(20)],
        attributes: { ...heads, qkv_hidden_sizes: [8, 8, 4] },
      },
    ],
    [
      'Attention',
      {
        inputs: [x(), f32(8, 24), f32(24), undefined, f32(2, 2, 2, 4, 4)],
        attributes: { ...heads, unidirectional: 1 },
        outputs: ['float32', 'float32'],
      },
    ],
    [
      'RotaryEmbedding',
      { inputs: [f32(2, 3, 8), i64([0, 1, 2, 4, 5, 6], [2, 3]), f32(9, 2), f32(9, 2)] },
    ],
    [
      'RotaryEmbedding',
      {
        inputs: [f32(2, 2, 3, 8), i64([3]), f32(9, 4), f32(9, 4)],
        attributes: { interleaved: 1 },
      },
    ],
    [
      'RotaryEmbedding',
      {
        inputs: [f32(1, 3, 16), i64([1]), f32(9, 2), f32(9, 2)],
        attributes: { num_heads: 2, rotary_embedding_dim: 4 },
      },
    ],
  ])('%s (%#)', agree);

  const grouped = { num_heads: 4, kv_num_heads: 2 };
  const kv = (past: number, batch = 1) => f32(batch, 2, past, 16);
  const three = ['float32', 'float32', 'float32'] as const;
  it.each<[string, Case]>([
    [
      'a prompt',
      {
        inputs: [
          f32(1, 3, 64),
          f32(1, 3, 32),
          f32(1, 3, 32),
          kv(0),
          kv(0),
          i32([2]),
          i32([3], [1]),
        ],
        attributes: grouped,
        outputs: three,
      },
    ],
    [
      'a step',
      {
        inputs: [
          f32(1, 1, 64),
          f32(1, 1, 32),
          f32(1, 1, 32),
          kv(5),
          kv(5),
          i32([5]),
          i32([6], [1]),
        ],
        attributes: { ...grouped, scale: float(0.4), softcap: float(5) },
        outputs: three,
      },
    ],
    [
      'packed, with rotary embedding',
      {
        inputs: [
          f32(2, 3, 128),
          undefined,
          undefined,
          f32(2, 2, 0, 16),
          f32(2, 2, 0, 16),
          i32([2, 2]),
          i32([3], [1]),
          f32(7, 8),
          f32(7, 8),
        ],
        attributes: { ...grouped, do_rotary: 1 },
        outputs: three,
      },
    ],
    [
      'rows of different length',
      {
        inputs: [
          f32(2, 1, 64),
          f32(2, 1, 32),
          f32(2, 1, 32),
          f32(2, 2, 5, 16),
          f32(2, 2, 5, 16),
          i32([5, 3]),
          i32([6], [1]),
          f32(9, 8),
          f32(9, 8),
        ],
        attributes: { ...grouped, do_rotary: 1, rotary_interleaved: 1 },
        outputs: three,
        first: true,
      },
    ],
    [
      'a window',
      {
        inputs: [
          f32(1, 6, 64),
          f32(1, 6, 32),
          f32(1, 6, 32),
          kv(0),
          kv(0),
          i32([5]),
          i32([6], [1]),
        ],
        attributes: { ...grouped, local_window_size: 3 },
      },
    ],
    [
      'smooth softmax',
      {
        inputs: [
          f32(1, 3, 64),
          f32(1, 3, 32),
          f32(1, 3, 32),
          kv(0),
          kv(0),
          i32([2]),
          i32([3], [1]),
        ],
        attributes: { ...grouped, smooth_softmax: 1 },
      },
    ],
  ])('GroupQueryAttention: %s', (_, given) => agree('GroupQueryAttention', given));
});

describe('codes and scales', () => {
  const nbits = (k: number, n: number, block: number, bits = 4) => ({
    attributes: { K: k, N: n, block_size: block, bits },
  });
  it.each<[string, Case]>([
    [
      'MatMulNBits',
      { inputs: [f32(3, 32), u8(5, 2, 8), positive(10)], constant: [1, 2], ...nbits(32, 5, 16) },
    ],
    [
      'MatMulNBits',
      {
        inputs: [f32(2, 3, 40), u8(5, 3, 8), positive(15), u8(10)],
        constant: [1, 2, 3],
        ...nbits(40, 5, 16),
      },
    ],
    [
      'MatMulNBits',
      {
        inputs: [f32(3, 32), u8(6, 1, 16), positive(6), undefined, undefined, f32(6)],
        constant: [1, 2, 5],
        ...nbits(32, 6, 32),
      },
    ],
    [
      'DynamicQuantizeMatMul',
      {
        inputs: [f32(3, 8), u8(8, 5), scalar(0.05), code(120)],
        constant: [1],
      },
    ],
    [
      'DynamicQuantizeMatMul',
      { inputs: [f32(3, 8), i8(8, 5), positive(5), i8(5), f32(5)], constant: [1] },
    ],
    [
      'MatMulIntegerToFloat',
      { inputs: [u8(3, 8), u8(8, 5), scalar(0.02), scalar(0.05), code(128), code(100), f32(5)] },
    ],
    [
      'QLinearAdd',
      {
        inputs: [
          u8(3, 4),
          scalar(0.02),
          code(120),
          u8(4),
          scalar(0.05),
          code(100),
          scalar(0.06),
          code(130),
        ],
        outputs: ['uint8'],
        codes: true,
      },
    ],
    [
      'QLinearMul',
      {
        inputs: [
          i8(3, 4),
          scalar(0.02),
          code(3, 'int8'),
          i8(4),
          scalar(0.05),
          code(-4, 'int8'),
          scalar(0.06),
          code(1, 'int8'),
        ],
        outputs: ['int8'],
        codes: true,
      },
    ],
    [
      'QLinearSigmoid',
      {
        inputs: [u8(3, 4), scalar(0.02), code(120), scalar(1 / 256), code(0)],
        outputs: ['uint8'],
        constant: [1, 2, 3, 4],
        codes: true,
      },
    ],
    [
      'QLinearLeakyRelu',
      {
        inputs: [u8(3, 4), scalar(0.02), code(120), scalar(0.03), code(60)],
        outputs: ['uint8'],
        constant: [1, 2, 3, 4],
        attributes: { alpha: float(0.1) },
        codes: true,
      },
    ],
    [
      'QLinearGlobalAveragePool',
      {
        inputs: [u8(2, 3, 4, 4), scalar(0.02), code(120), scalar(0.02), code(110)],
        outputs: ['uint8'],
        attributes: { channels_last: 0 },
        codes: true,
      },
    ],
    [
      'QLinearAveragePool',
      {
        inputs: [u8(2, 3, 4, 4), scalar(0.02), code(120), scalar(0.02), code(110)],
        outputs: ['uint8'],
        constant: [1, 2, 3, 4],
        attributes: { kernel_shape: [2, 2], strides: [2, 2] },
        codes: true,
      },
    ],
    [
      'QLinearConcat',
      {
        inputs: [
          scalar(0.05),
          code(120),
          u8(2, 3),
          scalar(0.02),
          code(100),
          u8(2, 2),
          scalar(0.05),
          code(130),
        ],
        outputs: ['uint8'],
        constant: [0, 1, 3, 4, 6, 7],
        attributes: { axis: 1 },
        codes: true,
      },
    ],
    [
      'QGemm',
      {
        inputs: [
          u8(3, 8),
          scalar(0.02),
          code(128),
          u8(8, 5),
          scalar(0.05),
          code(120),
          i32([1, -20, 300, 4, 5]),
          scalar(0.5),
          code(100),
        ],
        outputs: ['uint8'],
        codes: true,
      },
    ],
  ])('%s (%#)', agree);
});
