/**
 * Operators that the suite's open half does not hold, against ONNX Runtime: the same model and inputs in
 * both.
 */
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import { makeAttribute } from '../src/index.ts';
import type { ModelProto, TensorData } from '../src/index.ts';
import { agree, floats } from './agree.ts';
import { info, model, node } from './build.ts';

beforeAll(() => init(cpu()));

const list = (value: readonly number[]) => makeAttribute('', { type: 'floats', value });
const float = (value: number) => makeAttribute('', { type: 'float', value });
const texts = (value: readonly string[]) => makeAttribute('', { type: 'strings', value });

/** A model of one ai.onnx.ml node. */
function ml(
  op: string,
  attributes: Parameters<typeof node>[3],
  outputs: readonly ReturnType<typeof info>[],
  input = info('x', 'float32', [5, 3]),
): ModelProto {
  const names = outputs.map(({ name }) => name!);
  const base = model([input], outputs, [
    { ...node(op, ['x'], names, attributes), domain: 'ai.onnx.ml' },
  ]);
  return {
    ...base,
    opsetImport: [
      { domain: '', version: 18 },
      { domain: 'ai.onnx.ml', version: 3 },
    ],
  };
}

describe('ai.onnx.ml', () => {
  const y = info('y', 'float32', ['n', 'k']);
  const label = info('label', 'int64', ['n']);
  const rows = { x: floats([5, 3]) };

  it.each([
    ['Scaler', { offset: list([1, 2, 3]), scale: list([0.5, 2, 1]) }],
    ['Normalizer', { norm: 'L2' }],
    ['Normalizer', { norm: 'L1' }],
    ['Normalizer', { norm: 'MAX' }],
    ['Binarizer', { threshold: float(0.25) }],
    [
      'LinearRegressor',
      { coefficients: list([1, -2, 3, 0.5, 1, 1]), intercepts: list([0.1, -0.2]), targets: 2 },
    ],
  ])('%s (%#)', async (op, attributes) => {
    await agree(ml(op, attributes, [y]), rows);
  });

  it.each(['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO'])(
    'LinearClassifier %s',
    async (transform) => {
      const attributes = {
        coefficients: list([1, -2, 3, 0.5, 1, 1, -1, 0.25, 0.75]),
        intercepts: list([0.1, -0.2, 0.3]),
        classlabels_ints: [4, 5, 9],
        post_transform: transform,
      };
      await agree(ml('LinearClassifier', attributes, [label, y]), rows);
    },
  );

  it('TreeEnsembleRegressor and TreeEnsembleClassifier', async () => {
    // Two trees of depth two and one.
    const nodes = {
      nodes_treeids: [0, 0, 0, 0, 0, 1, 1, 1],
      nodes_nodeids: [0, 1, 2, 3, 4, 0, 1, 2],
      nodes_featureids: [0, 1, 0, 0, 0, 2, 0, 0],
      nodes_modes: texts([
        'BRANCH_LEQ',
        'BRANCH_LT',
        'LEAF',
        'LEAF',
        'LEAF',
        'BRANCH_GTE',
        'LEAF',
        'LEAF',
      ]),
      nodes_values: list([0.3, -0.2, 0, 0, 0, 0.1, 0, 0]),
      nodes_truenodeids: [1, 3, 0, 0, 0, 1, 0, 0],
      nodes_falsenodeids: [2, 4, 0, 0, 0, 2, 0, 0],
    };
    const leaves = (kind: string, ids: number[]) => ({
      [`${kind}_treeids`]: [0, 0, 0, 1, 1],
      [`${kind}_nodeids`]: [2, 3, 4, 1, 2],
      [`${kind}_ids`]: ids,
      [`${kind}_weights`]: list([1, 2, -3, 0.5, 0.25]),
    });
    for (const how of ['SUM', 'AVERAGE', 'MIN', 'MAX']) {
      const attributes = {
        ...nodes,
        ...leaves('target', [0, 1, 0, 1, 0]),
        n_targets: 2,
        aggregate_function: how,
      };
      await agree(ml('TreeEnsembleRegressor', attributes, [y]), rows);
    }
    for (const transform of ['NONE', 'SOFTMAX']) {
      const attributes = {
        ...nodes,
        ...leaves('class', [0, 1, 2, 1, 0]),
        classlabels_int64s: [7, 8, 9],
        post_transform: transform,
      };
      await agree(ml('TreeEnsembleClassifier', attributes, [label, y]), rows);
    }
  });

  it.each(['LINEAR', 'POLY', 'RBF', 'SIGMOID'])('SVMRegressor %s', async (kernel) => {
    const attributes = {
      kernel_type: kernel,
      kernel_params: list([0.4, 0.3, 3]),
      n_supports: 2,
      support_vectors: list([1, 0, -1, 0.5, 2, 1]),
      coefficients: list([0.7, -1.2]),
      rho: list([0.25]),
    };
    await agree(ml('SVMRegressor', attributes, [y]), rows);
  });

  it.each(['LINEAR', 'RBF'])('SVMClassifier %s, three classes', async (kernel) => {
    const attributes = {
      kernel_type: kernel,
      kernel_params: list([0.4, 0.3, 3]),
      vectors_per_class: [1, 2, 1],
      support_vectors: list([1, 0, -1, 0.5, 2, 1, -1, 1, 0, 0, -2, 1]),
      coefficients: list([0.7, -1.2, 0.4, 0.9, -0.3, 0.8, -0.5, 1.1]),
      rho: list([0.25, -0.1, 0.4]),
      classlabels_ints: [0, 1, 2],
    };
    await agree(ml('SVMClassifier', attributes, [label, y]), rows);
  });
});

describe('ai.onnx', () => {
  const roi: TensorData = {
    dtype: 'float32',
    shape: [2, 5],
    data: Float32Array.of(0, 0, 0, 3, 3, 0, 1, 2, 6, 5),
  };
  it('MaxRoiPool', async () => {
    const source = model(
      [info('x', 'float32', [1, 2, 7, 8]), info('roi', 'float32', [2, 5])],
      [info('y', 'float32', [2, 2, 2, 3])],
      [node('MaxRoiPool', ['x', 'roi'], ['y'], { pooled_shape: [2, 3], spatial_scale: float(1) })],
    );
    await agree(source, { x: floats([1, 2, 7, 8]), roi });
  });

  it.each(['forward', 'reverse', 'bidirectional'])(
    'LSTM %s with peepholes, lengths and clip',
    async (direction) => {
      const d = direction === 'bidirectional' ? 2 : 1;
      const source = model(
        [info('x', 'float32', [4, 2, 3])],
        [
          info('y', 'float32', [4, d, 2, 5]),
          info('h', 'float32', [d, 2, 5]),
          info('c', 'float32', [d, 2, 5]),
        ],
        [
          node('LSTM', ['x', 'w', 'r', 'b', 'l', 'h0', 'c0', 'p'], ['y', 'h', 'c'], {
            hidden_size: 5,
            direction,
            clip: float(1.5),
          }),
        ],
        {
          w: floats([d, 20, 3], 2),
          r: floats([d, 20, 5], 3),
          b: floats([d, 40], 4),
          l: { dtype: 'int32', shape: [2], data: Int32Array.of(4, 2) },
          h0: floats([d, 2, 5], 5),
          c0: floats([d, 2, 5], 6),
          p: floats([d, 15], 7),
        },
      );
      await agree(source, { x: floats([4, 2, 3]) });
    },
  );

  it.each([0, 1])('GRU, bidirectional, with linear_before_reset %d', async (after) => {
    const source = model(
      [info('x', 'float32', [4, 2, 3])],
      [info('y', 'float32', [4, 2, 2, 5]), info('h', 'float32', [2, 2, 5])],
      [
        node('GRU', ['x', 'w', 'r', 'b', 'l'], ['y', 'h'], {
          hidden_size: 5,
          direction: 'bidirectional',
          linear_before_reset: after,
        }),
      ],
      {
        w: floats([2, 15, 3], 2),
        r: floats([2, 15, 5], 3),
        b: floats([2, 30], 4),
        l: { dtype: 'int32', shape: [2], data: Int32Array.of(3, 4) },
      },
    );
    await agree(source, { x: floats([4, 2, 3]) });
  });

  it.each([
    ['SAME_UPPER', {}],
    ['SAME_LOWER', {}],
    ['NOTSET', { pads: [1, 0, 2, 1] }],
    ['NOTSET', { pads: [1, 1, 1, 1], dilations: [2, 1] }],
  ])('Conv and pooling with auto_pad %s (%#)', async (mode, extra) => {
    const x = info('x', 'float32', [1, 4, 7, 8]);
    const settings = { auto_pad: mode, kernel_shape: [3, 2], strides: [2, 1], ...extra };
    const conv = model(
      [x],
      [info('y', 'float32', [1, 6, 'h', 'w'])],
      [node('Conv', ['x', 'w'], ['y'], { ...settings, group: 2 })],
      {
        w: floats([6, 2, 3, 2], 2),
      },
    );
    await agree(conv, { x: floats([1, 4, 7, 8]) });
    const pools = model(
      [x],
      [
        info('a', 'float32', [1, 4, 'h', 'w']),
        info('i', 'int64', [1, 4, 'h', 'w']),
        info('b', 'float32', [1, 4, 'p', 'q']),
      ],
      [
        node('MaxPool', ['x'], ['a', 'i'], settings),
        node('AveragePool', ['x'], ['b'], { ...settings, count_include_pad: 1 }),
      ],
      {},
      19,
    );
    await agree(pools, { x: floats([1, 4, 7, 8]) });
  });

  it.each([
    [{ strides: [2, 2], output_padding: [1, 1] }],
    [{ strides: [3, 2], pads: [1, 0, 1, 1] }],
    [{ strides: [2, 2], output_shape: [9, 11] }],
    [{ strides: [2, 2], auto_pad: 'SAME_UPPER' }],
    [{ group: 2, dilations: [2, 1] }],
  ])('ConvTranspose (%#)', async (settings) => {
    const group = 'group' in settings ? 2 : 1;
    const source = model(
      [info('x', 'float32', [1, 4, 4, 5])],
      [info('y', 'float32', [1, 3 * group, 'h', 'w'])],
      [node('ConvTranspose', ['x', 'w', 'b'], ['y'], settings)],
      { w: floats([4, 3, 3, 3], 2), b: floats([3 * group], 3) },
    );
    await agree(source, { x: floats([1, 4, 4, 5]) });
  });
});
