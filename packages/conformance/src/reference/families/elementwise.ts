/** Family `elementwise`. */
import * as core from '@hebb/core';
import type { Tensor } from '@hebb/core';
import * as ops from '@hebb/ops';
import { maybeNum, num, text, word } from '../attrs.ts';
import type { CaseFunction, CaseTable } from '../case.ts';
import { evaluate } from '../expression.ts';

const unary = (f: (x: Tensor) => Tensor): CaseFunction => {
  return ({ x }) => f(x!);
};
/** Operands are called a and b, or x and y. */
const binary = (f: (a: Tensor, b: Tensor) => Tensor): CaseFunction => {
  return ({ a, b, x, y }) => f((a ?? x)!, (b ?? y)!);
};
const expression: CaseFunction = (tensors, attrs) => evaluate(text(attrs['expression']), tensors);

export const elementwise: CaseTable = {
  abs: unary(core.abs),
  acos: unary(ops.acos),
  acosh: unary(ops.acosh),
  asin: unary(ops.asin),
  asinh: unary(ops.asinh),
  atan: unary(ops.atan),
  atanh: unary(ops.atanh),
  ceil: unary(core.ceil),
  cos: unary(core.cos),
  cosh: unary(ops.cosh),
  erf: unary(core.erf),
  erfc: unary(ops.erfc),
  exp: unary(core.exp),
  expm1: unary(core.expm1),
  floor: unary(core.floor),
  log: unary(core.log),
  log10: unary(ops.log10),
  log1p: unary(core.log1p),
  log2: unary(ops.log2),
  neg: unary(core.neg),
  reciprocal: unary(ops.reciprocal),
  round: unary(core.round),
  rsqrt: unary(ops.rsqrt),
  sign: unary(ops.sign),
  sin: unary(core.sin),
  sinh: unary(ops.sinh),
  sqrt: unary(core.sqrt),
  square: unary(ops.square),
  tan: unary(ops.tan),
  tanh: unary(core.tanh),
  trunc: unary(core.trunc),

  add: binary(core.add),
  atan2: binary(core.atan2),
  div: binary(core.div),
  eq: binary(core.eq),
  fmod: binary(core.fmod),
  ge: binary(core.ge),
  gt: binary(core.gt),
  hypot: binary(ops.hypot),
  le: binary(core.le),
  logaddexp: binary(ops.logaddexp),
  lt: binary(core.lt),
  maximum: binary(core.maximum),
  minimum: binary(core.minimum),
  mul: binary(core.mul),
  ne: binary(core.ne),
  remainder: binary(ops.remainder),
  sub: binary(core.sub),

  addcdiv: ({ a, b, c }, { value }) => ops.addcdiv(a!, b!, c!, { value: maybeNum(value) ?? 1 }),
  addcmul: ({ a, b, c }, { value }) => ops.addcmul(a!, b!, c!, { value: maybeNum(value) ?? 1 }),
  chain_detached_branch: expression,
  chain_reused_value: expression,
  clamp: ({ x }, { min, max }) => ops.clamp(x!, maybeNum(min), maybeNum(max)),
  lerp: ({ a, b, weight: w }, { weight }) => ops.lerp(a!, b!, w ?? num(weight)),
  pow: ({ x, exponent: e }, { exponent }) => core.pow(x!, e ?? num(exponent)),
  where: ({ condition, a, b }) => core.where(condition!, a!, b!),

  celu: ({ x }, { alpha }) => ops.celu(x!, { alpha: maybeNum(alpha) ?? 1 }),
  elu: ({ x }, { alpha }) => ops.elu(x!, { alpha: maybeNum(alpha) ?? 1 }),
  gelu: ({ x }, { approximate }) =>
    ops.gelu(x!, { approximate: word(approximate ?? 'none', ['none', 'tanh']) }),
  glu: ({ x }, { dim }) => ops.glu(x!, maybeNum(dim)),
  hardshrink: ({ x }, { lambd }) => ops.hardshrink(x!, { lambd: maybeNum(lambd) ?? 0.5 }),
  hardsigmoid: unary(ops.hardsigmoid),
  hardswish: unary(ops.hardswish),
  hardtanh: ({ x }, { min_val: minVal, max_val: maxVal }) =>
    ops.hardtanh(x!, { minVal: maybeNum(minVal) ?? -1, maxVal: maybeNum(maxVal) ?? 1 }),
  leaky_relu: ({ x }, { negative_slope: slope }) =>
    ops.leakyRelu(x!, { negativeSlope: maybeNum(slope) ?? 0.01 }),
  log_softmax: ({ x }, { dim }) => ops.logSoftmax(x!, maybeNum(dim)),
  logsigmoid: unary(ops.logSigmoid),
  masked_softmax: ({ x, mask }, { dim }) => ops.maskedSoftmax(x!, mask!, maybeNum(dim)),
  mish: unary(ops.mish),
  prelu: ({ x, weight }) => ops.prelu(x!, weight!),
  relu: unary(ops.relu),
  relu6: unary(ops.relu6),
  selu: unary(ops.selu),
  sigmoid: unary(ops.sigmoid),
  silu: unary((x) => ops.silu(x)),
  softmax: ({ x }, { dim }) => ops.softmax(x!, maybeNum(dim)),
  softmin: ({ x }, { dim }) => ops.softmin(x!, maybeNum(dim)),
  softplus: ({ x }, { beta, threshold }) =>
    ops.softplus(x!, { beta: maybeNum(beta) ?? 1, threshold: maybeNum(threshold) ?? 20 }),
  softshrink: ({ x }, { lambd }) => ops.softshrink(x!, { lambd: maybeNum(lambd) ?? 0.5 }),
  softsign: unary(ops.softsign),
  tanhshrink: unary(ops.tanhshrink),
  threshold: ({ x }, { threshold, value }) => ops.threshold(x!, num(threshold), num(value)),
};
