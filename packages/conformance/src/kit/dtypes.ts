/** Which dtypes an op takes at a sample, and values that are hard: extremes, NaN, infinities, zeros. */
import { HebbError, dtypeInfo, isFloat, isInteger, placeholder } from '@hebb/core';
import type { DType, Op, Sample } from '@hebb/core';
import { draw } from './draw.ts';
import type { Case, DrawOptions } from './draw.ts';
import { store } from './definitions/values.ts';
import type { Num } from './definitions/values.ts';

/** The sample drawn with these types, or undefined when the op refuses them. */
export function drawIfAccepted(op: Op, sample: Sample, options: DrawOptions): Case | undefined {
  const test = draw(op, sample, options);
  try {
    test.call(test.inputs.map(({ aval }) => placeholder(aval)));
    return test;
  } catch (error) {
    if (error instanceof HebbError) return undefined;
    throw error;
  }
}

/** The sample in every type of `dtypes` that the op accepts, each named after the type. */
export function typedCases(
  op: Op,
  sample: Sample,
  dtypes: Iterable<DType>,
  seed: number,
): { dtype: DType; test: Case }[] {
  const found: { dtype: DType; test: Case }[] = [];
  const names = new Set<string>();
  for (const dtype of dtypes) {
    const variants: DrawOptions[] = [{ seed, type: dtype }];
    if (isInteger(dtype)) variants.push({ seed, type: 'float32', integer: dtype });
    for (const options of variants) {
      const settings = retypeSettings(sample, dtype);
      if (settings === undefined) continue;
      const test = drawIfAccepted(op, settings, options);
      if (test === undefined) continue;
      const name = `${test.inputs.map(({ aval }) => aval.dtype).join()} ${String(test.attrs['dtype'])}`;
      if (names.has(name)) continue;
      names.add(name);
      found.push({ dtype, test });
    }
  }
  return found;
}

/** Constants and ramps have no inputs: their `dtype` setting is what varies. */
function retypeSettings(sample: Sample, dtype: DType): Sample | undefined {
  const { attrs } = sample;
  if (sample.in.length > 0 || attrs?.['dtype'] === undefined) return sample;
  if (typeof attrs['value'] !== 'number') return { ...sample, attrs: { ...attrs, dtype } };
  const whole = isFloat(dtype) ? attrs['value'] : Math.trunc(Math.abs(attrs['value']));
  return { ...sample, attrs: { ...attrs, dtype, value: store(whole, dtype) } };
}

/** Values at which float functions go wrong; without subnormal numbers where a backend takes them for 0. */
export function specialFloats(dtype: DType, subnormals = true): number[] {
  const smallest = subnormals
    ? { float64: 5e-324, float32: 2 ** -149, float16: 2 ** -24, bfloat16: 2 ** -133 }
    : { float64: 2 ** -1022, float32: 2 ** -126, float16: 2 ** -14, bfloat16: 2 ** -126 };
  const max = Number(dtypeInfo(dtype).max);
  const tiny = smallest[dtype as keyof typeof smallest];
  return [
    ...[NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 2, -3, 10.25],
    ...[max, -max, tiny, -tiny, 2 ** -12, -0.999],
  ];
}

/** Values at which integer arithmetic wraps. */
export function extremeIntegers(dtype: DType): Num[] {
  const { min, max, kind, big } = dtypeInfo(dtype);
  const small = kind === 'int' ? [0, 1, 2, 3, 7, -1, -2, -7] : [0, 1, 2, 3, 7];
  const numbers: Num[] = big ? small.map(BigInt) : small;
  return [...numbers, min, max, typeof max === 'bigint' ? max - 1n : max - 1];
}
