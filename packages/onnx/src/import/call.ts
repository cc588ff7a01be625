/** One node as its operator's builder sees it: inputs in the form it asks for, attributes, opset. */
import { Tensor, cast, fromBits, isDType } from '@hebb/core';
import type { DType, Variable } from '@hebb/core';
import { dtypeName } from '../codec/dtypes.ts';
import type { OnnxDtype } from '../codec/dtypes.ts';
import type { Attributes } from './attributes.ts';
import { invalid, unsupported } from './error.ts';
import { NeedsValue } from './need.ts';
import type { Steps } from './need.ts';
import type { Program, ProgramNode } from './program.ts';
import { ParameterValue, dtypeOf, isHost, shapeOf, toTensor } from './value.ts';
import type { HostTensor, Optional, Sequence, Value } from './value.ts';

/** What the interpreter lends to a call. */
export interface CallScope {
  /** Numbers of a lazy tensor that have been found. */
  known(tensor: Tensor): HostTensor | undefined;
  /** Steps of a loop that may be written out in one graph. */
  readonly maxUnrolled: number;
  /** Most elements that a value may have. */
  readonly maxElements: number;
  /** The model is being trained. */
  readonly training: boolean;
  /** A value of the graph around the node. */
  named(name: string): Value | undefined;
  /** Runs a subgraph of this node with these inputs, seeing the values around it. */
  subgraph(program: Program, inputs: readonly Value[]): Steps<readonly Value[]>;
}

const wrapped = new WeakMap<HostTensor, Map<number, HostTensor>>();

export class Call {
  readonly op: string;
  readonly opset: number;
  readonly attr: Attributes;
  readonly node: ProgramNode;
  readonly #inputs: readonly (Value | undefined)[];
  readonly #scope: CallScope;
  readonly #memo = new Map<string, unknown>();

  constructor(node: ProgramNode, inputs: readonly (Value | undefined)[], scope: CallScope) {
    this.op = node.op;
    // Domains without a version in the model are read as their newest.
    this.opset = node.opset === 0 ? Infinity : node.opset;
    this.attr = node.attributes;
    this.node = node;
    this.#inputs = inputs;
    this.#scope = scope;
  }

  /** Checks a number of elements before a table of that size is made on the host. */
  sized(count: number): number {
    if (!(count >= 0 && count <= this.#scope.maxElements)) {
      invalid(this.op, `it makes ${count} elements: too many`);
    }
    return count;
  }

  /** The same node with other inputs, for operators that are another one on values derived from theirs. */
  withInputs(inputs: readonly (Value | undefined)[]): Call {
    return new Call(this.node, inputs, this.#scope);
  }

  /** A value made once although the builder may run again: what is asked for must stay the same tensor. */
  memo<T>(key: string, make: () => T): T {
    if (!this.#memo.has(key)) this.#memo.set(key, make());
    return this.#memo.get(key) as T;
  }

  /** Index positions as a tensor. */
  constant(data: Int32Array): Tensor {
    return fromBits(data, [data.length], 'int32');
  }

  /** Indices into an axis of `size` that a constant gave, uploaded once for each size. */
  memoTensor(source: HostTensor, size: number, data: Int32Array): Tensor {
    let bySize = wrapped.get(source);
    if (bySize === undefined) wrapped.set(source, (bySize = new Map()));
    let host = bySize.get(size);
    if (host === undefined)
      bySize.set(size, (host = { dtype: 'int32', shape: source.shape, data }));
    return toTensor(this.op, host);
  }

  /** Number of inputs, those left out in between included. */
  get count(): number {
    return this.#inputs.length;
  }

  /** Number of outputs that somebody asked for: trailing ones may be left out. */
  get outputs(): number {
    return this.node.outputs.length;
  }

  /** Whether output `i` has a name. */
  wants(i: number): boolean {
    return (this.node.outputs[i] ?? '') !== '';
  }

  has(i: number): boolean {
    return this.#inputs[i] !== undefined;
  }

  /** The value as it is; throws when it was left out. */
  value(i: number): Value {
    return this.#inputs[i] ?? invalid(this.op, `input ${i} is missing`);
  }

  values(): readonly (Value | undefined)[] {
    return this.#inputs;
  }

  /** As a tensor to compute with. */
  tensor(i: number): Tensor {
    return this.asTensor(this.value(i));
  }

  maybe(i: number): Tensor | undefined {
    return this.has(i) ? this.tensor(i) : undefined;
  }

  /** All inputs from `from` on as tensors. */
  tensors(from = 0): Tensor[] {
    return this.#inputs.slice(from).map((_, k) => this.tensor(from + k));
  }

  asTensor(value: Value): Tensor {
    if (value instanceof Tensor) return value;
    if (value instanceof ParameterValue) return value.variable.value;
    if ('kind' in value) {
      const what = value.kind === 'coded' ? `a tensor of ${value.dtype}` : `a ${value.kind}`;
      return unsupported(this.op, `${what} is not accepted here`);
    }
    return toTensor(this.op, value);
  }

  shape(i: number): readonly number[] {
    return shapeOf(this.value(i));
  }

  dtype(i: number): OnnxDtype {
    return dtypeOf(this.value(i));
  }

  /** The numbers of an input: known, or asked for. */
  host(i: number): HostTensor {
    return this.asHost(this.value(i));
  }

  maybeHost(i: number): HostTensor | undefined {
    return this.has(i) ? this.host(i) : undefined;
  }

  asHost(value: Value): HostTensor {
    if (isHost(value)) return value;
    if (value instanceof ParameterValue) return value.host;
    if (value instanceof Tensor) {
      const known = this.#scope.known(value);
      if (known === undefined) throw new NeedsValue(value);
      return known;
    }
    return invalid(this.op, `a ${value.kind} where numbers are needed`);
  }

  /** An integer input as plain numbers. */
  ints(i: number): number[] {
    const host = this.host(i);
    if (host.dtype === 'string' || !isDType(host.dtype)) {
      invalid(this.op, `input ${i} is ${host.dtype}, not integers`);
    }
    return Array.from(host.data as ArrayLike<number | bigint>, (value) => {
      const number = Number(value);
      // Ends of slices are often the extremes of int64.
      return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, number));
    });
  }

  maybeInts(i: number): number[] | undefined {
    return this.has(i) ? this.ints(i) : undefined;
  }

  /** The one element of an input. */
  number(i: number): number {
    const host = this.host(i);
    const data = host.data as ArrayLike<number | bigint>;
    if (data.length !== 1 || host.dtype === 'string') {
      invalid(this.op, `input ${i} has ${data.length} elements, not one`);
    }
    return Number(data[0]);
  }

  /** A list that later opsets pass as input `i` and earlier ones as an attribute. */
  listFrom(i: number, attribute: string): number[] | undefined {
    return this.has(i) ? this.ints(i) : this.attr.ints(attribute);
  }

  text(i: number): readonly string[] {
    const host = this.host(i);
    if (host.dtype !== 'string') invalid(this.op, `input ${i} is ${host.dtype}, not text`);
    return host.data;
  }

  sequence(i: number): Sequence {
    const value = this.value(i);
    if ('kind' in value && value.kind === 'sequence') return value;
    return invalid(this.op, `input ${i} is no sequence`);
  }

  optional(i: number): Optional | undefined {
    const value = this.value(i);
    return 'kind' in value && value.kind === 'optional' ? value : undefined;
  }

  /** The element type that an attribute names by number. */
  dtypeAttribute(name: string, fallback?: OnnxDtype): OnnxDtype {
    if (!this.attr.has(name) && fallback !== undefined) return fallback;
    return dtypeName(this.attr.int(name), `${this.op}: attribute ${name}`);
  }

  /** An element type that tensors can be computed in. */
  coreDType(dtype: OnnxDtype): DType {
    return isDType(dtype) ? dtype : unsupported(this.op, `element type ${dtype}`);
  }

  /** Index results are int32 in core and int64 in ONNX. */
  index(x: Tensor): Tensor {
    return cast(x, 'int64');
  }

  graph(name: string): Program {
    return this.node.graphs.get(name) ?? invalid(this.op, `attribute ${name} is missing`);
  }

  subgraph(program: Program, inputs: readonly Value[]): Steps<readonly Value[]> {
    return this.#scope.subgraph(program, inputs);
  }

  /** Whether the model is being trained: layers that behave differently then do so. */
  get training(): boolean {
    return this.#scope.training;
  }

  /** The variable behind an input that is a parameter or a running statistic of the model. */
  variable(i: number): Variable | undefined {
    const value = this.#inputs[i];
    return value instanceof ParameterValue ? value.variable : undefined;
  }

  get maxUnrolled(): number {
    return this.#scope.maxUnrolled;
  }

  /** A value of the graph by its name, for operators that refer to one. */
  named(name: string): Value {
    return this.#scope.named(name) ?? invalid(this.op, `there is no value ${name}`);
  }

  unsupported(message: string): never {
    return unsupported(this.op, message);
  }

  invalid(message: string): never {
    return invalid(this.op, message);
  }
}

/** For control flow: the numbers of a value, asking for them where they are not known. */
export function* numbersOf(call: Call, value: Value): Steps<HostTensor> {
  try {
    return call.asHost(value);
  } catch (error) {
    if (!(error instanceof NeedsValue)) throw error;
    return yield { tensor: error.tensor };
  }
}
