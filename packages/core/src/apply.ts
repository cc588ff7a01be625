/** How a call of an op becomes a node of the lazy graph. */
import { promote, isFloat, isInteger, toFloat } from './dtype.ts';
import type { DType } from './dtype.ts';
import { fail } from './error.ts';
import { Node } from './node.ts';
import type { Attrs, Aval, Op } from './op.ts';
import { formatShape } from './shape.ts';
import type { Shape } from './shape.ts';
import { Tensor } from './tensor.ts';

/** What functions accept beside tensors: plain numbers take the dtype of the tensor they meet. */
export type Scalar = number | bigint | boolean;
export type TensorLike = Tensor | Scalar;

/** Adds a node and returns its outputs. */
export function apply<A extends Attrs>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
  const avals = op.infer(inputs, attrs);
  const node = new Node(op as Op, attrs, inputs, avals);
  return avals.map((_, i) => new Tensor(node, i));
}

/** `apply` for ops with one output. */
export function apply1<A extends Attrs>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
  return apply(op, inputs, attrs)[0]!;
}

/** A tensor with no value, standing for an argument of a trace. */
export function placeholder(aval: Aval): Tensor {
  return new Tensor(new Node(null, {}, [], [{ shape: [...aval.shape], dtype: aval.dtype }]), 0);
}

export function describe(aval: Aval): string {
  return `${aval.dtype}${formatShape(aval.shape)}`;
}

/** Throws unless the input is a tensor: plain JavaScript callers reach this without the type checker. */
export function requireTensor(op: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor)) {
    fail(op, 'an argument is not a tensor', value === null ? 'null' : typeof value, 'a Tensor');
  }
}

/** The dtype a plain value takes beside a tensor of `dtype`. */
export function scalarDType(value: Scalar, dtype: DType): DType {
  if (typeof value === 'boolean') return dtype;
  if (typeof value === 'bigint') return dtype === 'bool' ? 'int64' : dtype;
  if (isFloat(dtype)) return dtype;
  if (Number.isInteger(value)) return dtype === 'bool' ? 'int32' : dtype;
  return 'float32';
}

/** The dtype that all operands meet in; plain values only weigh in where they cannot be represented. */
export function commonDType(operands: readonly TensorLike[]): DType {
  let dtype: DType | undefined;
  for (const x of operands) {
    if (x instanceof Tensor) dtype = dtype === undefined ? x.dtype : promote(dtype, x.dtype);
  }
  let result: DType = dtype ?? 'float32';
  for (const x of operands) {
    if (!(x instanceof Tensor)) result = promote(result, scalarDType(x, result));
  }
  return result;
}

/** Dtype check shared by infer functions. */
export function requireKind(
  op: string,
  aval: Aval,
  kind: 'float' | 'integer' | 'numeric' | 'bits' | 'bool',
): void {
  const ok =
    kind === 'float'
      ? isFloat(aval.dtype)
      : kind === 'integer'
        ? isInteger(aval.dtype)
        : kind === 'numeric'
          ? aval.dtype !== 'bool'
          : kind === 'bool'
            ? aval.dtype === 'bool'
            : !isFloat(aval.dtype);
  if (!ok) {
    const wanted = {
      float: 'a float type',
      integer: 'an integer type',
      numeric: 'numbers',
      bits: 'integers or bool',
      bool: 'bool',
    };
    fail(op, 'wrong dtype', describe(aval), wanted[kind]);
  }
}

export function requireSame(op: string, avals: readonly Aval[]): void {
  const first = avals[0]!;
  for (const aval of avals) {
    if (aval.dtype !== first.dtype || !sameDims(aval.shape, first.shape)) {
      fail(op, 'operands differ', avals.map(describe).join(' and '), 'equal shapes and dtypes');
    }
  }
}

function sameDims(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

export { toFloat };
