/** Compiled programs against backend-cpu. */
import { bfloat16Bits, dtypeInfo, float16Bits, isFloat, sizeOf } from '@hebb/core';
import type { Aval, DType, Graph, HostArray, Op, SampleInput } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { compileGraph } from '../src/compile.ts';
import type { CompileGraphOptions } from '../src/compile.ts';
import type { Program } from '../src/ir.ts';
import { interpret } from './interpret.ts';
import { read } from './scalar.ts';

/** Small, seeded, good enough for test data (Marsaglia's xorshift32). */
export function randomSource(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

export function encode(dtype: DType, values: readonly number[]): HostArray {
  const out = dtypeInfo(dtype).allocate(values.length);
  values.forEach((x, i) => {
    out[i] =
      dtype === 'float16'
        ? float16Bits(x)
        : dtype === 'bfloat16'
          ? bfloat16Bits(x)
          : dtypeInfo(dtype).big
            ? BigInt(Math.trunc(x))
            : x;
  });
  return out;
}

/** Data for an input: normal-like floats, small integers. */
export function draw(
  aval: Aval,
  random: () => number,
  range?: readonly [number, number],
): HostArray {
  const size = sizeOf(aval.shape);
  const floats = isFloat(aval.dtype);
  const [low, high] = range ?? (aval.dtype === 'bool' ? [0, 1] : floats ? [-2, 2] : [0, 9]);
  const values = Array.from({ length: size }, () =>
    floats ? low + (high - low) * random() : low + Math.floor(random() * (high - low + 1)),
  );
  return encode(aval.dtype, values);
}

export function sampleAval(x: Exclude<SampleInput, null>, float: DType): Aval {
  return 'shape' in x ? { shape: x.shape, dtype: x.dtype ?? float } : { shape: x, dtype: float };
}

export function sampleData(
  x: Exclude<SampleInput, null>,
  float: DType,
  random: () => number,
): HostArray {
  const aval = sampleAval(x, float);
  if (!('shape' in x)) return draw(aval, random);
  return x.values === undefined ? draw(aval, random, x.range) : encode(aval.dtype, x.values);
}

const backend = cpu();

export function oracle(graph: Graph, inputs: readonly HostArray[]): HostArray[] {
  const executable = backend.compile(graph) as {
    run(x: unknown): ReturnType<typeof backend.upload>[];
  };
  const given = inputs.map((data, i) => backend.upload(data, graph.values[graph.inputs[i]!]!));
  const made = executable.run(given);
  const results = made.map((buffer) => backend.downloadSync!(buffer));
  for (const buffer of new Set([...given, ...made])) backend.free(buffer);
  return results;
}

export interface CompareOptions extends CompileGraphOptions {
  readonly relative?: number;
  readonly ops?: readonly Op[];
}

const precision: Partial<Record<DType, number>> = {
  float16: 4e-3,
  bfloat16: 3e-2,
  float32: 2e-5,
  float64: 1e-12,
};

/** Compiles, interprets, and throws where a number differs from the oracle's. Returns the program. */
export function compare(
  graph: Graph,
  inputs: readonly HostArray[],
  { relative, ops, ...options }: CompareOptions = {},
): Program {
  const program = compileGraph(graph, options);
  const avals = graph.outputs.map((id) => graph.values[id]!);
  const got = interpret(program, inputs, avals, ops);
  const wanted = oracle(graph, inputs);
  avals.forEach(({ dtype }, k) => {
    const tolerance = relative ?? precision[dtype] ?? 0;
    const numbers = Array.from({ length: wanted[k]!.length }, (_, i) =>
      Number(read(wanted[k]!, dtype, i)),
    );
    const scale = numbers.reduce(
      (m, x) => (Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m),
      1e-3,
    );
    numbers.forEach((want, i) => {
      const have = Number(read(got[k]!, dtype, i));
      const same =
        Object.is(have, want) ||
        have === want ||
        Math.abs(have - want) <= tolerance * Math.max(scale, 1e-3);
      if (!same) throw new Error(`output ${k}[${i}]: got ${have}, wanted ${want}`);
    });
  });
  return program;
}
