/** Losses over padded sequences: what lies beyond a sequence's end does not count. */
import { cast, fail, formatShape, iota, lt, maximum, mul, reshape, sum, where } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { oneOf } from '../operands.ts';
import { sequenceLengths } from '../recurrent/loop.ts';
import type { SequenceLengths } from '../recurrent/loop.ts';
import { crossEntropy } from './classification.ts';

/** Which steps count. Shape: lengths [N] -> bool [N, steps]. */
export function lengthMask(lengths: SequenceLengths, steps: number): Tensor {
  const count = Array.isArray(lengths) ? lengths.length : (lengths as Tensor).size;
  const given = sequenceLengths('lengthMask', lengths, steps, count)!;
  return lt(reshape(iota(steps), [1, steps]), reshape(given, [count, 1]));
}

export interface SequenceLossOptions {
  /** 'mean' is over the steps that count (the default). */
  readonly reduction?: 'mean' | 'sum' | 'none';
  /** As for `crossEntropy`. */
  readonly labelSmoothing?: number;
}

/** Values of steps [N, T] reduced over those that the mask [N, T] lets through. */
export function maskedReduction(
  values: Tensor,
  mask: Tensor,
  reduction: 'mean' | 'sum' | 'none' = 'mean',
): Tensor {
  oneOf('maskedReduction', 'reduction', reduction, ['mean', 'sum', 'none']);
  if (formatShape(values.shape) !== formatShape(mask.shape)) {
    fail(
      'maskedReduction',
      'the mask does not fit',
      formatShape(mask.shape),
      formatShape(values.shape),
    );
  }
  // `where`, not a product: what is masked may be infinite.
  const shown = where(cast(mask, 'bool'), values, 0);
  if (reduction === 'none') return shown;
  const total = sum(shown);
  if (reduction === 'sum') return total;
  return total.div(maximum(sum(cast(mask, values.dtype)), 1));
}

/**
 * Cross-entropy of each step of padded sequences. Shape: logits [N, T, C], targets integers [N, T], mask
 * bool [N, T] (`lengthMask`) -> [] or [N, T].
 */
export function sequenceCrossEntropy(
  logits: Tensor,
  targets: Tensor,
  mask: Tensor,
  { reduction = 'mean', labelSmoothing = 0 }: SequenceLossOptions = {},
): Tensor {
  const op = 'sequenceCrossEntropy';
  if (logits.rank !== 3) fail(op, 'logits do not fit', formatShape(logits.shape), '[N, T, C]');
  const [batch, steps, classes] = logits.shape as [number, number, number];
  if (formatShape(targets.shape) !== formatShape([batch, steps])) {
    fail(op, 'targets do not fit', formatShape(targets.shape), formatShape([batch, steps]));
  }
  // Padding may hold any number: class 0 there, which the mask leaves out.
  const labels = reshape(where(cast(mask, 'bool'), targets, 0), [batch * steps]);
  const each = crossEntropy(reshape(logits, [batch * steps, classes]), labels, {
    reduction: 'none',
    labelSmoothing,
  });
  return maskedReduction(reshape(each, [batch, steps]), mask, reduction);
}

/** Squared errors of padded sequences. Shape: x and target [N, T], mask [N, T] -> [] or [N, T]. */
export function sequenceMse(
  x: Tensor,
  target: Tensor,
  mask: Tensor,
  { reduction = 'mean' }: Pick<SequenceLossOptions, 'reduction'> = {},
): Tensor {
  const error = x.sub(target);
  return maskedReduction(mul(error, error), mask, reduction);
}
