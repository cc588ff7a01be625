/** @hebb/core: tensors, op records, differentiation, graphs and the backend interface. */
export { capture, compile } from './compile.ts';
export type { CapturedFunction, Compiled, CompileFunctionOptions } from './compile.ts';
export { composite, callOp, argumentLayout } from './composite.ts';
export type { CompositeArg, CompositeSpec } from './composite.ts';
export { currentBackend, init, realize, realizeSync, withBackend } from './context.ts';
export type * from './backend.ts';
export { arange, convert, eye, fromBits, linspace, scalar, tensor } from './create.ts';
export type { NestedList, TensorOptions } from './create.ts';
export {
  dtypeInfo,
  dtypeOfArray,
  dtypes,
  isDType,
  isFloat,
  isInteger,
  promote,
  toFloat,
} from './dtype.ts';
export type { DType, DTypeInfo, DTypeKind, HostArray } from './dtype.ts';
export { HebbError, currentPath, fail, withPath } from './error.ts';
export type { HebbErrorDetails } from './error.ts';
export { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from './float16.ts';
export { grad, gradients, valueAndGrad, vjp } from './autodiff.ts';
export type { GradientOptions, GradOptions } from './autodiff.ts';
export { Graph, attrsKey, traceGraph } from './graph.ts';
export type { GraphNode, GraphParts, TracedGraph } from './graph.ts';
export { index, resolveSlice } from './indexing.ts';
export type { IndexSpec, SliceSpec } from './indexing.ts';
export { expandComposites, inlineGraph, lower, simplify, traceFunction } from './inline.ts';
export { primitive, withOp } from './op.ts';
export type * from './op.ts';
export { apply, placeholder } from './apply.ts';
export type { Scalar, TensorLike } from './apply.ts';
export { scope } from './scope.ts';
export { Tensor, decode } from './tensor.ts';
export type { NestedArray } from './tensor.ts';
export { treeLeaves, treeMap, treeSignature } from './tree.ts';
export { Variable } from './variable.ts';
export * as random from './random.ts';
export { Generator, defaultGenerator, manualSeed } from './random.ts';
export * from './shape.ts';

export { primitives } from './primitives/index.ts';
export {
  full,
  fullLike,
  iota,
  ones,
  onesLike,
  randomBits,
  zeros,
  zerosLike,
} from './primitives/constant.ts';
export { conv, convKernelGrad, convSize, convTranspose, matmul } from './primitives/contraction.ts';
export type { ConvAttrs, MatmulOptions } from './primitives/contraction.ts';
export {
  abs,
  add,
  alias,
  and,
  atan2,
  bitcast,
  cast,
  ceil,
  cos,
  div,
  divTrunc,
  eq,
  erf,
  exp,
  expm1,
  floor,
  fmod,
  ge,
  gt,
  le,
  log,
  log1p,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  not,
  or,
  pow,
  round,
  shiftLeft,
  shiftRight,
  sign,
  sin,
  sqrt,
  stopGradient,
  sub,
  tanh,
  trunc,
  where,
  xor,
} from './primitives/elementwise.ts';
export {
  gather,
  gatherElements,
  scatter,
  scatterElements,
  wrapIndex,
} from './primitives/indexing.ts';
export type { ScatterReduce } from './primitives/indexing.ts';
export {
  broadcastTo,
  concat,
  expand,
  flip,
  fold,
  narrow,
  pad,
  permute,
  reshape,
  slice,
  squeeze,
  stack,
  sumToShape,
  unsqueeze,
  window,
} from './primitives/movement.ts';
export type { PadWidths } from './primitives/movement.ts';
export { associativeScan, cumprod, shift } from './primitives/products.ts';
export { argmax, argmin, cumsum, max, min, prod, sort, sum } from './primitives/reduce.ts';
export type { Axes } from './primitives/reduce.ts';
export { scan } from './primitives/scan.ts';
export type { ScanOptions } from './primitives/scan.ts';
