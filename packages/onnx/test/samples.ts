/** Samples of op records as calls with numbers in them. */
import { callOp, isFloat, sizeOf, tensor } from '@hebb/core';
import type { CompositeArg, DType, Op, Sample, SampleInput, Tensor } from '@hebb/core';

/** mulberry32: reproducible numbers that do not come from what is tested. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface SampleCall {
  readonly inputs: readonly Tensor[];
  readonly call: (inputs: readonly Tensor[]) => Tensor[];
}

type Given = Exclude<SampleInput, null>;

function draw(input: Given, random: () => number): Tensor {
  const spec: {
    shape: readonly number[];
    dtype?: DType;
    range?: readonly [number, number];
    values?: readonly number[];
  } = Array.isArray(input)
    ? { shape: input as readonly number[] }
    : (input as { shape: readonly number[] });
  const { shape, dtype = 'float32', values } = spec;
  const [low, high] = spec.range ?? [-2, 2];
  const numbers =
    values ??
    Array.from({ length: sizeOf(shape) }, () => {
      const x = low + random() * (high - low + (isFloat(dtype) ? 0 : 1));
      return isFloat(dtype) ? x : Math.min(high, Math.floor(x));
    });
  return tensor(Float64Array.from(numbers), { shape, dtype });
}

export function sampleCall(op: Op, sample: Sample, seed = 7): SampleCall {
  const random = seeded(seed);
  const args = sample.in.map((input) =>
    input === null
      ? null
      : 'list' in input
        ? input.list.filter((item) => item !== null).map((item) => draw(item, random))
        : draw(input, random),
  );
  const inputs = args.flatMap((arg) => (arg === null ? [] : Array.isArray(arg) ? arg : [arg]));
  const call = (given: readonly Tensor[]): Tensor[] => {
    let next = 0;
    const list = args.map((arg): CompositeArg =>
      arg === null
        ? undefined
        : Array.isArray(arg)
          ? arg.map(() => given[next++]!)
          : given[next++]!,
    );
    return callOp(op, list, sample.attrs ?? {});
  };
  return { inputs, call };
}
