/** Small files that ask for much: sizes, steps and depths that double, or have no end. */
import { makeAttribute, makeGraph, makeModel, makeNode, makeValueInfo } from '../../src/index.ts';
import type { AttributeProto, ModelProto, NodeProto, TensorData } from '../../src/index.ts';

type Made = Parameters<typeof makeGraph>[0];
type Settings = NonNullable<Parameters<typeof makeNode>[3]>['attributes'];

const x = makeValueInfo('x', 'float32', ['n', 4]);
const untyped = (name: string) => ({ name, metadataProps: [] });
const longs = (...values: (number | bigint)[]): TensorData => ({
  dtype: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const one = (value: number | bigint): TensorData => ({ ...longs(value), shape: [] }) as TensorData;
const flag: TensorData = { dtype: 'bool', shape: [], data: Uint8Array.of(1) };
const number = (value: number): TensorData => ({
  dtype: 'float32',
  shape: [],
  data: Float32Array.of(value),
});
const text = (value: string): TensorData => ({ dtype: 'string', shape: [1], data: [value] });

const graph = (nodes: readonly NodeProto[], more: Partial<Made> = {}): ModelProto =>
  makeModel(makeGraph({ inputs: [x], outputs: [untyped('y')], nodes: [...nodes], ...more }), {
    '': 21,
  });

/** One operator on `x` and constants. */
const single = (
  op: string,
  initializers: Readonly<Record<string, TensorData>> = {},
  attributes: Settings = {},
  first: readonly string[] = ['x'],
): ModelProto =>
  graph([makeNode(op, [...first, ...Object.keys(initializers)], ['y'], { attributes })], {
    initializers,
  });

const body = (name: string, value: ReturnType<typeof makeGraph>): AttributeProto =>
  makeAttribute(name, { type: 'graph', value });

/** A value that is made of twice the one before, so many times. */
function doubled(op: string, times: number, attributes: Settings = {}): NodeProto[] {
  return Array.from({ length: times }, (_, i) => {
    const from = i === 0 ? 'x' : `v${i}`;
    const to = i === times - 1 ? 'y' : `v${i + 1}`;
    return makeNode(op, [from, from], [to], { attributes });
  });
}

function loop(
  trips: bigint,
  nodes: readonly NodeProto[],
  initializers: Readonly<Record<string, TensorData>> = {},
): ModelProto {
  const inner = makeGraph({
    inputs: [
      makeValueInfo('i', 'int64', []),
      makeValueInfo('go', 'bool', []),
      untyped('h'),
    ] as Made['inputs'],
    outputs: [untyped('go'), untyped('h2')] as Made['outputs'],
    nodes: [...nodes],
  });
  const node = {
    ...makeNode('Loop', ['trips', 'flag', 'x'], ['y']),
    attribute: [body('body', inner)],
  };
  return graph([node], { initializers: { flag, trips: one(trips), ...initializers } });
}

/** If inside of If. */
function nested(levels: number): ModelProto {
  const other = makeGraph({
    inputs: [],
    outputs: [untyped('y')] as Made['outputs'],
    nodes: [makeNode('Abs', ['x'], ['y'])],
  });
  let inner: NodeProto = makeNode('Neg', ['x'], ['y']);
  for (let k = 0; k < levels; k++) {
    const branch = makeGraph({
      inputs: [],
      outputs: [untyped('y')] as Made['outputs'],
      nodes: [inner],
    });
    inner = {
      ...makeNode('If', ['flag'], ['y']),
      attribute: [body('then_branch', branch), body('else_branch', other)],
    };
  }
  return graph([inner], { initializers: { flag } });
}

/** Functions that call the one before twice. */
function laughs(levels: number): ModelProto {
  const functions = Array.from({ length: levels }, (_, k) => {
    const name = (i: number) => ({ opType: `f${i}`, domain: 'own' });
    const inner = k === 0 ? { opType: 'Neg', domain: '' } : name(k - 1);
    return {
      name: `f${k}`,
      domain: 'own',
      input: ['a'],
      output: ['c'],
      attribute: [],
      attributeProto: [],
      node: [
        { ...makeNode('', ['a'], ['b']), ...inner },
        { ...makeNode('', ['b'], ['c']), ...inner },
      ],
      opsetImport: [
        { domain: '', version: 21 },
        { domain: 'own', version: 1 },
      ],
      valueInfo: [],
      metadataProps: [],
    };
  });
  const model = graph([makeNode(`f${levels - 1}`, ['x'], ['y'], { domain: 'own' })]);
  return {
    ...model,
    functions,
    opsetImport: [...model.opsetImport, { domain: 'own', version: 1 }],
  };
}

const huge = 2n ** 40n;

export function bombs(): readonly ModelProto[] {
  return [
    nested(5),
    nested(30),
    laughs(3),
    laughs(40),
    graph(doubled('Concat', 60, { axis: 0 })),
    graph(doubled('Mul', 40)),
    graph([
      makeNode('Cast', ['x'], ['s'], { attributes: { to: 8 } }),
      ...doubled('StringConcat', 40).map((node) => ({
        ...node,
        input: node.input.map((name) => (name === 'x' ? 's' : name)),
      })),
    ]),
    loop(2n ** 62n, [makeNode('Tanh', ['h'], ['h2'])]),
    loop(huge, [makeNode('Concat', ['h', 'h'], ['h2'], { attributes: { axis: 0 } })]),
    loop(5000n, [makeNode('Add', ['h', 'h'], ['h2'])]),
    single('ConstantOfShape', { shape: longs(2n ** 31n, 2n ** 31n) }, {}, []),
    single('Expand', { shape: longs(huge, 1, 4) }),
    single('Tile', { repeats: longs(huge, 2n ** 20n) }),
    single('Range', { from: one(0), to: one(2n ** 60n), by: one(1) }, {}, []),
    single('Range', { from: number(0), to: number(1e30), by: number(1e-30) }, {}, []),
    single('Pad', { pads: longs(0, 0, 0, huge) }),
    single('Pad', { pads: longs(0, 0, 0, huge) }, { mode: 'reflect' }),
    single('OneHot', {
      depth: one(huge),
      values: { dtype: 'float32', shape: [2], data: Float32Array.of(0, 1) },
    }),
    single('Resize', { sizes: longs(2n ** 31n, 2n ** 31n) }, {}, ['x', '', '']),
    single('TopK', { k: longs(huge) }),
    single('Reshape', { shape: longs(huge, -1) }),
    single('Slice', { starts: longs(-huge), ends: longs(huge) }),
    single('EyeLike', {}, { k: Number(huge) }),
    single('RandomNormal', {}, { shape: [2 ** 31, 2 ** 31] }, []),
    single('RandomUniformLike', {}, { dtype: 1 }),
    single('HannWindow', { size: one(huge) }, {}, []),
    single(
      'MelWeightMatrix',
      {
        bins: one(huge),
        length: one(huge),
        rate: one(8000),
        low: number(0),
        high: number(4000),
      },
      {},
      [],
    ),
    single('Split', {}, { num_outputs: Number(huge) }),
    single('CenterCropPad', { shape: longs(huge, huge) }),
    single('SplitToSequence', { split: one(1) }),
    graph([makeNode('RegexFullMatch', ['t'], ['y'], { attributes: { pattern: '(a+)+b' } })], {
      initializers: { t: text('a'.repeat(60)) },
    }),
    graph([makeNode('StringSplit', ['t'], ['y', 'z'], { attributes: { delimiter: 'a' } })], {
      initializers: { t: text('a'.repeat(2000)) },
    }),
    graph(
      [
        makeNode('TfIdfVectorizer', ['t'], ['y'], {
          attributes: {
            min_gram_length: 1,
            max_gram_length: Number(huge),
            max_skip_count: Number(huge),
            mode: 'TF',
            ngram_counts: [0],
            ngram_indexes: [0],
            pool_int64s: [0],
          },
        }),
      ],
      { initializers: { t: longs(...new Array<number>(3000).fill(0)) } },
    ),
    graph(
      [
        makeNode('Reshape', ['x', 'shape'], ['p']),
        makeNode('AveragePool', ['p'], ['y'], {
          attributes: { kernel_shape: [2, 2], pads: [1, 1, 1, 1], strides: [1, 1] },
        }),
      ],
      { initializers: { shape: longs(1, 1, -1, 4) } },
    ),
    graph(
      [
        makeNode('Reshape', ['x', 'shape'], ['p']),
        makeNode('ConvTranspose', ['p', 'w'], ['y'], {
          attributes: { strides: [2 ** 20, 2 ** 20], dilations: [3, 3] },
        }),
      ],
      {
        initializers: {
          shape: longs(1, 1, -1, 4),
          w: { dtype: 'float32', shape: [1, 1, 2, 2], data: new Float32Array(4) },
        },
      },
    ),
  ];
}
