/** In which sizes a model is called for some number of rows. */
import type { ServedModel, ServedTensor } from '../model.ts';

/**
 * Sizes of the first axis that a compiled model has for rows of these shapes, the smallest first; none for a
 * model that takes any.
 */
export function sizesOf(
  { plan }: ServedModel,
  inputs: Readonly<Record<string, ServedTensor>>,
): readonly number[] | undefined {
  const [run] = plan?.functions ?? [];
  if (run === undefined) return undefined;
  const sizes = run.signatures
    .filter((signature) =>
      run.inputs.every(({ name }, i) => {
        const shape = inputs[name]?.shape;
        const own = signature.inputs[i]!.shape;
        return (
          shape?.length === own.length &&
          own[0] === signature.inputs[0]!.shape[0] &&
          own.every((dim, axis) => axis === 0 || dim === shape[axis])
        );
      }),
    )
    .map((signature) => signature.inputs[0]!.shape[0]!);
  // None fits: the model is asked as it is, and says so.
  return sizes.length === 0 ? undefined : [...new Set(sizes)].sort((a, b) => a - b);
}

export interface Call {
  readonly size: number;
  /** Rows that somebody asked for; the others only fill the size. */
  readonly rows: number;
}

/**
 * Calls for all rows: the largest size while it fits, then one that is filled by more than half, since a call
 * costs less than its rows one at a time.
 */
export function callsFor(total: number, sizes: readonly number[] | undefined): Call[] {
  if (sizes === undefined) return [{ size: total, rows: total }];
  const calls: Call[] = [];
  let left = total;
  while (left > 0) {
    const above = sizes.find((size) => size >= left);
    const below = sizes.findLast((size) => size <= left);
    const size = above !== undefined && (below === undefined || left * 2 > above) ? above : below!;
    const rows = Math.min(size, left);
    calls.push({ size, rows });
    left -= rows;
  }
  return calls;
}
