/**
 * Elementwise primitives. Operands of a node have equal shapes and dtypes: the functions here insert the
 * casts and broadcasts, so that gradients and backends never deal with either.
 */
import { apply1, commonDType, requireKind, requireSame, requireTensor } from '../apply.ts';
import type { Scalar, TensorLike } from '../apply.ts';
import { dtypeInfo, isFloat, toFloat } from '../dtype.ts';
import type { DType } from '../dtype.ts';
import { fail } from '../error.ts';
import { primitive, withOp } from '../op.ts';
import type { OnnxMapping, Op, OpFunction, Sample } from '../op.ts';
import { broadcastShapes } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { full, fullLike, zerosLike } from './constant.ts';
import { broadcastTo } from './movement.ts';
import {
  onnxAtan2,
  onnxBits,
  onnxCast,
  onnxExpm1,
  onnxLog1p,
  onnxShift,
  onnxTrunc,
} from './onnx.ts';

type Kind = 'float' | 'numeric' | 'bits';
type None = Record<string, never>;

interface UnarySpec {
  readonly kind: Kind;
  readonly onnx?: OnnxMapping;
  readonly samples?: readonly Sample[];
  /** Gradient; left out where it is zero almost everywhere. */
  readonly d?: (g: Tensor, x: Tensor, y: Tensor) => Tensor;
}

const anywhere: readonly Sample[] = [
  { in: [[3]] },
  { in: [[2, 3, 5]] },
  { in: [[]] },
  { in: [[0, 4]] },
];
const within = (low: number, high: number, grad = true): readonly Sample[] => [
  { in: [{ shape: [7], range: [low, high] }], grad },
  { in: [{ shape: [2, 3, 5], range: [low, high] }], grad },
  { in: [{ shape: [0], range: [low, high] }], grad },
];

export const unaryOps: Op[] = [];
export const binaryOps: Op[] = [];

export type UnaryFunction = OpFunction<(x: Tensor) => Tensor>;

function unary(name: string, spec: UnarySpec): UnaryFunction {
  const { d } = spec;
  const op = primitive<None>(name, {
    infer: ([x]) => {
      requireKind(name, x!, spec.kind);
      return [{ shape: x!.shape, dtype: x!.dtype }];
    },
    ...(d === undefined
      ? { vjp: () => [null] }
      : { vjp: ({ grads, inputs, outputs }) => [d(grads[0]!, inputs[0]!, outputs[0]!)] }),
    ...(spec.onnx === undefined ? {} : { onnx: spec.onnx }),
    samples: spec.samples ?? anywhere,
  });
  unaryOps.push(op as Op);
  return withOp(op, (x: Tensor) => {
    requireTensor(name, x);
    const dtype = spec.kind === 'float' ? toFloat(x.dtype) : x.dtype;
    return apply1(op, [cast(x, dtype)], {});
  });
}

const two = (at: number | readonly number[]): readonly Sample[] => {
  const range = typeof at === 'number' ? ([-at, at] as const) : ([at[0]!, at[1]!] as const);
  return [
    {
      in: [
        { shape: [5], range },
        { shape: [5], range },
      ],
    },
    {
      in: [
        { shape: [2, 3], range },
        { shape: [2, 3], range },
      ],
    },
    {
      in: [
        { shape: [0, 2], range },
        { shape: [0, 2], range },
      ],
    },
  ];
};
const integers: readonly Sample[] = [
  {
    in: [
      { shape: [6], dtype: 'int32', range: [0, 9] },
      { shape: [6], dtype: 'int32', range: [1, 9] },
    ],
    grad: false,
  },
];
const booleans: readonly Sample[] = [
  {
    in: [
      { shape: [4], dtype: 'bool', values: [0, 1, 0, 1] },
      { shape: [4], dtype: 'bool', values: [0, 0, 1, 1] },
    ],
    grad: false,
  },
];

interface BinarySpec {
  readonly kind: Kind | 'integer' | 'any';
  readonly result?: DType;
  readonly onnx?: OnnxMapping;
  readonly samples: readonly Sample[];
  readonly d?: (
    g: Tensor,
    a: Tensor,
    b: Tensor,
    y: Tensor,
    needs: readonly boolean[],
  ) => (Tensor | null)[];
}

/** A function of two operands, at least one of them a tensor. */
export type BinaryFunction = OpFunction<(a: TensorLike, b: TensorLike) => Tensor>;

function binary(name: string, spec: BinarySpec): BinaryFunction {
  const { d } = spec;
  const op = primitive<None>(name, {
    infer: (inputs) => {
      requireSame(name, inputs);
      const [a] = inputs;
      if (spec.kind !== 'any') requireKind(name, a!, spec.kind);
      return [{ shape: a!.shape, dtype: spec.result ?? a!.dtype }];
    },
    ...(d === undefined
      ? { vjp: () => [null, null] }
      : {
          vjp: ({ grads, inputs, outputs, needs }) =>
            d(grads[0]!, inputs[0]!, inputs[1]!, outputs[0]!, needs),
        }),
    ...(spec.onnx === undefined ? {} : { onnx: spec.onnx }),
    samples: spec.samples,
  });
  binaryOps.push(op as Op);
  return withOp(op, (a: TensorLike, b: TensorLike) => {
    const [x, y] = operands(name, [a, b], spec.kind === 'float');
    return apply1(op, [x!, y!], {});
  });
}

/** Casts and broadcasts operands to their common dtype and shape. */
export function operands(name: string, list: readonly TensorLike[], float = false): Tensor[] {
  let dtype = commonDType(list);
  if (float) dtype = toFloat(dtype);
  const tensors = list.filter((x) => x instanceof Tensor);
  if (tensors.length === 0) fail(name, 'no operand is a tensor', list.map(String).join(', '));
  const shape = broadcastShapes(name, ...tensors.map((x) => x.shape));
  return list.map((x) =>
    x instanceof Tensor ? broadcastTo(cast(x, dtype), shape, name) : full(shape, x, dtype),
  );
}

// --- conversion ---

const castOp: Op<{ dtype: DType }> = primitive<{ dtype: DType }>('cast', {
  infer: ([x], { dtype }) => [{ shape: x!.shape, dtype }],
  vjp: ({ grads, inputs, attrs }) => [
    isFloat(inputs[0]!.dtype) && isFloat(attrs.dtype) ? cast(grads[0]!, inputs[0]!.dtype) : null,
  ],
  onnx: onnxCast,
  samples: [
    { in: [[4]], attrs: { dtype: 'float32' } },
    { in: [{ shape: [5], range: [-3, 3] }], attrs: { dtype: 'int32' }, grad: false },
    {
      in: [{ shape: [5], dtype: 'int32', range: [-300, 300] }],
      attrs: { dtype: 'int8' },
      grad: false,
    },
    { in: [{ shape: [5], dtype: 'int32', range: [-2, 2] }], attrs: { dtype: 'bool' }, grad: false },
    {
      in: [{ shape: [5], dtype: 'int32', range: [-2, 2] }],
      attrs: { dtype: 'float32' },
      grad: false,
    },
  ],
});
/**
 * The values as another type. Float to integer truncates towards zero and wraps to the width; to bool it
 * asks whether the value is not zero; to a narrower float it rounds half to even. Shape: any -> same.
 */
export const cast = withOp(castOp, (x: Tensor, dtype: DType): Tensor => {
  requireTensor('cast', x);
  return x.dtype === dtype ? x : apply1(castOp, [x], { dtype });
});

const bitcastOp: Op<{ dtype: DType }> = primitive<{ dtype: DType }>('bitcast', {
  infer: ([x], { dtype }) => {
    if (
      dtypeInfo(x!.dtype).bytes !== dtypeInfo(dtype).bytes ||
      x!.dtype === 'bool' ||
      dtype === 'bool'
    ) {
      fail('bitcast', 'types differ in width', `${x!.dtype} to ${dtype}`);
    }
    return [{ shape: x!.shape, dtype }];
  },
  vjp: () => [null],
  onnx: {
    op: 'BitCast',
    since: 26,
    emit: (onnx, { dtype }) =>
      onnx.node('BitCast', onnx.inputs, { to: onnx.dtype(dtype as DType) }),
  },
  samples: [{ in: [{ shape: [4], dtype: 'float32' }], attrs: { dtype: 'int32' }, grad: false }],
});
/** The same bits read as another type of the same width. Shape: any -> same. */
export const bitcast = withOp(bitcastOp, (x: Tensor, dtype: DType): Tensor =>
  x.dtype === dtype ? x : apply1(bitcastOp, [x], { dtype }),
);

const aliasOp: Op<None> = primitive<None>('alias', {
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp: ({ grads }) => [grads[0]!],
  onnx: { op: 'Identity', since: 1 },
  samples: [{ in: [[3]] }],
});
/** The same value as a node of its own: gradients with respect to it do not reach other uses of `x`. */
export const alias = withOp(aliasOp, (x: Tensor): Tensor => apply1(aliasOp, [x], {}));

const stopGradientOp: Op<None> = primitive<None>('stopGradient', {
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp: () => [null],
  onnx: { op: 'Identity', since: 1 },
  samples: [{ in: [[3]], grad: false }],
});
/** The same value, constant to differentiation (PyTorch's `detach`). */
export const stopGradient = withOp(stopGradientOp, (x: Tensor): Tensor =>
  apply1(stopGradientOp, [x], {}),
);

// --- one operand ---

export const neg: UnaryFunction = unary('neg', {
  kind: 'numeric',
  onnx: { op: 'Neg', since: 6 },
  d: (g) => neg(g),
});
export const abs: UnaryFunction = unary('abs', {
  kind: 'numeric',
  onnx: { op: 'Abs', since: 6 },
  d: (g, x) => mul(g, sign(x)),
});
/** -1, 0 or 1; NaN stays NaN. */
export const sign: UnaryFunction = unary('sign', {
  kind: 'numeric',
  onnx: { op: 'Sign', since: 9 },
});
export const floor: UnaryFunction = unary('floor', {
  kind: 'float',
  onnx: { op: 'Floor', since: 6 },
});
export const ceil: UnaryFunction = unary('ceil', { kind: 'float', onnx: { op: 'Ceil', since: 6 } });
/** To the nearest integer, halves to even. */
export const round: UnaryFunction = unary('round', {
  kind: 'float',
  onnx: { op: 'Round', since: 11 },
});
export const trunc: UnaryFunction = unary('trunc', { kind: 'float', onnx: onnxTrunc });
export const sqrt: UnaryFunction = unary('sqrt', {
  kind: 'float',
  onnx: { op: 'Sqrt', since: 6 },
  samples: within(0.2, 4),
  d: (g, _x, y) => div(g, mul(y, 2)),
});
export const exp: UnaryFunction = unary('exp', {
  kind: 'float',
  onnx: { op: 'Exp', since: 6 },
  d: (g, _x, y) => mul(g, y),
});
/** exp(x) - 1, exact near 0. */
export const expm1: UnaryFunction = unary('expm1', {
  kind: 'float',
  onnx: onnxExpm1,
  d: (g, _x, y) => mul(g, add(y, 1)),
});
export const log: UnaryFunction = unary('log', {
  kind: 'float',
  onnx: { op: 'Log', since: 6 },
  samples: within(0.2, 4),
  d: (g, x) => div(g, x),
});
/** log(1 + x), exact near 0. */
export const log1p: UnaryFunction = unary('log1p', {
  kind: 'float',
  onnx: onnxLog1p,
  samples: within(-0.8, 4),
  d: (g, x) => div(g, add(x, 1)),
});
export const sin: UnaryFunction = unary('sin', {
  kind: 'float',
  onnx: { op: 'Sin', since: 7 },
  d: (g, x) => mul(g, cos(x)),
});
export const cos: UnaryFunction = unary('cos', {
  kind: 'float',
  onnx: { op: 'Cos', since: 7 },
  d: (g, x) => neg(mul(g, sin(x))),
});
export const tanh: UnaryFunction = unary('tanh', {
  kind: 'float',
  onnx: { op: 'Tanh', since: 6 },
  d: (g, _x, y) => mul(g, sub(1, mul(y, y))),
});
/** 2/√π ∫₀ˣ exp(-t²) dt. */
export const erf: UnaryFunction = unary('erf', {
  kind: 'float',
  onnx: { op: 'Erf', since: 9 },
  d: (g, x) => mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
});
/** Complement of each bit; of bool its negation. */
export const not: UnaryFunction = unary('not', {
  kind: 'bits',
  onnx: onnxBits('Not'),
  samples: [
    { in: [{ shape: [2], dtype: 'bool', values: [0, 1] }], grad: false },
    { in: [{ shape: [3], dtype: 'int32', range: [-9, 9] }], grad: false },
  ],
});

// --- two operands ---

export const add: BinaryFunction = binary('add', {
  kind: 'numeric',
  onnx: { op: 'Add', since: 7 },
  samples: [...two(2), ...integers],
  d: (g) => [g, g],
});
export const sub: BinaryFunction = binary('sub', {
  kind: 'numeric',
  onnx: { op: 'Sub', since: 7 },
  samples: [...two(2), ...integers],
  d: (g, _a, _b, _y, needs) => [g, needs[1] ? neg(g) : null],
});
export const mul: BinaryFunction = binary('mul', {
  kind: 'numeric',
  onnx: { op: 'Mul', since: 7 },
  samples: [...two(2), ...integers],
  d: (g, a, b, _y, needs) => [needs[0] ? mul(g, b) : null, needs[1] ? mul(g, a) : null],
});
const divOp: BinaryFunction = binary('div', {
  kind: 'numeric',
  onnx: { op: 'Div', since: 7 },
  samples: [...two([0.5, 2]), ...integers],
  d: (g, _a, b, y, needs) => [
    needs[0] ? divOp(g, b) : null,
    needs[1] ? neg(divOp(mul(g, y), b)) : null,
  ],
});
/** Quotient of real numbers: integers are divided as floats. See `divTrunc` for integer division. */
export const div: BinaryFunction = withOp(divOp.op, (a: TensorLike, b: TensorLike) => {
  const [x, y] = operands('div', [a, b], true);
  return divOp(x!, y!);
});
/** Quotient rounded towards zero; integers stay integers. Division of an integer by 0 throws or gives 0, by backend. */
export function divTrunc(a: TensorLike, b: TensorLike): Tensor {
  const y = divOp(a, b);
  return isFloat(y.dtype) ? trunc(y) : y;
}
/** a to the power b. Gradients at 0 follow PyTorch: 0 to the exponent where a = 0, 0 to the base where b = 0. */
export const pow: BinaryFunction = binary('pow', {
  kind: 'numeric',
  onnx: { op: 'Pow', since: 13 },
  samples: [...two([0.5, 2]), ...integers],
  d: (g, a, b, y, needs) => [
    needs[0] ? where(eq(b, 0), zerosLike(a), mul(g, mul(b, pow(a, sub(b, 1))))) : null,
    needs[1] ? mul(g, where(and(eq(a, 0), le(0, b)), zerosLike(a), mul(y, log(a)))) : null,
  ],
});
/** Remainder with the sign of the dividend, as C's `fmod` and ONNX `Mod` with fmod = 1. */
export const fmod: BinaryFunction = binary('fmod', {
  kind: 'numeric',
  onnx: { op: 'Mod', since: 13, attrs: () => ({ fmod: 1 }) },
  samples: [
    {
      in: [
        { shape: [4], values: [5.3, -5.3, 2.2, -0.7] },
        { shape: [4], values: [2, 2, -1.5, 3] },
      ],
    },
    ...integers,
  ],
  d: (g, a, b, _y, needs) => [g, needs[1] ? neg(mul(g, trunc(div(a, b)))) : null],
});
/** Angle of the point (b, a) in (-π, π]. */
export const atan2: BinaryFunction = binary('atan2', {
  kind: 'float',
  onnx: onnxAtan2,
  samples: two([0.3, 2]),
  d: (g, a, b) => {
    const r = div(g, add(mul(a, a), mul(b, b)));
    return [mul(r, b), neg(mul(r, a))];
  },
});
const half = (g: Tensor, wins: Tensor, tie: Tensor): Tensor =>
  where(tie, mul(g, 0.5), where(wins, g, zerosLike(g)));
/** The larger; NaN if either is. The gradient of a tie is shared equally, as in PyTorch. */
export const maximum: BinaryFunction = binary('maximum', {
  kind: 'numeric',
  onnx: { op: 'Max', since: 13 },
  samples: [...two(2), ...integers],
  d: (g, a, b) => [half(g, lt(b, a), eq(a, b)), half(g, lt(a, b), eq(a, b))],
});
/** The smaller; NaN if either is. The gradient of a tie is shared equally, as in PyTorch. */
export const minimum: BinaryFunction = binary('minimum', {
  kind: 'numeric',
  onnx: { op: 'Min', since: 13 },
  samples: [...two(2), ...integers],
  d: (g, a, b) => [half(g, lt(a, b), eq(a, b)), half(g, lt(b, a), eq(a, b))],
});

const noGrad = (samples: readonly Sample[]): readonly Sample[] =>
  samples.map((sample) => ({ ...sample, grad: false }));
export const eq: BinaryFunction = binary('eq', {
  kind: 'any',
  result: 'bool',
  onnx: { op: 'Equal', since: 13 },
  samples: [...noGrad(two(2)), ...integers, ...booleans],
});
export const lt: BinaryFunction = binary('lt', {
  kind: 'any',
  result: 'bool',
  onnx: { op: 'Less', since: 13 },
  samples: [...noGrad(two(2)), ...integers],
});
export const le: BinaryFunction = binary('le', {
  kind: 'any',
  result: 'bool',
  onnx: { op: 'LessOrEqual', since: 12 },
  samples: [...noGrad(two(2)), ...integers],
});
export const ne = (a: TensorLike, b: TensorLike): Tensor => not(eq(a, b));
export const gt = (a: TensorLike, b: TensorLike): Tensor => lt(b, a);
export const ge = (a: TensorLike, b: TensorLike): Tensor => le(b, a);
/** Bitwise and of integers, logical and of bool. */
export const and: BinaryFunction = binary('and', {
  kind: 'bits',
  onnx: onnxBits('And'),
  samples: [...integers, ...booleans],
});
export const or: BinaryFunction = binary('or', {
  kind: 'bits',
  onnx: onnxBits('Or'),
  samples: [...integers, ...booleans],
});
export const xor: BinaryFunction = binary('xor', {
  kind: 'bits',
  onnx: onnxBits('Xor'),
  samples: [...integers, ...booleans],
});
/** a · 2^b within the width. Shifts by the width or more give 0. */
export const shiftLeft: BinaryFunction = binary('shiftLeft', {
  kind: 'integer',
  onnx: onnxShift('LEFT'),
  samples: integers,
});
/**
 * a shifted right by b bits: arithmetic for signed types, logical for unsigned ones. Shifts by the width
 * or more leave the sign: -1 for negative numbers, else 0.
 */
export const shiftRight: BinaryFunction = binary('shiftRight', {
  kind: 'integer',
  onnx: onnxShift('RIGHT'),
  samples: integers,
});

// --- choice ---

const whereOp: Op<None> = primitive<None>('where', {
  infer: ([c, a, b]) => {
    requireKind('where', c!, 'bool');
    requireSame('where', [a!, b!]);
    requireSame('where', [c!, { shape: a!.shape, dtype: 'bool' }]);
    return [{ shape: a!.shape, dtype: a!.dtype }];
  },
  vjp: ({ grads: [g], inputs: [c], needs }) => [
    null,
    needs[1] ? where(c!, g!, zerosLike(g!)) : null,
    needs[2] ? where(c!, zerosLike(g!), g!) : null,
  ],
  onnx: { op: 'Where', since: 9 },
  samples: [
    { in: [{ shape: [4], dtype: 'bool', values: [1, 0, 0, 1] }, [4], [4]] },
    { in: [{ shape: [0, 2], dtype: 'bool', values: [] }, [0, 2], [0, 2]] },
  ],
});
/** a where the condition holds, else b; all three broadcast. */
export const where = withOp(whereOp, (condition: Tensor, a: TensorLike, b: TensorLike): Tensor => {
  requireTensor('where', condition);
  const dtype = a instanceof Tensor || b instanceof Tensor ? commonDType([a, b]) : 'float32';
  const shapes = [condition, a, b].filter((x) => x instanceof Tensor).map((x) => x.shape);
  const shape = broadcastShapes('where', ...shapes);
  const spread = (x: TensorLike): Tensor =>
    x instanceof Tensor ? broadcastTo(cast(x, dtype), shape, 'where') : full(shape, x, dtype);
  const test = condition.dtype === 'bool' ? condition : ne(condition, 0);
  return apply1(whereOp, [broadcastTo(test, shape, 'where'), spread(a), spread(b)], {});
});

export const choiceOps: readonly Op[] = [
  castOp,
  bitcastOp,
  aliasOp,
  stopGradientOp,
  whereOp,
] as Op[];
export { fullLike };
export type { Scalar };
