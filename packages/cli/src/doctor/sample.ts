/** Inputs to try a compiled model on, the same every time. */
import type { ElementType, PlanFunction, Signature } from '@hebb/runtime';

export interface SampleInput {
  readonly name: string;
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  /** As JSON has them; integers are 0 and 1, which are tokens, classes and indices almost everywhere. */
  readonly data: readonly number[];
}

export function sampleInputs(fn: PlanFunction, signature: Signature): SampleInput[] {
  let seed = 1;
  // Numerical Recipes' generator: any will do.
  const next = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return fn.inputs.map(({ name, dtype }, i) => {
    const { shape } = signature.inputs[i]!;
    const size = shape.reduce((product, dim) => product * dim, 1);
    const isFloat = /float/.test(dtype);
    const data = Array.from({ length: size }, () =>
      isFloat ? Math.round(next() * 1e5) / 1e5 : next() < 0.5 ? 0 : 1,
    );
    return { name, dtype, shape, data };
  });
}

/** The body of `POST /models/NAME/predict`. */
export const sampleBody = (inputs: readonly SampleInput[]): string =>
  JSON.stringify({
    inputs: Object.fromEntries(inputs.map(({ name, shape, data }) => [name, { shape, data }])),
  });
