/**
 * Outputs that are drawn at random: no two implementations draw the same numbers, so type and shape are
 * compared, and mean and spread where there are enough of them.
 */
import type { OnnxValue } from '../codec/value.ts';
import { isTensor } from '../codec/value.ts';
import { hostNumbersOf } from '../import/numbers.ts';
import type { Program } from '../import/program.ts';
import type { Comparison } from './compare.ts';

const randomOperators = new Set([
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Bernoulli',
  'Multinomial',
  'Dropout',
]);

export function drawsNumbers(program: Program): boolean {
  return program.nodes.some(
    ({ op, body, graphs }) =>
      randomOperators.has(op) ||
      (body.kind === 'function' && drawsNumbers(body.program)) ||
      [...graphs.values()].some(drawsNumbers),
  );
}

/** Standard errors that two means may lie apart: by chance in one of 10⁸ cases. */
const sigmas = 6;
/** Fewer elements say too little about where they come from. */
const enough = 30;

/** Whether two samples may come from one distribution. */
export function compareDraws(actual: OnnxValue, expected: OnnxValue): Comparison {
  const differs = (reason: string): Comparison => ({ ok: false, maxError: Infinity, reason });
  if (!isTensor(actual) || !isTensor(expected)) return differs('no tensors of numbers');
  if (actual.dtype !== expected.dtype || actual.shape.join() !== expected.shape.join()) {
    const type = ({ dtype, shape }: typeof actual) => `${dtype}[${shape.join(',')}]`;
    return differs(`${type(actual)}, wanted ${type(expected)}`);
  }
  if (actual.dtype === 'string' || expected.dtype === 'string') return differs('text');
  const [a, b] = [momentsOf(hostNumbersOf(actual)), momentsOf(hostNumbersOf(expected))];
  const n = a.count;
  if (n < enough) return { ok: true, maxError: 0 };
  const error = Math.sqrt((a.variance + b.variance) / Math.max(1, n));
  const gap = Math.abs(a.mean - b.mean);
  const bound = sigmas * error + 1e-6 * (1 + Math.abs(b.mean));
  if (!(gap <= bound))
    return differs(`mean ${show(a.mean)}, wanted ${show(b.mean)} ± ${show(bound)}`);
  const [s, t] = [Math.sqrt(a.variance), Math.sqrt(b.variance)];
  // Of a normal sample the deviation has relative error 1 / √(2n); heavier tails have more.
  const ratio = 1 + (2 * sigmas) / Math.sqrt(2 * n);
  if (s > t * ratio || t > s * ratio) {
    return differs(`deviation ${show(s)}, wanted ${show(t)}`);
  }
  return { ok: true, maxError: 0 };
}

const show = (x: number): string => x.toPrecision(4);

function momentsOf(values: ArrayLike<number | bigint>): {
  count: number;
  mean: number;
  variance: number;
} {
  const count = values.length;
  let mean = 0;
  for (let i = 0; i < count; i++) mean += Number(values[i]) / count;
  let variance = 0;
  for (let i = 0; i < count; i++) variance += (Number(values[i]) - mean) ** 2 / count;
  return { count, mean, variance };
}
