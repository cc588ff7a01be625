/** Kinds of ops, as grouping tells them apart. */
import { isElementwise } from './elementwise.ts';
import { COPY } from './simplify.ts';

const reductions = new Set(['sum', 'prod', 'max', 'min', 'argmax', 'argmin']);
const gathers = new Set(['gather', 'gatherElements']);
const routines = new Set([
  'matmul',
  'conv',
  'convTranspose',
  'convKernelGrad',
  'scatter',
  'scatterElements',
  'sort',
  'cumsum',
  'fold',
  'randomBits',
  'scan',
]);

export const isReduction = (op: string): boolean => reductions.has(op);
export const isGather = (op: string): boolean => gathers.has(op);
/** Primitives that are algorithms of their own. */
export const isRoutine = (op: string): boolean => routines.has(op);
/** One instruction an element. */
export const isCode = (op: string): boolean => isElementwise(op) || isGather(op) || op === COPY;
/** Known without memory. */
export const isFree = (op: string): boolean => op === 'full' || op === 'iota';
