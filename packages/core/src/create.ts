/** Making tensors from host data. */
import { dtypeInfo, dtypeOfArray, dtypes, isDType } from './dtype.ts';
import type { DType, HostArray } from './dtype.ts';
import { fail } from './error.ts';
import { bfloat16Bits, float16Bits } from './float16.ts';
import { Node } from './node.ts';
import { scalarValue } from './primitives/constant.ts';
import { checkShape, formatShape, sizeOf } from './shape.ts';
import type { Shape } from './shape.ts';
import { Tensor } from './tensor.ts';

export type NestedList = number | bigint | boolean | readonly NestedList[];

export interface TensorOptions {
  /** Left out: the shape of nested lists; one axis for a typed array. */
  readonly shape?: Shape;
  /** Left out: a typed array's own type; float32 for numbers, int64 for bigints, bool for booleans. */
  readonly dtype?: DType;
}

/**
 * A tensor of the given numbers, which are copied. A typed array of another type than `dtype` is converted
 * number by number; a Uint16Array with dtype float16 or bfloat16 is taken as numbers as well (see
 * `fromBits` for raw bits). Throws when the count does not match the shape, a list is ragged, or an
 * integer does not fit its type.
 */
export function tensor(data: NestedList | HostArray, options: TensorOptions = {}): Tensor {
  if (options.dtype !== undefined && !isDType(options.dtype)) {
    fail('tensor', 'unknown dtype', String(options.dtype), dtypes.join(', '));
  }
  if (ArrayBuffer.isView(data)) {
    const dtype = options.dtype ?? dtypeOfArray(data);
    return fromHost(convert(data, dtype), options.shape ?? [data.length], dtype);
  }
  const shape: number[] = [];
  const flat: (number | bigint | boolean)[] = [];
  flatten(data, 0, shape, flat);
  const dtype = options.dtype ?? inferDType(flat);
  return fromHost(convert(flat, dtype), options.shape ?? shape, dtype);
}

/** A tensor over an array in storage form, without copying: the caller must not write to it afterwards. */
export function fromBits(data: HostArray, shape: Shape, dtype: DType): Tensor {
  const wanted = dtypeInfo(dtype).allocate(0);
  if (data.constructor !== wanted.constructor) {
    fail('fromBits', 'wrong array type', data.constructor.name, wanted.constructor.name);
  }
  return fromHost(data, shape, dtype);
}

/** 0-dimensional. */
export function scalar(value: number | bigint | boolean, dtype?: DType): Tensor {
  return tensor(value, dtype === undefined ? {} : { dtype });
}

/** Numbers from start to stop (exclusive) by step. Shape: [⌈(stop - start) / step⌉]. */
export function arange(start: number, stop?: number, step = 1, dtype: DType = 'float32'): Tensor {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  if (step === 0 || !Number.isFinite(from) || !Number.isFinite(to) || !Number.isFinite(step)) {
    fail('arange', 'needs finite bounds and a step other than 0', `${from}, ${to}, ${step}`);
  }
  const count = Math.max(0, Math.ceil((to - from) / step));
  return tensor(
    Float64Array.from({ length: count }, (_, k) => from + k * step),
    { dtype },
  );
}

/** `count` numbers evenly spaced from start to stop, both included. */
export function linspace(
  start: number,
  stop: number,
  count: number,
  dtype: DType = 'float32',
): Tensor {
  if (!Number.isInteger(count) || count < 0)
    fail('linspace', 'count is a non-negative integer', String(count));
  const gap = count > 1 ? (stop - start) / (count - 1) : 0;
  return tensor(
    Float64Array.from({ length: count }, (_, k) =>
      k === count - 1 && k > 0 ? stop : start + k * gap,
    ),
    { dtype },
  );
}

/** Ones on the diagonal. Shape: [n, m]. */
export function eye(n: number, m = n, dtype: DType = 'float32'): Tensor {
  checkShape('eye', [n, m]);
  const data = new Float64Array(n * m);
  for (let k = 0; k < Math.min(n, m); k++) data[k * m + k] = 1;
  return tensor(data, { shape: [n, m], dtype });
}

function fromHost(data: HostArray, shape: Shape, dtype: DType): Tensor {
  checkShape('tensor', shape);
  if (sizeOf(shape) !== data.length) {
    fail(
      'tensor',
      'data does not fill the shape',
      `${data.length} numbers`,
      `${sizeOf(shape)} for ${formatShape(shape)}`,
    );
  }
  const node = new Node(null, {}, [], [{ shape: [...shape], dtype }]);
  node.setHost(0, data);
  return new Tensor(node, 0);
}

function flatten(
  data: NestedList,
  depth: number,
  shape: number[],
  flat: (number | bigint | boolean)[],
): void {
  if (!Array.isArray(data)) {
    const kind = typeof data;
    if (kind !== 'number' && kind !== 'bigint' && kind !== 'boolean') {
      fail('tensor', 'holds something that is not a number', data === null ? 'null' : kind);
    }
    if (shape.length > depth && flat.length > 0) fail('tensor', 'lists are ragged');
    flat.push(data as number | bigint | boolean);
    return;
  }
  const list = data as readonly NestedList[];
  if (shape.length === depth) {
    if (flat.length > 0) fail('tensor', 'lists are ragged');
    shape.push(list.length);
  } else if (shape[depth] !== list.length) {
    fail('tensor', 'lists are ragged', `${list.length} beside ${shape[depth]} at depth ${depth}`);
  }
  for (const item of list) flatten(item, depth + 1, shape, flat);
}

function inferDType(flat: readonly (number | bigint | boolean)[]): DType {
  if (flat.length > 0 && flat.every((x) => typeof x === 'boolean')) return 'bool';
  if (flat.some((x) => typeof x === 'bigint')) return 'int64';
  return 'float32';
}

/** Numbers to storage form; integers that do not fit throw, floats round. */
export function convert(
  data: HostArray | readonly (number | bigint | boolean)[],
  dtype: DType,
): HostArray {
  const info = dtypeInfo(dtype);
  const out = info.allocate(data.length);
  if (ArrayBuffer.isView(data) && dtypeOfArray(data) === dtype) {
    if (out instanceof BigInt64Array || out instanceof BigUint64Array)
      out.set(data as BigInt64Array);
    else out.set(data as Float32Array);
    return out;
  }
  const encode =
    dtype === 'float16' ? float16Bits : dtype === 'bfloat16' ? bfloat16Bits : undefined;
  for (let k = 0; k < data.length; k++) {
    const value = data[k]!;
    if (encode !== undefined) out[k] = encode(Number(value));
    else out[k] = scalarValue('tensor', value, dtype);
  }
  return out;
}
