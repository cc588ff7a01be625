/** The tensor: an immutable value of known shape and dtype whose numbers are computed when they are read. */
import type { Scalar, TensorLike } from './apply.ts';
import { realize, read, readSync } from './context.ts';
import { toFloat } from './dtype.ts';
import type { DType, HostArray } from './dtype.ts';
import { fail } from './error.ts';
import { bfloat16Value, float16Value } from './float16.ts';
import { index } from './indexing.ts';
import type { IndexSpec } from './indexing.ts';
import type { Node } from './node.ts';
import * as c from './primitives/contraction.ts';
import * as e from './primitives/elementwise.ts';
import * as i from './primitives/indexing.ts';
import * as m from './primitives/movement.ts';
import * as r from './primitives/reduce.ts';
import { formatShape, normalizeAxis, sizeOf } from './shape.ts';
import type { Shape } from './shape.ts';

/** Nested lists as `toArray` gives them. */
export type NestedArray = number | bigint | boolean | NestedArray[];

export class Tensor {
  /** @internal */
  readonly node: Node;
  /** @internal Which output of the node this is. */
  readonly output: number;

  /** @internal Tensors are made by functions: `tensor`, `zeros`, operations. */
  constructor(node: Node, output: number) {
    this.node = node;
    this.output = output;
  }

  get shape(): Shape {
    return this.node.avals[this.output]!.shape;
  }
  get dtype(): DType {
    return this.node.avals[this.output]!.dtype;
  }
  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }
  /** @internal Another output of the same node. */
  sibling(output: number): Tensor {
    return output === this.output ? this : new Tensor(this.node, output);
  }

  // --- numbers ---

  /**
   * The values, row-major: computes them if need be. float16 and bfloat16 come as Float32Array, 64-bit
   * integers as BigInt arrays, bool as 0 and 1 in a Uint8Array. The array is the caller's own.
   */
  async data(): Promise<HostArray> {
    return decode(await read(this), this.dtype);
  }
  /** `data` without waiting, where the backend can (`capabilities.sync`). */
  dataSync(): HostArray {
    return decode(readSync(this), this.dtype);
  }
  /** @internal Values as stored: raw bits for the 16-bit floats. */
  async bits(): Promise<HostArray> {
    return read(this);
  }
  /** The single element as a number (64-bit integers beyond 2^53 lose digits; see `data`). */
  async item(): Promise<number> {
    if (this.size !== 1) fail('item', 'needs exactly one element', formatShape(this.shape));
    return Number((await this.data())[0]);
  }
  /** Nested lists; bool as true and false. */
  async toArray(): Promise<NestedArray> {
    return nest(await this.data(), this.shape, this.dtype === 'bool');
  }
  /** Computes the value now, so that later uses share it. Returns the tensor. */
  async realize(): Promise<this> {
    await realize(this);
    return this;
  }
  /** Frees the value's buffer. Using the tensor afterwards is an error. */
  dispose(): void {
    if (this.node.isRealized(this.output)) this.node.release(this.output, 'it was disposed');
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
  toString(): string {
    return `Tensor ${this.dtype}${formatShape(this.shape)}`;
  }

  // --- arithmetic, with broadcasting and promotion ---

  add(other: TensorLike): Tensor {
    return e.add(this, other);
  }
  sub(other: TensorLike): Tensor {
    return e.sub(this, other);
  }
  mul(other: TensorLike): Tensor {
    return e.mul(this, other);
  }
  div(other: TensorLike): Tensor {
    return e.div(this, other);
  }
  pow(exponent: TensorLike): Tensor {
    return e.pow(this, exponent);
  }
  maximum(other: TensorLike): Tensor {
    return e.maximum(this, other);
  }
  minimum(other: TensorLike): Tensor {
    return e.minimum(this, other);
  }
  neg(): Tensor {
    return e.neg(this);
  }
  abs(): Tensor {
    return e.abs(this);
  }
  sign(): Tensor {
    return e.sign(this);
  }
  floor(): Tensor {
    return e.floor(this);
  }
  ceil(): Tensor {
    return e.ceil(this);
  }
  round(): Tensor {
    return e.round(this);
  }
  sqrt(): Tensor {
    return e.sqrt(this);
  }
  exp(): Tensor {
    return e.exp(this);
  }
  log(): Tensor {
    return e.log(this);
  }
  sin(): Tensor {
    return e.sin(this);
  }
  cos(): Tensor {
    return e.cos(this);
  }
  tanh(): Tensor {
    return e.tanh(this);
  }
  square(): Tensor {
    return e.mul(this, this);
  }

  // --- comparison and logic ---

  eq(other: TensorLike): Tensor {
    return e.eq(this, other);
  }
  ne(other: TensorLike): Tensor {
    return e.ne(this, other);
  }
  lt(other: TensorLike): Tensor {
    return e.lt(this, other);
  }
  le(other: TensorLike): Tensor {
    return e.le(this, other);
  }
  gt(other: TensorLike): Tensor {
    return e.gt(this, other);
  }
  ge(other: TensorLike): Tensor {
    return e.ge(this, other);
  }
  and(other: TensorLike): Tensor {
    return e.and(this, other);
  }
  or(other: TensorLike): Tensor {
    return e.or(this, other);
  }
  xor(other: TensorLike): Tensor {
    return e.xor(this, other);
  }
  not(): Tensor {
    return e.not(this);
  }
  /** This where the condition holds, else `other`. */
  where(condition: Tensor, other: TensorLike): Tensor {
    return e.where(condition, this, other);
  }

  // --- type ---

  /** The values as another dtype; see `cast`. */
  to(dtype: DType): Tensor {
    return e.cast(this, dtype);
  }
  /** The same value, constant to differentiation. */
  detach(): Tensor {
    return e.stopGradient(this);
  }

  // --- reductions: no axes means all ---

  sum(axes?: r.Axes, keepdim = false): Tensor {
    return r.sum(this, axes, keepdim);
  }
  prod(axes?: r.Axes, keepdim = false): Tensor {
    return r.prod(this, axes, keepdim);
  }
  max(axes?: r.Axes, keepdim = false): Tensor {
    return r.max(this, axes, keepdim);
  }
  min(axes?: r.Axes, keepdim = false): Tensor {
    return r.min(this, axes, keepdim);
  }
  /** Arithmetic mean; integers are averaged as floats. */
  mean(axes?: r.Axes, keepdim = false): Tensor {
    // Integers are averaged as floats from the start: a sum of their own type could wrap.
    const total = r.sum(e.cast(this, toFloat(this.dtype)), axes, keepdim);
    return e.div(total, total.size === 0 ? 1 : this.size / total.size);
  }
  argmax(axis?: number, keepdim = false): Tensor {
    return r.argmax(this, axis, keepdim);
  }
  argmin(axis?: number, keepdim = false): Tensor {
    return r.argmin(this, axis, keepdim);
  }
  cumsum(axis: number): Tensor {
    return r.cumsum(this, axis);
  }
  sort(axis = -1, options: { descending?: boolean } = {}): [Tensor, Tensor] {
    return r.sort(this, axis, options);
  }

  // --- shape ---

  reshape(shape: Shape): Tensor {
    return m.reshape(this, shape);
  }
  /** Axes `start` to `end` (inclusive) made one. */
  flatten(start = 0, end = -1): Tensor {
    if (this.rank === 0) return m.reshape(this, [1]);
    const from = normalizeAxis('flatten', start, this.rank);
    const to = normalizeAxis('flatten', end, this.rank);
    if (from > to) fail('flatten', 'start lies after end', `${start}, ${end}`);
    const middle = sizeOf(this.shape.slice(from, to + 1));
    return m.reshape(this, [...this.shape.slice(0, from), middle, ...this.shape.slice(to + 1)]);
  }
  squeeze(axes?: number | readonly number[]): Tensor {
    return m.squeeze(this, axes);
  }
  unsqueeze(axis: number): Tensor {
    return m.unsqueeze(this, axis);
  }
  permute(axes: readonly number[]): Tensor {
    return m.permute(this, axes);
  }
  /** Two axes exchanged; the last two by default. */
  transpose(a = -2, b = -1): Tensor {
    const from = normalizeAxis('transpose', a, this.rank);
    const to = normalizeAxis('transpose', b, this.rank);
    const axes = this.shape.map((_, k) => (k === from ? to : k === to ? from : k));
    return m.permute(this, axes);
  }
  expand(shape: Shape): Tensor {
    return m.expand(this, shape);
  }
  narrow(axis: number, start: number, length: number): Tensor {
    return m.narrow(this, axis, start, length);
  }
  flip(axes?: number | readonly number[]): Tensor {
    return m.flip(this, axes);
  }
  pad(widths: m.PadWidths, value: Scalar = 0): Tensor {
    return m.pad(this, widths, value);
  }
  /**
   * NumPy-style indexing: a number drops its axis, `[start, stop, step]` slices (entries may be null),
   * `null` adds an axis, `'...'` stands for the axes in between, an integer tensor picks (several pick
   * together). A bool tensor gives a result whose shape depends on data: see `maskedSelect` in `@hebb/ops`.
   */
  index(...specs: readonly IndexSpec[]): Tensor {
    return index(this, specs);
  }
  gather(at: Tensor, axis = 0): Tensor {
    return i.gather(this, at, axis);
  }
  gatherElements(at: Tensor, axis: number): Tensor {
    return i.gatherElements(this, at, axis);
  }

  // --- linear algebra ---

  matmul(other: Tensor, options: c.MatmulOptions = {}): Tensor {
    return c.matmul(this, other, options);
  }
}

/** Storage form to numbers a person can use. */
export function decode(data: HostArray, dtype: DType): HostArray {
  if (dtype === 'float16') return Float32Array.from(data as Uint16Array, float16Value);
  if (dtype === 'bfloat16') return Float32Array.from(data as Uint16Array, bfloat16Value);
  return data;
}

function nest(data: HostArray, shape: Shape, bool: boolean): NestedArray {
  let at = 0;
  const build = (axis: number): NestedArray => {
    if (axis === shape.length) {
      const value = data[at++]!;
      return bool ? value !== 0 : value;
    }
    return Array.from({ length: shape[axis]! }, () => build(axis + 1));
  };
  return build(0);
}
