/** The records of this package, for exporters, conformance suites and tables. */
import type { Op } from '@hebb/core';
import * as activations from './activations.ts';
import * as dotProduct from './attention/attention.ts';
import * as positions from './attention/positions.ts';
import * as attentionSoftmax from './attention/softmax.ts';
import * as convolution from './convolution.ts';
import * as cumulative from './cumulative.ts';
import * as diagonals from './diagonals.ts';
import * as einsum from './einsum.ts';
import * as linalg from './linalg.ts';
import * as classification from './losses/classification.ts';
import * as ctc from './losses/ctc.ts';
import * as math from './math.ts';
import * as normalisation from './normalisation/normalisation.ts';
import * as standardize from './normalisation/standardize.ts';
import * as order from './order.ts';
import * as padding from './padding.ts';
import * as adaptive from './pooling/adaptive.ts';
import * as average from './pooling/average.ts';
import * as max from './pooling/max.ts';
import * as attention from './recurrent/attention.ts';
import * as gru from './recurrent/gru.ts';
import * as lstm from './recurrent/lstm.ts';
import * as rnn from './recurrent/rnn.ts';
import * as reductions from './reductions.ts';
import * as resize from './resize.ts';
import * as shuffle from './shuffle.ts';
import * as softmax from './softmax.ts';

const modules: readonly Readonly<Record<string, unknown>>[] = [
  activations,
  softmax,
  math,
  reductions,
  cumulative,
  order,
  diagonals,
  einsum,
  linalg,
  padding,
  convolution,
  max,
  average,
  adaptive,
  resize,
  shuffle,
  standardize,
  normalisation,
  classification,
  ctc,
  rnn,
  gru,
  lstm,
  attention,
  attentionSoftmax,
  dotProduct,
  positions,
];

function recordOf(value: unknown): Op[] {
  if (typeof value !== 'function' || !('op' in value)) return [];
  return [value.op as Op];
}

/** Every composite of this package, once. */
export const operators: readonly Op[] = [
  ...new Set(modules.flatMap((module) => Object.values(module).flatMap(recordOf))),
];
