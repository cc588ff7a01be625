/** Whether two contenders computed the same. */

export interface Difference {
  /** Largest difference, as a fraction of the reference's largest absolute value. */
  readonly error: number;
  /** Why it is wrong, if it is. */
  readonly reason?: string;
}

export function compareOutputs(
  got: readonly Float32Array[],
  wanted: readonly Float32Array[],
  tolerance: number,
): Difference {
  let worst = 0;
  for (const [i, reference] of wanted.entries()) {
    const output = got[i];
    if (output?.length !== reference.length) {
      const reason = `gives ${output?.length ?? 0} numbers, not ${reference.length}`;
      return { error: Infinity, reason };
    }
    let largest = 0;
    let difference = 0;
    for (let k = 0; k < reference.length; k++) {
      const gap = Math.abs(output[k]! - reference[k]!);
      largest = Math.max(largest, Math.abs(reference[k]!));
      // Not a number where the reference is one.
      difference = Math.max(difference, Number.isNaN(gap) ? Infinity : gap);
    }
    worst = Math.max(worst, difference / Math.max(largest, Number.MIN_VALUE));
  }
  if (worst <= tolerance) return { error: worst };
  return { error: worst, reason: `differs by ${worst.toExponential(1)} of the largest value` };
}
