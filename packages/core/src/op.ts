/** Op records: everything known about an operation stands in one of these. */
import type { DType } from './dtype.ts';
import type { Graph } from './graph.ts';
import type { Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** Shape and dtype of a value that need not exist yet ("abstract value"). */
export interface Aval {
  readonly shape: Shape;
  readonly dtype: DType;
}

export type AttrValue =
  number | bigint | string | boolean | null | undefined | Graph | readonly AttrValue[];

/** Static settings of one node. Structural: two nodes with equal attributes and inputs compute the same. */
export type Attrs = { readonly [name: string]: AttrValue };

/** An input of a sample: a shape (float, standard normal), or more exactly what to draw. */
export type SampleInput =
  | Shape
  | {
      readonly shape: Shape;
      /** Left out: the float type under test. */
      readonly dtype?: DType;
      /** Draw uniformly from here, keeping away from kinks. Integers: inclusive bounds. */
      readonly range?: readonly [number, number];
      /** Exactly these values, row-major. */
      readonly values?: readonly number[];
    }
  | null;

/** One call that tests, conformance suites, the operator table and fuzzers start from. */
export interface Sample {
  readonly name?: string;
  /** One entry a tensor argument; `null` for an optional one left out; nested for a list of tensors. */
  readonly in: readonly (SampleInput | { readonly list: readonly SampleInput[] })[];
  readonly attrs?: Attrs;
  /** False where no gradient is defined at these inputs (kinks, integer outputs). */
  readonly grad?: boolean;
}

/** What the exporter offers an op that is not one ONNX node: a place to add nodes. Values are ONNX names. */
export interface OnnxEmitter {
  readonly opset: number;
  readonly inputs: readonly string[];
  readonly inputAvals: readonly Aval[];
  readonly outputAvals: readonly Aval[];
  /** Adds a node and returns the names of its outputs. */
  node(
    op: string,
    inputs: readonly (string | undefined)[],
    attrs?: OnnxAttrs,
    outputs?: number,
  ): string[];
  /** A one-dimensional int64 constant, `shape: []` for a scalar. */
  int64(values: readonly number[], shape?: Shape): string;
  /**
   * A target shape that follows the model's named dimensions; `value` names a graph value whose shape
   * it is. Falls back to the plain constant when nothing in it is dynamic.
   */
  shape(dims: Shape): string;
  /** A scalar constant of the dtype. */
  scalar(value: number | bigint, dtype: DType): string;
  cast(input: string, to: DType): string;
  /** ONNX's number of an element type. */
  dtype(dtype: DType): number;
}

export type OnnxAttr =
  | number
  | string
  | readonly number[]
  | { readonly float: number | readonly number[] }
  | { readonly strings: readonly string[] };
export type OnnxAttrs = { readonly [name: string]: OnnxAttr | undefined };

/** How an op reads in ONNX: one node of that name, or a function that adds several. */
export interface OnnxMapping {
  /** The ONNX operator, domain ai.onnx. */
  readonly op: string;
  /** The first opset whose version of the operator means this; below it a composite is exported by its body. */
  readonly since: number;
  /** Attributes of the node. Float attributes go as `{ float: x }`. */
  attrs?(attrs: Attrs, inputs: readonly Aval[]): OnnxAttrs;
  /** Adds the nodes itself and returns one name an output; `undefined` to fall back to the body. */
  emit?(emitter: OnnxEmitter, attrs: Attrs): string[] | undefined;
}

/** What a gradient rule sees. Every tensor is symbolic; nothing is computed here. */
export interface VjpContext<A extends Attrs = Attrs> {
  /** Cotangent of each output; zeros where an output is not used. */
  readonly grads: readonly Tensor[];
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attrs: A;
  /** Which inputs need a gradient: a rule may skip the others. */
  readonly needs: readonly boolean[];
}

export interface Op<A extends Attrs = Attrs> {
  readonly name: string;
  readonly kind: 'primitive' | 'composite';
  /** Distinguishes two records that share a name. */
  readonly uid: number;
  /** Shape and dtype of each output; throws HebbError when the inputs do not fit. */
  infer(inputs: readonly Aval[], attrs: A): Aval[];
  /** Gradient of each input; `null` where it is zero everywhere or undefined by kind (integers). */
  vjp?(context: VjpContext<A>): (Tensor | null | undefined)[];
  /** Composites: the same values in terms of other ops, as a graph for these inputs. */
  expand?(inputs: readonly Aval[], attrs: A): Graph;
  /** Composites: the same again in parts that suit these very shapes, where the record has such a form. */
  expandInParts?(inputs: readonly Aval[], attrs: A): Graph;
  readonly onnx?: OnnxMapping;
  readonly samples: readonly Sample[];
}

let nextUid = 0;

export type PrimitiveSpec<A extends Attrs> = Omit<
  Op<A>,
  'name' | 'kind' | 'expand' | 'expandInParts' | 'uid'
>;

/** Declares a primitive record. Primitives are a closed set: backends implement every one. */
export function primitive<A extends Attrs>(name: string, spec: PrimitiveSpec<A>): Op<A> {
  return { name, kind: 'primitive', uid: nextUid++, ...spec };
}

export function newUid(): number {
  return nextUid++;
}

/** A function that builds nodes of one op; the record rides along as `.op`. */
export type OpFunction<F> = F & { readonly op: Op };

export function withOp<F extends (...args: never[]) => unknown>(
  op: Op<never>,
  fn: F,
): OpFunction<F> {
  return Object.assign(fn, { op: op as Op });
}
