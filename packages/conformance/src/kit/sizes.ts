/** Odd sizes: 0, 1, primes and one more than a power of two, wherever an op's shapes can vary. */
import { placeholder, sameShape, sizeOf } from '@hebb/core';
import type { Attrs, Aval, ConvAttrs, Op, Sample, SampleInput, Shape } from '@hebb/core';
import { draw } from './draw.ts';

/** What the op gives for a sample, or undefined when it refuses the shapes or settings. */
function infer(
  op: Op,
  sample: Sample,
): { inputs: readonly Aval[]; outputs: readonly Aval[] } | undefined {
  try {
    const { inputs, call } = draw(op, sample, { seed: 1, type: 'float64' });
    const avals = inputs.map(({ aval }) => aval);
    return { inputs: avals, outputs: call(avals.map(placeholder)) };
  } catch {
    // Whatever is wrong with a sample itself shows in the test of that sample.
    return undefined;
  }
}

const oddShapes: readonly Shape[] = [[], [1], [0], [7], [1, 17], [13, 1], [3, 0, 2], [257]];

/** Every input and output of every sample has one shape: then any shape should do. */
function isElementwise(op: Op): boolean {
  return (
    op.samples.length > 0 &&
    op.samples.every((sample) => {
      const found = infer(op, sample);
      const shape = found?.inputs[0]?.shape;
      return (
        found !== undefined &&
        shape !== undefined &&
        [...found.inputs, ...found.outputs].every((aval) => sameShape(aval.shape, shape))
      );
    })
  );
}

/** The input in another shape; fixed values repeat. */
function reshaped(input: SampleInput, shape: Shape): SampleInput {
  if (input === null) return null;
  if (isShape(input)) return shape;
  const { values } = input;
  if (values === undefined) return { ...input, shape };
  return {
    ...input,
    shape,
    values: Array.from({ length: sizeOf(shape) }, (_, i) => values[i % values.length]!),
  };
}

function isShape(input: SampleInput): input is Shape {
  return Array.isArray(input);
}

const plain = (sample: Sample): boolean => sample.in.every((x) => x === null || !('list' in x));

function elementwiseSizes(op: Op): Sample[] {
  const template = op.samples.find(
    (sample) => plain(sample) && sample.in.some((x) => x !== null && sizeOfInput(x) > 0),
  );
  if (template === undefined) return [];
  return oddShapes.map((shape) => ({
    ...template,
    in: template.in.map((input) => reshaped(input as SampleInput, shape)),
  }));
}

function sizeOfInput(input: Sample['in'][number]): number {
  if (input === null || 'list' in input) return 0;
  return sizeOf(isShape(input) ? input : input.shape);
}

const axesCases: readonly (readonly [Shape, readonly number[]])[] = [
  [[1], [0]],
  [[7], [0]],
  [[0], [0]],
  [[1, 7], [0]],
  [[13, 1, 3], [1]],
  [
    [13, 1, 3],
    [0, 2],
  ],
  [
    [2, 3, 5],
    [0, 1, 2],
  ],
  [[0, 3], [1]],
  [[3, 0], [1]],
  [[3, 0, 2], [0]],
  [[17, 257], [1]],
  [[257, 17], [0]],
];
const axisCases: readonly (readonly [Shape, number])[] = [
  [[1], 0],
  [[7], 0],
  [[0], 0],
  [[1, 17], 1],
  [[13, 1], 0],
  [[13, 1], 1],
  [[2, 0, 3], 0],
  [[2, 0, 3], 1],
  [[2, 3, 5], 1],
  [[257], 0],
];

type Matmul = readonly [a: Shape, b: Shape, transposeA?: boolean, transposeB?: boolean];
const matmulCases: readonly Matmul[] = [
  [
    [1, 1],
    [1, 1],
  ],
  [
    [1, 7],
    [7, 1],
  ],
  [
    [13, 1],
    [1, 5],
  ],
  [
    [7, 11],
    [11, 13],
  ],
  [
    [17, 33],
    [33, 9],
  ],
  [
    [0, 3],
    [3, 2],
  ],
  [
    [3, 2],
    [2, 0],
  ],
  [
    [2, 0],
    [0, 3],
  ],
  [[11, 7], [11, 5], true],
  [[7, 11], [5, 11], false, true],
  [[11, 7], [5, 11], true, true],
  [
    [2, 1, 3, 5],
    [7, 5, 2],
  ],
  [
    [0, 3, 5],
    [5, 2],
  ],
  [
    [5, 3],
    [3, 3, 2],
  ],
  [[3, 7, 2], [3, 7, 5], true],
  [[3, 2, 7], [1, 5, 7], false, true],
];

interface Convolution {
  readonly n: number;
  readonly channels: readonly [number, number];
  readonly groups?: number;
  readonly size: Shape;
  readonly kernel: Shape;
  readonly stride?: Shape;
  readonly padding?: readonly (readonly [number, number])[];
  readonly dilation?: Shape;
}
const convolutions: readonly Convolution[] = [
  { n: 1, channels: [1, 1], size: [1], kernel: [1] },
  { n: 2, channels: [3, 5], size: [7], kernel: [3], stride: [2], padding: [[2, 1]] },
  { n: 0, channels: [2, 3], size: [5], kernel: [2] },
  {
    n: 1,
    channels: [1, 1],
    size: [1, 1],
    kernel: [3, 3],
    padding: [
      [1, 1],
      [1, 1],
    ],
  },
  { n: 2, channels: [3, 4], size: [7, 5], kernel: [1, 1] },
  {
    n: 1,
    channels: [5, 5],
    groups: 5,
    size: [5, 7],
    kernel: [3, 3],
    padding: [
      [1, 1],
      [1, 1],
    ],
  },
  { n: 3, channels: [4, 6], groups: 2, size: [8, 7], kernel: [3, 2], stride: [3, 2] },
  {
    n: 1,
    channels: [2, 3],
    size: [11, 9],
    kernel: [3, 3],
    dilation: [3, 2],
    padding: [
      [0, 3],
      [2, 0],
    ],
  },
  { n: 1, channels: [1, 2], size: [3, 3], kernel: [3, 3] },
  {
    n: 1,
    channels: [1, 2],
    size: [2, 3],
    kernel: [2, 2],
    padding: [
      [3, 3],
      [2, 4],
    ],
    stride: [2, 3],
  },
  { n: 1, channels: [2, 1], size: [3, 2, 5], kernel: [2, 1, 3], stride: [1, 2, 2] },
  {
    n: 1,
    channels: [17, 9],
    size: [5, 5],
    kernel: [3, 3],
    padding: [
      [1, 1],
      [1, 1],
    ],
  },
];

function convolutionSizes(name: string): Sample[] {
  return convolutions.map((c) => {
    const groups = c.groups ?? 1;
    const attrs: ConvAttrs = {
      stride: c.stride ?? c.size.map(() => 1),
      padding: c.padding ?? c.size.map(() => [0, 0] as const),
      dilation: c.dilation ?? c.size.map(() => 1),
      groups,
    };
    const x = [c.n, c.channels[0], ...c.size];
    const w = [c.channels[1], c.channels[0] / groups, ...c.kernel];
    const out = c.size.map((size, i) => {
      const [low, high] = attrs.padding[i]!;
      const reach = (c.kernel[i]! - 1) * attrs.dilation[i]! + 1;
      return Math.floor((size + low + high - reach) / attrs.stride[i]!) + 1;
    });
    const y = [c.n, c.channels[1], ...out];
    if (name === 'conv') return { in: [x, w], attrs };
    return name === 'convTranspose'
      ? { in: [y, w], attrs: { ...attrs, size: c.size } }
      : { in: [x, y], attrs: { ...attrs, size: c.kernel } };
  });
}

const index = (shape: Shape, values: readonly number[]): SampleInput => ({
  shape,
  dtype: 'int32',
  values,
});
const windows = (size: Shape, stride: Shape, dilation: Shape): Attrs => ({
  size,
  stride,
  dilation,
});

/** Sizes that only make sense for one op. */
const special: Readonly<Record<string, readonly Sample[]>> = {
  full: [
    { in: [], attrs: { shape: [0, 3], value: 2, dtype: 'float32' } },
    { in: [], attrs: { shape: [257], value: -0.5, dtype: 'float32' } },
  ],
  iota: [0, 1, 257].map((length) => ({ in: [], attrs: { length, dtype: 'int32' } })),
  randomBits: ([[], [0], [1], [3], [4], [5], [7, 11], [3, 0], [1021]] as const).map((shape) => ({
    in: [{ shape: [2], dtype: 'uint32', values: [12345, 0x89abcdef] }],
    attrs: { shape },
  })),
  reshape: [
    { in: [[]], attrs: { shape: [1, 1] } },
    { in: [[0]], attrs: { shape: [7, 0] } },
    { in: [[7, 13]], attrs: { shape: [13, 7] } },
  ],
  permute: [
    { in: [[]], attrs: { axes: [] } },
    { in: [[1, 7, 0]], attrs: { axes: [2, 0, 1] } },
    { in: [[7, 11, 13]], attrs: { axes: [2, 1, 0] } },
    { in: [[2, 3, 5, 2]], attrs: { axes: [0, 3, 1, 2] } },
  ],
  expand: [
    { in: [[1]], attrs: { shape: [257] } },
    { in: [[7, 1, 1]], attrs: { shape: [2, 7, 3, 5] } },
    { in: [[1, 13]], attrs: { shape: [0, 13] } },
    { in: [[3]], attrs: { shape: [3] } },
  ],
  slice: [
    { in: [[7]], attrs: { starts: [0], sizes: [7], steps: [1] } },
    { in: [[7]], attrs: { starts: [6], sizes: [1], steps: [5] } },
    { in: [[13, 11]], attrs: { starts: [2, 1], sizes: [4, 4], steps: [3, 3] } },
    { in: [[0, 3]], attrs: { starts: [0, 1], sizes: [0, 2], steps: [1, 1] } },
  ],
  flip: [
    { in: [[1]], attrs: { axes: [0] } },
    { in: [[0]], attrs: { axes: [0] } },
    { in: [[7, 13, 2]], attrs: { axes: [0, 1, 2] } },
  ],
  pad: [
    { in: [[1]], attrs: { low: [0], high: [0], interior: [3], value: 9 } },
    { in: [[7, 3]], attrs: { low: [2, 0], high: [0, 5], interior: [1, 2], value: -1 } },
    { in: [[0]], attrs: { low: [2], high: [3], interior: [2], value: 4 } },
  ],
  concat: [
    { in: [[1], [7], [0], [13]], attrs: { axis: 0 } },
    {
      in: [
        [3, 1, 2],
        [3, 5, 2],
      ],
      attrs: { axis: 1 },
    },
    {
      in: [
        [0, 3],
        [0, 3],
      ],
      attrs: { axis: 1 },
    },
    { in: [[5]], attrs: { axis: 0 } },
  ],
  window: [
    { in: [[7]], attrs: windows([7], [1], [1]) },
    { in: [[7]], attrs: windows([1], [3], [1]) },
    { in: [[11, 5]], attrs: windows([2, 3], [4, 1], [3, 2]) },
    { in: [[0, 3]], attrs: windows([2], [1], [1]) },
  ],
  fold: [
    { in: [[1, 7]], attrs: { ...windows([7], [1], [1]), spatial: [7] } },
    { in: [[3, 1]], attrs: { ...windows([1], [3], [1]), spatial: [8] } },
    { in: [[2, 1, 2, 3]], attrs: { ...windows([2, 3], [4, 1], [3, 2]), spatial: [10, 5] } },
    { in: [[0, 2, 2]], attrs: { ...windows([2], [1], [1]), spatial: [3] } },
  ],
  gather: [
    { in: [[1], index([1], [0])], attrs: { axis: 0 } },
    { in: [[7, 0], index([2], [6, 0])], attrs: { axis: 0 } },
    { in: [[3, 5, 2], index([7], [4, 4, 0, 1, 2, 3, 4])], attrs: { axis: 1 } },
    { in: [[3, 5, 2], index([], [1])], attrs: { axis: 2 } },
  ],
  gatherElements: [
    { in: [[1], index([1], [0])], attrs: { axis: 0 } },
    { in: [[3, 7], index([3, 0], [])], attrs: { axis: 1 } },
    { in: [[2, 3, 2], index([1, 5, 2], [0, 1, 2, 2, 1, 0, 0, 0, 2, 1])], attrs: { axis: 1 } },
  ],
  scatter: [
    { in: [[1], index([1], [0]), [1]], attrs: { axis: 0, reduce: 'none' } },
    { in: [[3, 2], index([0], []), [0, 2]], attrs: { axis: 0, reduce: 'add' } },
    { in: [[7], index([5], [3, 3, 3, 0, 3]), [5]], attrs: { axis: 0, reduce: 'add' } },
    { in: [[2, 5, 3], index([2], [4, 0]), [2, 2, 3]], attrs: { axis: 1, reduce: 'none' } },
  ],
  scatterElements: [
    { in: [[1], index([1], [0]), [1]], attrs: { axis: 0, reduce: 'none' } },
    { in: [[3], index([0], []), [0]], attrs: { axis: 0, reduce: 'add' } },
    { in: [[2, 3], index([1, 5], [2, 2, 0, 2, 1]), [1, 5]], attrs: { axis: 1, reduce: 'add' } },
  ],
};

/** Further samples of unusual sizes. Not all of them suit every op; those it refuses are left out. */
export function oddSizes(op: Op): Sample[] {
  const first = op.samples[0];
  if (first === undefined) return [];
  const attrs = first.attrs ?? {};
  const input = first.in.length === 1 ? first.in[0]! : null;
  const grad = first.grad ?? true;
  let found: Sample[];
  if (Object.hasOwn(special, op.name) && op.kind === 'primitive') {
    found = special[op.name]!.map((sample) => ({ ...sample, grad }));
  } else if (op.name === 'matmul') {
    found = matmulCases.map(([a, b, transposeA = false, transposeB = false]) => ({
      in: [a, b],
      attrs: { transposeA, transposeB },
    }));
  } else if (['conv', 'convTranspose', 'convKernelGrad'].includes(op.name)) {
    found = convolutionSizes(op.name);
  } else if (isElementwise(op) && !('axis' in attrs)) {
    found = elementwiseSizes(op);
  } else if (input !== null && !('list' in input) && Array.isArray(attrs['axes'])) {
    found = axesCases.map(([shape, axes]) => ({
      in: [reshaped(input, shape)],
      attrs: { ...attrs, axes },
      grad,
    }));
  } else if (input !== null && !('list' in input) && typeof attrs['axis'] === 'number') {
    found = axisCases.map(([shape, axis]) => ({
      in: [reshaped(input, shape)],
      attrs: { ...attrs, axis },
      grad,
    }));
  } else found = [];
  return found.filter((sample) => infer(op, sample) !== undefined);
}
