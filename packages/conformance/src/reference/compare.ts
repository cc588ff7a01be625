/** Whether a computed tensor is the stored one. */
import type { Tensor } from '@hebb/core';
import type { StoredTensor } from './case.ts';

export interface Mismatch {
  /** What was compared: `output`, `loss`, `grad x`. */
  readonly what: string;
  readonly message: string;
  /** Largest |got - want|; NaN when shapes or kinds differ. */
  readonly error: number;
}

/** Index of a flat position, as `[1,0,2]`. */
function position(at: number, shape: readonly number[]): string {
  const index = new Array<number>(shape.length);
  let rest = at;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  return `[${index.join(',')}]`;
}

/** `undefined` when the tensor agrees: integers and bool exactly, floats within the tolerance. */
export async function compareTensor(
  what: string,
  got: Tensor,
  want: StoredTensor,
  { rtol, atol }: { readonly rtol: number; readonly atol: number },
): Promise<Mismatch | undefined> {
  if (got.shape.length !== want.shape.length || got.shape.some((n, i) => n !== want.shape[i])) {
    const message = `shape [${got.shape.join(',')}], wanted [${want.shape.join(',')}]`;
    return { what, message, error: Number.NaN };
  }
  const exact = want.dtype !== 'float64';
  if (exact && got.dtype.startsWith('float')) {
    return { what, message: `dtype ${got.dtype}, wanted ${want.dtype}`, error: Number.NaN };
  }
  const data = await got.data();
  let worst: { at: number; error: number; got: number; want: number } | undefined;
  let bad = 0;
  for (let at = 0; at < want.data.length; at++) {
    const [x, y] = [Number(data[at]), Number(want.data[at])];
    const same = x === y || (Number.isNaN(x) && Number.isNaN(y));
    if (same) continue;
    const error = Math.abs(x - y);
    // Written so that a NaN on one side fails.
    if (!exact && error <= atol + rtol * Math.abs(y) && Number.isFinite(y)) continue;
    bad += 1;
    const larger = worst === undefined || !(error <= worst.error);
    if (larger) worst = { at, error, got: x, want: y };
  }
  if (worst === undefined) return undefined;
  const where = position(worst.at, want.shape);
  const message =
    `largest error ${format(worst.error)} at ${where} (got ${format(worst.got)}, wanted ` +
    `${format(worst.want)}); ${bad} of ${want.data.length} wrong`;
  return { what, message, error: worst.error };
}

function format(x: number): string {
  return Number.isFinite(x) ? String(Number(x.toPrecision(9))) : String(x);
}
