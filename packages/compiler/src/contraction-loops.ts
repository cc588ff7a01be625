/**
 * Matrix products and convolutions as loop kernels, for generators without an algorithm of their own. They are correct
 * for every type, and as fast as the loops are.
 */
import type { Index, Instruction, LoopKernel, RoutineKernel, Term } from './ir.ts';
import { sizeOf, stridesOf } from '@hebb/core';
import { classesOf, combinations, geometryOf } from './convolution.ts';

/** A buffer of the generator's own: the result before its epilogue. */
export const RESULT = -2;

const term = (variable: number, stride: number, div = 1, mod = 0): Term => ({
  variable,
  stride,
  div,
  mod,
});
const at = (offset: number, terms: readonly Term[]): Index => ({
  offset,
  terms: terms.filter(({ stride }) => stride !== 0),
});

interface Sum {
  readonly dims: readonly number[];
  readonly outer: number;
  readonly a: Omit<Extract<Instruction, { readonly op: 'load' }>, 'id' | 'op' | 'dtype'>;
  readonly b: Omit<Extract<Instruction, { readonly op: 'load' }>, 'id' | 'op' | 'dtype'>;
  readonly out: Index;
}

/** Sums of products into the kernel's output, or into RESULT. */
function sumKernel(kernel: RoutineKernel, { dims, outer, a, b, out }: Sum): LoopKernel {
  const { dtype } = kernel.results[0]!;
  const buffer = kernel.epilogue === undefined ? kernel.outputs[0]! : RESULT;
  return {
    kind: 'loop',
    name: kernel.op,
    paths: kernel.paths,
    dims,
    outer,
    stages: [
      {
        inner: true,
        code: [
          { op: 'load', id: 0, dtype, ...a },
          { op: 'load', id: 1, dtype, ...b },
          { op: 'apply', id: 2, dtype, name: 'mul', args: [0, 1] },
          { op: 'reduce', id: 3, dtype, name: 'sum', arg: 2 },
        ],
      },
      { inner: false, code: [{ op: 'store', buffer, index: out, arg: 3 }] },
    ],
    cost: kernel.cost,
  };
}

function matmulLoops(kernel: RoutineKernel): LoopKernel[] {
  const [a, b] = kernel.inputs as [RoutineKernel['inputs'][0], RoutineKernel['inputs'][0]];
  const { shape } = kernel.results[0]!;
  const rank = shape.length;
  const k = a.shape[rank - 1]!;
  const batch = shape.slice(0, -2).map((_, i) => i);
  const [m, n, depth] = [rank - 2, rank - 1, rank];
  return [
    sumKernel(kernel, {
      dims: [...shape, k],
      outer: rank,
      a: {
        buffer: a.buffer,
        index: at(a.offset, [
          ...batch.map((i) => term(i, a.strides[i]!)),
          term(m, a.strides[rank - 2]!),
          term(depth, a.strides[rank - 1]!),
        ]),
      },
      b: {
        buffer: b.buffer,
        index: at(b.offset, [
          ...batch.map((i) => term(i, b.strides[i]!)),
          term(depth, b.strides[rank - 2]!),
          term(n, b.strides[rank - 1]!),
        ]),
      },
      out: at(
        0,
        stridesOf(shape).map((stride, i) => term(i, stride)),
      ),
    }),
  ];
}

const spatialAt = (
  from: number,
  kernelFrom: number,
  { size, stride, dilation, padding }: ReturnType<typeof geometryOf>,
): Index[] =>
  size.map((_, i) =>
    at(-padding[i]![0], [term(from + i, stride[i]!), term(kernelFrom + i, dilation[i]!)]),
  );

function dot(indices: readonly Index[], strides: readonly number[]): Index {
  return {
    offset: indices.reduce((sum, { offset }, i) => sum + offset * strides[i]!, 0),
    terms: indices.flatMap(({ terms }, i) =>
      terms.map((t) => ({ ...t, stride: t.stride * strides[i]! })),
    ),
  };
}

const plus = (index: Index, offset: number, terms: readonly Term[]): Index =>
  at(index.offset + offset, [...terms, ...index.terms]);

function convLoops(kernel: RoutineKernel): LoopKernel[] {
  const g = geometryOf(kernel);
  const [x, w] = kernel.inputs as [RoutineKernel['inputs'][0], RoutineKernel['inputs'][0]];
  const perGroup = g.channels / g.groups;
  const rows = g.outChannels / g.groups;
  const rank = g.size.length;
  const channel = 2 + rank;
  const positions = spatialAt(2, channel + 1, g);
  const plane = sizeOf(g.size);
  const taps = sizeOf(g.kernel);
  return [
    sumKernel(kernel, {
      dims: [g.images, g.outChannels, ...g.outSize, perGroup, ...g.kernel],
      outer: 2 + rank,
      a: {
        buffer: x.buffer,
        index: plus(dot(positions, stridesOf(g.size)), x.offset, [
          term(0, g.channels * plane),
          term(1, perGroup * plane, rows),
          term(channel, plane),
        ]),
        conditions: positions.map((index, i) => ({ index, low: 0, high: g.size[i]! })),
      },
      b: {
        buffer: w.buffer,
        index: at(w.offset, [
          term(1, perGroup * taps),
          term(channel, taps),
          ...stridesOf(g.kernel).map((stride, i) => term(channel + 1 + i, stride)),
        ]),
      },
      out: at(
        0,
        stridesOf([g.images, g.outChannels, ...g.outSize]).map((stride, i) => term(i, stride)),
      ),
    }),
  ];
}

function kernelGradLoops(kernel: RoutineKernel): LoopKernel[] {
  const g = geometryOf(kernel);
  const [x, y] = kernel.inputs as [RoutineKernel['inputs'][0], RoutineKernel['inputs'][0]];
  const perGroup = g.channels / g.groups;
  const rows = g.outChannels / g.groups;
  const rank = g.size.length;
  const image = 2 + rank;
  const positions = spatialAt(image + 1, 2, g);
  const plane = sizeOf(g.size);
  const outPlane = sizeOf(g.outSize);
  return [
    sumKernel(kernel, {
      dims: [g.outChannels, perGroup, ...g.kernel, g.images, ...g.outSize],
      outer: 2 + rank,
      a: {
        buffer: x.buffer,
        index: plus(dot(positions, stridesOf(g.size)), x.offset, [
          term(image, g.channels * plane),
          term(0, perGroup * plane, rows),
          term(1, plane),
        ]),
        conditions: positions.map((index, i) => ({ index, low: 0, high: g.size[i]! })),
      },
      b: {
        buffer: y.buffer,
        index: at(y.offset, [
          term(image, g.outChannels * outPlane),
          term(0, outPlane),
          ...stridesOf(g.outSize).map((stride, i) => term(image + 1 + i, stride)),
        ]),
      },
      out: at(
        0,
        stridesOf([g.outChannels, perGroup, ...g.kernel]).map((stride, i) => term(i, stride)),
      ),
    }),
  ];
}

/** One kernel for each class of positions: see the float32 routine. */
function transposeLoops(kernel: RoutineKernel): LoopKernel[] {
  const g = geometryOf(kernel);
  const [y, w] = kernel.inputs as [RoutineKernel['inputs'][0], RoutineKernel['inputs'][0]];
  const perGroup = g.channels / g.groups;
  const rows = g.outChannels / g.groups;
  const rank = g.size.length;
  const depth = 2 + rank;
  const outPlane = sizeOf(g.outSize);
  const taps = sizeOf(g.kernel);
  const places = stridesOf(g.size);
  const plane = sizeOf(g.size);
  return combinations(g.size.map((_, axis) => classesOf(g, axis))).map((chosen) => {
    const positions = chosen.map((c, i) =>
      at(c.first, [term(2 + i, 1), term(depth + 1 + i, c.step)]),
    );
    const tap = chosen.map((c, i) =>
      at(c.taps[0] ?? 0, [term(depth + 1 + i, c.taps.length < 2 ? 0 : c.taps[1]! - c.taps[0]!)]),
    );
    const place = chosen.map((c, i) => at(c.remainder, [term(2 + i, g.stride[i]!)]));
    return sumKernel(kernel, {
      dims: [
        g.images,
        g.channels,
        ...chosen.map((c) => c.count),
        rows,
        ...chosen.map((c) => c.taps.length),
      ],
      outer: depth,
      a: {
        buffer: y.buffer,
        index: plus(dot(positions, stridesOf(g.outSize)), y.offset, [
          term(0, g.outChannels * outPlane),
          term(1, rows * outPlane, perGroup),
          term(depth, outPlane),
        ]),
        conditions: positions.map((index, i) => ({ index, low: 0, high: g.outSize[i]! })),
      },
      b: {
        buffer: w.buffer,
        index: plus(dot(tap, stridesOf(g.kernel)), w.offset, [
          term(1, rows * perGroup * taps, perGroup),
          term(1, taps, 1, g.groups === 1 ? 0 : perGroup),
          term(depth, perGroup * taps),
        ]),
      },
      out: plus(dot(place, places), 0, [term(0, g.channels * plane), term(1, plane)]),
    });
  });
}

/** The routine as loops; with an epilogue, into RESULT and then through the code. */
export function contractionLoops(kernel: RoutineKernel): LoopKernel[] {
  const loops = {
    matmul: matmulLoops,
    conv: convLoops,
    convTranspose: transposeLoops,
    convKernelGrad: kernelGradLoops,
  }[kernel.op]!(kernel);
  const { epilogue } = kernel;
  return epilogue === undefined ? loops : [...loops, epilogueLoop(kernel)];
}

/** The epilogue over a result that lies in RESULT. */
export function epilogueLoop(kernel: RoutineKernel): LoopKernel {
  const { shape, dtype } = kernel.results[0]!;
  const index = at(
    0,
    stridesOf(shape).map((stride, i) => term(i, stride)),
  );
  const code = kernel.epilogue!.map((instruction): Instruction =>
    instruction.op === 'result'
      ? { op: 'load', id: instruction.id, dtype, buffer: RESULT, index }
      : instruction,
  );
  return {
    kind: 'loop',
    name: kernel.name,
    paths: kernel.paths,
    dims: shape,
    outer: shape.length,
    stages: [{ inner: false, code }],
    cost: kernel.cost,
  };
}
