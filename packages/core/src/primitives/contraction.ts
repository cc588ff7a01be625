/** Matrix multiplication and the three faces of convolution, each closed under differentiation. */
import { apply1, describe, requireTensor } from '../apply.ts';
import { commonDType } from '../apply.ts';
import { fail } from '../error.ts';
import { primitive, withOp } from '../op.ts';
import type { Aval, Op } from '../op.ts';
import { broadcastShapes, formatShape, sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { cast } from './elementwise.ts';
import { reshape, sumToShape } from './movement.ts';
import { onnxConvKernelGrad, onnxConvTranspose, onnxMatmul } from './onnx.ts';

type MatmulAttrs = { readonly transposeA: boolean; readonly transposeB: boolean };

const matmulOp: Op<MatmulAttrs> = primitive<MatmulAttrs>('matmul', {
  infer: ([a, b], { transposeA, transposeB }) => {
    const [ra, rb] = [a!.shape.length, b!.shape.length];
    if (ra < 2 || rb < 2)
      fail('matmul', 'operands need two axes or more', `${describe(a!)} and ${describe(b!)}`);
    if (a!.dtype !== b!.dtype || a!.dtype === 'bool') {
      fail('matmul', 'dtypes differ or are bool', `${describe(a!)} and ${describe(b!)}`);
    }
    const m = a!.shape[transposeA ? ra - 1 : ra - 2]!;
    const k = a!.shape[transposeA ? ra - 2 : ra - 1]!;
    const k2 = b!.shape[transposeB ? rb - 1 : rb - 2]!;
    const n = b!.shape[transposeB ? rb - 2 : rb - 1]!;
    if (k !== k2) {
      fail(
        'matmul',
        `inner sizes differ: ${k} and ${k2}`,
        `${describe(a!)}${transposeA ? 'ᵀ' : ''} times ${describe(b!)}${transposeB ? 'ᵀ' : ''}`,
      );
    }
    const batch = broadcastShapes('matmul', a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    return [{ shape: [...batch, m, n], dtype: a!.dtype }];
  },
  vjp: ({ grads: [g], inputs: [a, b], attrs: { transposeA, transposeB }, needs }) => {
    const da = () => (transposeA ? raw(b!, g!, transposeB, true) : raw(g!, b!, false, !transposeB));
    const db = () => {
      // With one shared matrix b the sum over the batch is one long contraction.
      if (b!.rank === 2 && a!.rank > 2 && !transposeA) {
        const [rows, columns] = [flatRows(a!), flatRows(g!)];
        return transposeB ? raw(columns, rows, true, false) : raw(rows, columns, true, false);
      }
      return transposeB ? raw(g!, a!, true, transposeA) : raw(a!, g!, !transposeA, false);
    };
    return [
      needs[0] ? sumToShape(da(), a!.shape) : null,
      needs[1] ? sumToShape(db(), b!.shape) : null,
    ];
  },
  onnx: onnxMatmul,
  samples: [
    {
      in: [
        [3, 4],
        [4, 5],
      ],
      attrs: { transposeA: false, transposeB: false },
    },
    {
      in: [
        [4, 3],
        [5, 4],
      ],
      attrs: { transposeA: true, transposeB: true },
    },
    {
      in: [
        [2, 3, 4],
        [4, 5],
      ],
      attrs: { transposeA: false, transposeB: false },
    },
    {
      in: [
        [2, 3, 4],
        [5, 4],
      ],
      attrs: { transposeA: false, transposeB: true },
    },
    {
      in: [
        [3, 1, 2, 4],
        [2, 4, 3],
      ],
      attrs: { transposeA: false, transposeB: false },
    },
    {
      in: [
        [2, 4, 3],
        [2, 4, 5],
      ],
      attrs: { transposeA: true, transposeB: false },
    },
    {
      in: [
        [3, 0],
        [0, 2],
      ],
      attrs: { transposeA: false, transposeB: false },
      grad: false,
    },
    {
      in: [
        [1, 1],
        [1, 7],
      ],
      attrs: { transposeA: false, transposeB: false },
    },
    {
      in: [
        { shape: [2, 3], dtype: 'int32', range: [-5, 5] },
        { shape: [3, 2], dtype: 'int32', range: [-5, 5] },
      ],
      attrs: { transposeA: false, transposeB: false },
      grad: false,
    },
  ],
});
const raw = (a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor =>
  apply1(matmulOp, [a, b], { transposeA, transposeB });
const flatRows = (x: Tensor): Tensor =>
  reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape[x.rank - 1]!]);

export interface MatmulOptions {
  /** Use the transpose of the last two axes. */
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}
/**
 * Matrix product over the last two axes, leading axes broadcast (NumPy's `matmul`). A vector on the left
 * is a row, on the right a column, and that axis is dropped from the result.
 * Shape: [..., m, k] x [..., k, n] -> [..., m, n].
 */
export const matmul = withOp(
  matmulOp,
  (
    a: Tensor,
    b: Tensor,
    { transposeA = false, transposeB = false }: MatmulOptions = {},
  ): Tensor => {
    requireTensor('matmul', a);
    requireTensor('matmul', b);
    if (a.rank === 0 || b.rank === 0)
      fail('matmul', 'an operand is a scalar: use mul', `${describe(a)} and ${describe(b)}`);
    const dtype = commonDType([a, b]);
    const left = cast(a.rank === 1 ? reshape(a, [1, a.size]) : a, dtype);
    const right = cast(b.rank === 1 ? reshape(b, [b.size, 1]) : b, dtype);
    const y = raw(left, right, transposeA && a.rank > 1, transposeB && b.rank > 1);
    if (a.rank > 1 && b.rank > 1) return y;
    const shape = [...y.shape];
    if (b.rank === 1) shape.pop();
    if (a.rank === 1) shape.splice(b.rank === 1 ? shape.length - 1 : shape.length - 2, 1);
    return reshape(y, shape);
  },
);

// --- convolution ---

export type ConvAttrs = {
  readonly stride: readonly number[];
  /** Zeros added before and after each spatial axis. */
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
  readonly groups: number;
};
type SizedConvAttrs = ConvAttrs & { readonly size: readonly number[] };

/** Output size of one axis. */
export function convSize(
  op: string,
  size: number,
  kernel: number,
  stride: number,
  [low, high]: readonly [number, number],
  dilation: number,
): number {
  const span = (kernel - 1) * dilation + 1;
  const room = size + low + high - span;
  if (room < 0)
    fail(op, `the kernel does not fit: it spans ${span}, the padded input ${size + low + high}`);
  return Math.floor(room / stride) + 1;
}

function convOutput(op: string, x: Aval, w: Aval, attrs: ConvAttrs): number[] {
  const spatial = x.shape.length - 2;
  const where = `input ${formatShape(x.shape)}, weight ${formatShape(w.shape)}`;
  if (spatial < 1 || w.shape.length !== x.shape.length) {
    fail(op, `input and weight are [N, C, ...spatial] and [O, C/groups, ...kernel] (${where})`);
  }
  if (x.dtype !== w.dtype || x.dtype === 'bool')
    fail(op, 'dtypes differ or are bool', `${describe(x)} and ${describe(w)}`);
  const { stride, padding, dilation, groups } = attrs;
  if ([stride, padding, dilation].some((list) => list.length !== spatial)) {
    fail(op, `stride, padding and dilation need ${spatial} entries`);
  }
  if (!Number.isInteger(groups) || groups < 1)
    fail(op, 'groups is a positive integer', String(groups));
  if (padding.flat().some((n) => !Number.isInteger(n) || n < 0)) {
    fail(op, 'padding needs non-negative integers', `[${padding.map(String).join('], [')}]`);
  }
  if (w.shape.slice(2).includes(0)) fail(op, `the kernel is empty (${where})`);
  if ([...stride, ...dilation].some((n) => !Number.isInteger(n) || n < 1)) {
    fail(
      op,
      'stride and dilation are positive integers',
      `stride [${stride.join(',')}], dilation [${dilation.join(',')}]`,
    );
  }
  const channels = x.shape[1]!;
  if (channels !== w.shape[1]! * groups || channels % groups !== 0) {
    fail(
      op,
      `input has ${channels} channels, weight wants ${w.shape[1]! * groups} (${where}${groups > 1 ? `, groups ${groups}` : ''})`,
    );
  }
  if (w.shape[0]! % groups !== 0)
    fail(op, `${w.shape[0]} output channels do not divide into ${groups} groups`);
  return stride.map((s, i) =>
    convSize(op, x.shape[2 + i]!, w.shape[2 + i]!, s, padding[i]!, dilation[i]!),
  );
}

const conv1: ConvAttrs = { stride: [1], padding: [[1, 0]], dilation: [1], groups: 1 };
const conv2: ConvAttrs = {
  stride: [2, 1],
  padding: [
    [1, 1],
    [0, 2],
  ],
  dilation: [1, 2],
  groups: 2,
};

const convOp: Op<ConvAttrs> = primitive<ConvAttrs>('conv', {
  infer: ([x, w], attrs) => [
    { shape: [x!.shape[0]!, w!.shape[0]!, ...convOutput('conv', x!, w!, attrs)], dtype: x!.dtype },
  ],
  vjp: ({ grads: [g], inputs: [x, w], attrs, needs }) => [
    needs[0] ? convTranspose(g!, w!, { ...attrs, size: x!.shape.slice(2) }) : null,
    needs[1] ? convKernelGrad(x!, g!, { ...attrs, size: w!.shape.slice(2) }) : null,
  ],
  onnx: {
    op: 'Conv',
    since: 11,
    attrs: ({ stride, padding, dilation, groups }) => {
      const pads = padding as ConvAttrs['padding'];
      return {
        strides: stride as number[],
        pads: [...pads.map((p) => p[0]), ...pads.map((p) => p[1])],
        dilations: dilation as number[],
        group: groups as number,
      };
    },
  },
  samples: [
    {
      in: [
        [2, 3, 5],
        [4, 3, 2],
      ],
      attrs: conv1,
    },
    {
      in: [
        [2, 4, 5, 6],
        [6, 2, 3, 2],
      ],
      attrs: conv2,
    },
    {
      in: [
        [1, 2, 3, 4, 3],
        [2, 2, 2, 2, 2],
      ],
      attrs: {
        stride: [1, 1, 1],
        padding: [
          [0, 0],
          [0, 1],
          [1, 0],
        ],
        dilation: [1, 1, 1],
        groups: 1,
      },
    },
    {
      in: [
        [1, 3, 4, 4],
        [3, 1, 3, 3],
      ],
      attrs: {
        stride: [1, 1],
        padding: [
          [1, 1],
          [1, 1],
        ],
        dilation: [1, 1],
        groups: 3,
      },
    },
  ],
});
/**
 * Convolution as deep learning has it (cross-correlation) with any number of spatial axes.
 * Shape: x [N, C, ...D], weight [O, C/groups, ...K] -> [N, O, ...E],
 * E = ⌊(D + padding - dilation·(K - 1) - 1) / stride⌋ + 1.
 */
export const conv = withOp(convOp, (x: Tensor, weight: Tensor, attrs: ConvAttrs): Tensor => {
  const dtype = commonDType([x, weight]);
  return apply1(convOp, [cast(x, dtype), cast(weight, dtype)], pick(attrs));
});

const convTransposeOp: Op<SizedConvAttrs> = primitive<SizedConvAttrs>('convTranspose', {
  infer: ([g, w], attrs) => {
    const x: Aval = {
      shape: [g!.shape[0]!, w!.shape[1]! * attrs.groups, ...attrs.size],
      dtype: g!.dtype,
    };
    const out = convOutput('convTranspose', x, w!, attrs);
    if (g!.shape[1] !== w!.shape[0] || out.some((dim, i) => dim !== g!.shape[2 + i])) {
      fail(
        'convTranspose',
        'shapes do not fit',
        formatShape(g!.shape),
        formatShape([x.shape[0]!, w!.shape[0]!, ...out]),
      );
    }
    return [x];
  },
  vjp: ({ grads: [d], inputs: [g, w], attrs, needs }) => [
    needs[0] ? conv(d!, w!, attrs) : null,
    needs[1] ? convKernelGrad(d!, g!, { ...attrs, size: w!.shape.slice(2) }) : null,
  ],
  onnx: onnxConvTranspose,
  samples: [
    {
      in: [
        [2, 4, 5],
        [4, 3, 2],
      ],
      attrs: { ...conv1, size: [5] },
    },
    {
      in: [
        [2, 6, 3, 6],
        [6, 2, 3, 2],
      ],
      attrs: { ...conv2, size: [5, 6] },
    },
    {
      in: [
        [2, 6, 3, 6],
        [6, 2, 3, 2],
      ],
      attrs: { ...conv2, size: [6, 6] },
    },
  ],
});
/**
 * The transpose of `conv` in its input, that is its input gradient and the "transposed convolution" of
 * generators. `size` is the spatial size of the result, which the stride leaves open.
 * Shape: g [N, O, ...E], weight [O, C/groups, ...K] -> [N, C, ...size].
 */
export const convTranspose = withOp(
  convTransposeOp,
  (g: Tensor, weight: Tensor, attrs: SizedConvAttrs): Tensor => {
    const dtype = commonDType([g, weight]);
    return apply1(convTransposeOp, [cast(g, dtype), cast(weight, dtype)], {
      ...pick(attrs),
      size: [...attrs.size],
    });
  },
);

const convKernelGradOp: Op<SizedConvAttrs> = primitive<SizedConvAttrs>('convKernelGrad', {
  infer: ([x, g], attrs) => {
    const w: Aval = {
      shape: [g!.shape[1]!, x!.shape[1]! / attrs.groups, ...attrs.size],
      dtype: x!.dtype,
    };
    const out = convOutput('convKernelGrad', x!, w, attrs);
    if (g!.shape[0] !== x!.shape[0] || out.some((dim, i) => dim !== g!.shape[2 + i])) {
      fail(
        'convKernelGrad',
        'shapes do not fit',
        formatShape(g!.shape),
        formatShape([x!.shape[0]!, w.shape[0]!, ...out]),
      );
    }
    return [w];
  },
  vjp: ({ grads: [d], inputs: [x, g], attrs, needs }) => [
    needs[0] ? convTranspose(g!, d!, { ...attrs, size: x!.shape.slice(2) }) : null,
    needs[1] ? conv(x!, d!, attrs) : null,
  ],
  onnx: onnxConvKernelGrad,
  samples: [
    {
      in: [
        [2, 3, 5],
        [2, 4, 5],
      ],
      attrs: { ...conv1, size: [2] },
    },
    {
      in: [
        [2, 4, 5, 6],
        [2, 6, 3, 6],
      ],
      attrs: { ...conv2, size: [3, 2] },
    },
  ],
});
/** The gradient of `conv` to its weight. Shape: x [N, C, ...D], g [N, O, ...E] -> [O, C/groups, ...size]. */
export const convKernelGrad = withOp(
  convKernelGradOp,
  (x: Tensor, g: Tensor, attrs: SizedConvAttrs): Tensor =>
    apply1(convKernelGradOp, [x, g], { ...pick(attrs), size: [...attrs.size] }),
);

/** Only the known attributes: a caller's object may carry more. */
function pick({ stride, padding, dilation, groups }: ConvAttrs): ConvAttrs {
  return {
    stride: [...stride],
    padding: padding.map(([low, high]) => [low, high] as const),
    dilation: [...dilation],
    groups,
  };
}

export const contractionOps = [matmulOp, convOp, convTransposeOp, convKernelGradOp] as Op[];
