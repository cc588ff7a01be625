/**
 * What flows along the edges of a model while it is interpreted. A value is either known on the host, or
 * a lazy tensor whose numbers a backend will compute. Shapes, axes and strings live on the host.
 */
import { Tensor, type Variable, dtypeInfo, fromBits, isDType } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';
import type { OnnxDtype } from '../codec/dtypes.ts';
import type { TensorData, TensorOf } from '../codec/tensor.ts';
import { unsupported } from './error.ts';

/** A tensor whose elements are known: a constant, a shape, text. */
export type HostTensor = TensorData;

/** An initialiser that can be trained: read through its variable, or as the number it had in the file. */
export class ParameterValue {
  readonly name: string;
  readonly variable: Variable;
  readonly host: HostTensor;

  constructor(name: string, variable: Variable, host: HostTensor) {
    this.name = name;
    this.variable = variable;
    this.host = host;
  }
}

/**
 * A tensor of a type narrower than those of core (float8, int4, ...): one code a byte, as a uint8 tensor;
 * signed integers are held in int8.
 */
export interface CodedTensor {
  readonly kind: 'coded';
  readonly dtype: OnnxDtype;
  readonly codes: Tensor;
}

export interface Sequence {
  readonly kind: 'sequence';
  readonly items: readonly Value[];
}

export interface Optional {
  readonly kind: 'optional';
  readonly value?: Value;
}

/** A dictionary, as ai.onnx.ml's ZipMap and DictVectorizer know it. */
export interface Dictionary {
  readonly kind: 'map';
  readonly keys: readonly (bigint | string)[];
  readonly values: readonly HostTensor[];
}

export type Value =
  Tensor | HostTensor | ParameterValue | CodedTensor | Sequence | Optional | Dictionary;

export function isHost(value: Value | undefined): value is HostTensor {
  return (
    value !== undefined &&
    !(value instanceof Tensor) &&
    !(value instanceof ParameterValue) &&
    !('kind' in value)
  );
}

/** Whether the value is one tensor, in whatever form. */
export function isTensorValue(
  value: Value | undefined,
): value is Tensor | HostTensor | ParameterValue | CodedTensor {
  if (value === undefined) return false;
  return !('kind' in value) || value.kind === 'coded';
}

/** One uploaded tensor for each constant, however often it is used. */
const uploaded = new WeakMap<object, Tensor>();

/** The constants behind uploaded tensors. */
const sources = new WeakMap<object, HostTensor>();

/** The numbers of a tensor made by `toTensor`, wherever it lies by now. */
export function constantBehind(tensor: Tensor): HostTensor | undefined {
  return sources.get(tensor.node);
}

/** A host constant as a tensor; shares its memory. Types that core lacks are an error naming `op`. */
export function toTensor(op: string, host: HostTensor): Tensor {
  const known = uploaded.get(host);
  if (known?.node.isRealized(0) === true && known.node.storage[0]?.kind !== 'freed') return known;
  const { dtype, shape, data } = host;
  if (!isDType(dtype)) unsupported(op, `a tensor of ${dtype} cannot be computed with`);
  const tensor = fromBits(data as HostArray, shape, dtype);
  uploaded.set(host, tensor);
  sources.set(tensor.node, host);
  return tensor;
}

/** The host form of values that were read from a backend (raw bits for 16-bit floats). */
export function toHost(data: HostArray, shape: readonly number[], dtype: DType): HostTensor {
  return { dtype, shape: [...shape], data } as HostTensor;
}

export function shapeOf(value: Value): readonly number[] {
  if (value instanceof Tensor) return value.shape;
  if (value instanceof ParameterValue) return value.host.shape;
  if ('kind' in value) {
    return value.kind === 'coded' ? value.codes.shape : unsupported('Shape', `of a ${value.kind}`);
  }
  return value.shape;
}

export function dtypeOf(value: Value): OnnxDtype {
  if (value instanceof Tensor) return value.dtype;
  if (value instanceof ParameterValue) return value.host.dtype;
  if ('kind' in value && value.kind !== 'coded') {
    unsupported('type', `a ${value.kind} where a tensor is needed`);
  }
  return value.dtype;
}

export function int64(values: readonly (number | bigint)[], shape?: readonly number[]): HostTensor {
  return {
    dtype: 'int64',
    shape: shape ?? [values.length],
    data: BigInt64Array.from(values, (v) => BigInt(v)),
  };
}

export function float32(values: readonly number[], shape?: readonly number[]): HostTensor {
  return { dtype: 'float32', shape: shape ?? [values.length], data: Float32Array.from(values) };
}

export function strings(values: readonly string[], shape?: readonly number[]): TensorOf<'string'> {
  return { dtype: 'string', shape: shape ?? [values.length], data: [...values] };
}

/** Elements as JavaScript numbers or bigints (16-bit floats decoded by the caller). */
export function hostNumbers(host: HostTensor): readonly (number | bigint)[] {
  if (host.dtype === 'string') unsupported('type', 'text where numbers are needed');
  return Array.from(host.data as ArrayLike<number | bigint>);
}

export function allocateHost(dtype: DType, shape: readonly number[]): HostTensor {
  const size = shape.reduce((n, dim) => n * dim, 1);
  return { dtype, shape: [...shape], data: dtypeInfo(dtype).allocate(size) } as HostTensor;
}
