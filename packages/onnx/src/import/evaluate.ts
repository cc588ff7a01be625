/**
 * Small lazy graphs over known numbers, worked out on the host. Chains of Shape, Gather, Concat, Mul and
 * the like compute shapes and axes; they are built from the same primitives as everything else, so this
 * evaluates the primitives that occur in them and gives up on any other. int64 stays exact.
 */
import { dtypeInfo, isFloat, lower, sizeOf, stridesOf, traceGraph } from '@hebb/core';
import type { Attrs, Aval, DType, GraphNode, HostArray, Shape, Tensor } from '@hebb/core';
import { constantBehind, toHost } from './value.ts';
import type { HostTensor } from './value.ts';

type Data = ArrayLike<number | bigint> & { [index: number]: number | bigint };

interface Known extends Aval {
  readonly data: Data;
}

/** The numbers of the tensor, or `undefined` where they depend on something unknown or large. */
export function evaluateOnHost(tensor: Tensor, limit: number): HostTensor | undefined {
  if (tensor.size > limit) return undefined;
  const behind = leafData(tensor);
  if (behind !== undefined) return toHost(behind as HostArray, tensor.shape, tensor.dtype);
  if (tensor.node.op === null) return undefined;
  const { graph, captures } = traceGraph([tensor], []);
  const lowered = lower(graph);
  if (lowered.values.some((aval) => sizeOf(aval.shape) > limit)) return undefined;
  const values: (Known | undefined)[] = [];
  for (let i = 0; i < captures.length; i++) {
    const capture = captures[i]!;
    const data = leafData(capture);
    if (data === undefined || capture.dtype === 'float16' || capture.dtype === 'bfloat16') {
      return undefined;
    }
    values[lowered.inputs[i]!] = { shape: capture.shape, dtype: capture.dtype, data };
  }
  for (const node of lowered.nodes) {
    const evaluate = Object.hasOwn(evaluators, node.op.name) ? evaluators[node.op.name] : undefined;
    const out = lowered.values[node.outputs[0]!]!;
    const half = out.dtype === 'float16' || out.dtype === 'bfloat16';
    if (evaluate === undefined || node.outputs.length !== 1 || half) return undefined;
    const data = evaluate({
      inputs: node.inputs.map((id) => values[id]!),
      out,
      attrs: node.attrs,
      node,
    });
    if (data === undefined) return undefined;
    values[node.outputs[0]!] = { ...out, data };
  }
  const result = values[lowered.outputs[0]!]!;
  return toHost(result.data as HostArray, result.shape, result.dtype);
}

function leafData(tensor: Tensor): Data | undefined {
  const constant = constantBehind(tensor);
  if (constant !== undefined && constant.dtype !== 'string') return constant.data as Data;
  const storage = tensor.node.storage[tensor.output];
  return storage?.kind === 'host' ? (storage.data as Data) : undefined;
}

interface Step {
  readonly inputs: readonly Known[];
  readonly out: Aval;
  readonly attrs: Attrs;
  readonly node: GraphNode;
}

type Evaluator = (step: Step) => Data | undefined;

const allocate = (aval: Aval): Data => dtypeInfo(aval.dtype).allocate(sizeOf(aval.shape)) as Data;

type Num = number | bigint;

function unary(fn: (x: number) => number, big?: (x: bigint) => bigint): Evaluator {
  return ({ inputs: [x], out }) => {
    const y = allocate(out);
    for (let i = 0; i < y.length; i++) {
      const value = x!.data[i]!;
      if (typeof value === 'number') y[i] = fn(value);
      else if (big === undefined) return undefined;
      else y[i] = big(value);
    }
    return y;
  };
}

/** Wraps at the width of the type by being stored; products of 32-bit integers need exact low bits. */
function binary(
  fn: (a: number, b: number, dtype: DType) => number | boolean,
  big: (a: bigint, b: bigint) => bigint | boolean,
): Evaluator {
  return ({ inputs: [a, b], out }) => {
    const y = allocate(out);
    for (let i = 0; i < y.length; i++) {
      const [p, q] = [a!.data[i]!, b!.data[i]!];
      const value =
        typeof p === 'number' && typeof q === 'number'
          ? fn(p, q, a!.dtype)
          : big(BigInt(p), BigInt(q));
      y[i] = typeof value === 'boolean' ? Number(value) : value;
    }
    return y;
  };
}

/** Reads element `source(place)` for each place of the output. */
function moved(out: Aval, from: Known, source: (at: readonly number[]) => number): Data {
  const y = allocate(out);
  const at = out.shape.map(() => 0);
  for (let i = 0; i < y.length; i++) {
    const place = source(at);
    if (place >= 0) y[i] = from.data[place]!;
    for (let axis = at.length - 1; axis >= 0; axis--) {
      at[axis]! += 1;
      if (at[axis]! < out.shape[axis]!) break;
      at[axis] = 0;
    }
  }
  return y;
}

const dot = (at: readonly number[], strides: readonly number[]): number => {
  let sum = 0;
  for (let i = 0; i < strides.length; i++) sum += at[i]! * strides[i]!;
  return sum;
};

function reduction(
  fn: (total: Num, x: Num) => Num,
  start: (dtype: DType) => Num | undefined,
): Evaluator {
  return ({ inputs: [x], out, attrs }) => {
    const axes = attrs.axes as readonly number[];
    const y = allocate(out);
    const first = start(x!.dtype);
    const started = new Uint8Array(y.length);
    if (first !== undefined) for (let i = 0; i < y.length; i++) y[i] = first;
    const kept = x!.shape.map((_, i) => i).filter((i) => !axes.includes(i));
    const outStrides = stridesOf(out.shape);
    const at = x!.shape.map(() => 0);
    for (let i = 0; i < x!.data.length; i++) {
      let place = 0;
      kept.forEach((axis, k) => (place += at[axis]! * outStrides[k]!));
      const value = x!.data[i]!;
      y[place] = first === undefined && started[place] === 0 ? value : fn(y[place]!, value);
      started[place] = 1;
      for (let axis = at.length - 1; axis >= 0; axis--) {
        at[axis]! += 1;
        if (at[axis]! < x!.shape[axis]!) break;
        at[axis] = 0;
      }
    }
    return y;
  };
}

const one = (dtype: DType): Num => (dtypeInfo(dtype).big ? 1n : 1);
const zero = (dtype: DType): Num => (dtypeInfo(dtype).big ? 0n : 0);
const isWord = (dtype: DType): boolean => dtype === 'int32' || dtype === 'uint32';

const evaluators: Readonly<Record<string, Evaluator>> = {
  full: ({ out, attrs }) => {
    const y = allocate(out);
    for (let i = 0; i < y.length; i++) y[i] = attrs.value as Num;
    return y;
  },
  iota: ({ out }) => {
    const y = allocate(out);
    const { big } = dtypeInfo(out.dtype);
    for (let i = 0; i < y.length; i++) y[i] = big ? BigInt(i) : i;
    return y;
  },
  cast: ({ inputs: [x], out }) => {
    const y = allocate(out);
    const { big, kind } = dtypeInfo(out.dtype);
    for (let i = 0; i < y.length; i++) {
      let value = x!.data[i]!;
      if (kind === 'bool') value = Number(value) !== 0 ? 1 : 0;
      else if (kind !== 'float' && typeof value === 'number') {
        if (!Number.isFinite(value)) return undefined;
        value = Math.trunc(value);
      }
      if (big) y[i] = BigInt(value);
      else if (typeof value === 'bigint')
        y[i] = Number(kind === 'float' ? value : BigInt.asIntN(32, value));
      else y[i] = value;
    }
    return y;
  },
  neg: unary(
    (x) => -x,
    (x) => -x,
  ),
  abs: unary(Math.abs, (x) => (x < 0n ? -x : x)),
  sign: unary(Math.sign, (x) => (x < 0n ? -1n : x > 0n ? 1n : 0n)),
  floor: unary(Math.floor),
  ceil: unary(Math.ceil),
  trunc: unary(Math.trunc),
  sqrt: unary(Math.sqrt),
  not: ({ inputs: [x], out }) => {
    if (out.dtype !== 'bool') return undefined;
    const y = allocate(out);
    for (let i = 0; i < y.length; i++) y[i] = x!.data[i] === 0 ? 1 : 0;
    return y;
  },
  add: binary(
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  sub: binary(
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  mul: binary(
    (a, b, dtype) => (isWord(dtype) ? Math.imul(a, b) : a * b),
    (a, b) => a * b,
  ),
  div: (step) =>
    !isFloat(step.out.dtype) && Array.from(step.inputs[1]!.data).some((x) => Number(x) === 0)
      ? undefined
      : binary(
          (a, b, dtype) => (isFloat(dtype) ? a / b : Math.trunc(a / b)),
          (a, b) => a / b,
        )(step),
  fmod: (step) =>
    Array.from(step.inputs[1]!.data).some((x) => Number(x) === 0)
      ? undefined
      : binary(
          (a, b) => a % b,
          (a, b) => a % b,
        )(step),
  maximum: binary(
    (a, b) => Math.max(a, b),
    (a, b) => (a > b ? a : b),
  ),
  minimum: binary(
    (a, b) => Math.min(a, b),
    (a, b) => (a < b ? a : b),
  ),
  eq: binary(
    (a, b) => a === b,
    (a, b) => a === b,
  ),
  lt: binary(
    (a, b) => a < b,
    (a, b) => a < b,
  ),
  le: binary(
    (a, b) => a <= b,
    (a, b) => a <= b,
  ),
  and: binary(
    (a, b) => a & b,
    (a, b) => a & b,
  ),
  or: binary(
    (a, b) => a | b,
    (a, b) => a | b,
  ),
  xor: binary(
    (a, b) => a ^ b,
    (a, b) => a ^ b,
  ),
  where: ({ inputs: [c, a, b], out }) => {
    const y = allocate(out);
    for (let i = 0; i < y.length; i++) y[i] = (c!.data[i] === 0 ? b! : a!).data[i]!;
    return y;
  },
  reshape: ({ inputs: [x] }) => x!.data,
  permute: ({ inputs: [x], out, attrs }) => {
    const strides = stridesOf(x!.shape);
    const axes = attrs.axes as readonly number[];
    const by = axes.map((axis) => strides[axis]!);
    return moved(out, x!, (at) => dot(at, by));
  },
  expand: ({ inputs: [x], out }) => {
    const strides = stridesOf(x!.shape);
    const lead = out.shape.length - x!.shape.length;
    const by = out.shape.map((_, i) =>
      i < lead || x!.shape[i - lead] === 1 ? 0 : strides[i - lead]!,
    );
    return moved(out, x!, (at) => dot(at, by));
  },
  slice: ({ inputs: [x], out, attrs }) => {
    const strides = stridesOf(x!.shape);
    const starts = dot(attrs.starts as Shape, strides);
    const steps = attrs.steps as Shape;
    const by = strides.map((stride, i) => stride * steps[i]!);
    return moved(out, x!, (at) => starts + dot(at, by));
  },
  flip: ({ inputs: [x], out, attrs }) => {
    const strides = stridesOf(x!.shape);
    const axes = attrs.axes as Shape;
    const start = axes.reduce((sum, axis) => sum + (x!.shape[axis]! - 1) * strides[axis]!, 0);
    const by = strides.map((stride, i) => (axes.includes(i) ? -stride : stride));
    return moved(out, x!, (at) => start + dot(at, by));
  },
  concat: ({ inputs, out, attrs }) => {
    const y = allocate(out);
    const axis = attrs.axis as number;
    const inner = sizeOf(out.shape.slice(axis + 1));
    const outer = sizeOf(out.shape.slice(0, axis));
    let place = 0;
    for (let o = 0; o < outer; o++) {
      for (const x of inputs) {
        const run = x.shape[axis]! * inner;
        for (let i = 0; i < run; i++) y[place++] = x.data[o * run + i]!;
      }
    }
    return y;
  },
  gather: ({ inputs: [x, index], out, attrs }) => {
    const axis = attrs.axis as number;
    const inner = sizeOf(x!.shape.slice(axis + 1));
    const outer = sizeOf(x!.shape.slice(0, axis));
    const size = x!.shape[axis]!;
    const y = allocate(out);
    let place = 0;
    for (let o = 0; o < outer; o++) {
      for (let k = 0; k < index!.data.length; k++) {
        const at = Number(index!.data[k]);
        if (at < 0 || at >= size) return undefined;
        for (let i = 0; i < inner; i++) y[place++] = x!.data[(o * size + at) * inner + i]!;
      }
    }
    return y;
  },
  sum: reduction((a, b) => (typeof a === 'bigint' ? a + BigInt(b) : a + Number(b)), zero),
  prod: reduction((a, b) => (typeof a === 'bigint' ? a * BigInt(b) : a * Number(b)), one),
  max: reduction(
    (a, b) => (b > a || b !== b ? b : a),
    () => undefined,
  ),
  min: reduction(
    (a, b) => (b < a || b !== b ? b : a),
    () => undefined,
  ),
};
