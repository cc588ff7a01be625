/** Which operators the exporter writes: every sample of every op record, traced and written. */
import { callOp, primitives } from '@hebb/core';
import type { CompositeArg, DType, Op, Sample, SampleInput, Tensor } from '@hebb/core';
import { OnnxExportError, toOnnxModel } from '@hebb/onnx';
import type { GraphProto } from '@hebb/onnx';
import { operators } from '@hebb/ops';

/** Oldest and newest operator set that is written, and the default. */
export const exportOpsets = [13, 18, 26] as const;

/** For each operator the opsets, of those above, at which something is written with it. */
export async function exportedOperators(): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
  const found = new Map<string, Set<number>>();
  for (const op of [...primitives, ...operators]) {
    for (const sample of op.samples) {
      for (const opset of exportOpsets) {
        for (const name of await writtenBy(op, sample, opset)) {
          const opsets = found.get(name) ?? new Set();
          found.set(name, opsets.add(opset));
        }
      }
    }
  }
  return found;
}

async function writtenBy(op: Op, sample: Sample, opset: number): Promise<Set<string>> {
  const specs = sample.in.map((input) =>
    input === null ? null : 'list' in input ? input.list.filter((item) => item !== null) : [input],
  );
  const flat = specs.flatMap((list) => list ?? []);
  const input = Object.fromEntries(flat.map((spec, i) => [`x${i}`, avalOf(spec)]));
  const fn = (...given: Tensor[]): Tensor[] => {
    let next = 0;
    const args = specs.map((list, i): CompositeArg => {
      if (list === null) return undefined;
      const taken = list.map(() => given[next++]!);
      return isList(sample.in[i]) ? taken : taken[0]!;
    });
    return callOp(op, args, sample.attrs ?? {});
  };
  const names = new Set<string>();
  try {
    collect((await toOnnxModel(fn, { input, opset })).graph, names);
  } catch (error) {
    if (!(error instanceof OnnxExportError)) throw error;
  }
  return names;
}

const isList = (input: Sample['in'][number] | undefined): boolean =>
  input !== null && input !== undefined && 'list' in input;

type Given = Exclude<SampleInput, null>;

function avalOf(input: Given): { shape: readonly number[]; dtype: DType } {
  const spec: { shape: readonly number[]; dtype?: DType } = Array.isArray(input)
    ? { shape: input as readonly number[] }
    : (input as { shape: readonly number[]; dtype?: DType });
  return { shape: spec.shape, dtype: spec.dtype ?? 'float32' };
}

function collect(graph: GraphProto | undefined, names: Set<string>): void {
  for (const { opType = '', attribute } of graph?.node ?? []) {
    names.add(opType);
    for (const { g } of attribute) collect(g, names);
  }
}
