/** Inputs to try a compiled model on, the same every time. */
import { dtypeInfo, float16Bits, bfloat16Bits } from '@hebb/core';
import { datatypeOf } from '@hebb/edge/node';
import type { ElementType, PlanFunction, Signature } from '@hebb/runtime';

export interface SampleInput {
  readonly name: string;
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  /** As JSON has them; integers are 0 and 1, which are tokens, classes and indices almost everywhere. */
  readonly data: readonly number[];
}

/** @param digits Behind the point. Left out: all that a float32 has, as most programs write them. */
export function sampleInputs(
  fn: PlanFunction,
  signature: Signature,
  digits?: number,
): SampleInput[] {
  const rounded = (x: number): number =>
    digits === undefined ? Math.fround(x) : Number(x.toFixed(digits));
  let seed = 1;
  // Numerical Recipes' generator: any will do.
  const next = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return fn.inputs.map(({ name, dtype }, i) => {
    const { shape } = signature.inputs[i]!;
    const size = shape.reduce((product, dim) => product * dim, 1);
    const isFloat = /float/.test(dtype);
    const data = Array.from({ length: size }, () =>
      isFloat ? rounded(next()) : next() < 0.5 ? 0 : 1,
    );
    return { name, dtype, shape, data };
  });
}

function bytesOf({ dtype, data }: SampleInput): Buffer<ArrayBuffer> {
  const { allocate, big } = dtypeInfo(dtype);
  const out = allocate(data.length);
  const half = { float16: float16Bits, bfloat16: bfloat16Bits }[dtype as 'float16'];
  data.forEach((x, i) => (out[i] = big ? BigInt(x) : half === undefined ? x : half(x)));
  return Buffer.from(out.buffer as ArrayBuffer);
}

/** A request for `POST /v2/models/NAME/infer` with the tensors in binary, there and back. */
export function sampleBinary(inputs: readonly SampleInput[]): {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
} {
  const pieces = inputs.map(bytesOf);
  const described = inputs.map(({ name, dtype, shape }, i) => ({
    ...{ name, shape, datatype: datatypeOf(dtype) },
    parameters: { binary_data_size: pieces[i]!.length },
  }));
  const json = { inputs: described, parameters: { binary_data_output: true } };
  const head = Buffer.from(JSON.stringify(json));
  return {
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
    },
    body: Buffer.concat([head, ...pieces]),
  };
}

/** The body of `POST /models/NAME/predict`. */
export const sampleBody = (inputs: readonly SampleInput[]): string =>
  JSON.stringify({
    inputs: Object.fromEntries(inputs.map(({ name, shape, data }) => [name, { shape, data }])),
  });
