/** What a model is made of and what it costs, without running it. */
import { HebbError, lower, sizeOf } from '@hebb/core';
import { multiplyAdds, peakBytes } from '@hebb/nn';
import { packedByteLength } from '../codec/dtypes.ts';
import { OnnxModel, importOnnx } from '../import/model.ts';
import type { ImportOptions, ModelSource } from '../import/model.ts';
import type { Program } from '../import/program.ts';
import type { Dim, ValueType } from '../import/types.ts';
import { inferShapes } from './shapes.ts';

export interface InspectOptions extends ImportOptions {
  /** Sizes of named dynamic axes for the estimates; 1 where none is given. */
  readonly sizes?: Readonly<Record<string, number>>;
}

export interface ModelReport {
  readonly name: string;
  readonly producer: string;
  readonly opset: number;
  readonly inputs: readonly ValueType[];
  /** With inferred shapes, where these could be inferred. */
  readonly outputs: readonly ValueType[];
  /** How often each operator occurs, subgraphs and functions included; the most frequent first. */
  readonly operators: Readonly<Record<string, number>>;
  readonly nodes: number;
  /**
   * Types of all values that nodes of the main graph make, their sizes in terms of the open axes where they
   * follow from them; null where they depend on the data.
   */
  readonly values: readonly ValueType[];
  /** Elements of float initialisers. */
  readonly parameters: number;
  /** Bytes of all initialisers. */
  readonly parameterBytes: number;
  /** Shapes that the estimates below are for. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Multiply-adds of matrix products and convolutions; undefined where they depend on the data. */
  readonly multiplyAdds: number | undefined;
  /** Bytes of parameters and of the most intermediate values that live at once; an estimate. */
  readonly peakMemory: number | undefined;
  /** Why there are no estimates. */
  readonly note?: string;
}

/**
 * Inputs, outputs, operators and costs of a model. Errors as `importOnnx`.
 */
export function inspectOnnx(
  source: ModelSource | OnnxModel,
  { sizes = {}, ...options }: InspectOptions = {},
): ModelReport {
  const model = source instanceof OnnxModel ? source : importOnnx(source, options);
  const counts = new Map<string, number>();
  const nodes = countOperators(model.program, counts);
  let parameters = 0;
  let parameterBytes = 0;
  for (const { dtype, shape } of model.program.initializers.values()) {
    const count = sizeOf(shape);
    if (dtype.includes('float')) parameters += count;
    parameterBytes += packedByteLength(dtype, count);
  }
  const shapes = Object.fromEntries(
    model.inputs.map(({ name, shape }) => [name, (shape ?? []).map((dim) => sizeAt(dim, sizes))]),
  );
  const inferred = inferShapes(model);
  const report = {
    name: model.name,
    producer: model.producer,
    opset: model.opset,
    inputs: model.inputs,
    outputs: model.outputs.map((type) => inferred.values.get(type.name) ?? type),
    operators: Object.fromEntries([...counts].sort((a, b) => b[1] - a[1])),
    nodes,
    values: [...inferred.values.values()],
    parameters,
    parameterBytes,
    shapes,
  };
  try {
    const graph = lower(model.graph(shapes));
    return {
      ...report,
      multiplyAdds: multiplyAdds(graph),
      peakMemory: peakBytes(graph),
    };
  } catch (error) {
    if (!(error instanceof HebbError)) throw error;
    return { ...report, multiplyAdds: undefined, peakMemory: undefined, note: error.message };
  }
}

const sizeAt = (dim: Dim, sizes: Readonly<Record<string, number>>): number =>
  typeof dim === 'number' ? dim : dim === null ? 1 : (sizes[dim] ?? 1);

function countOperators(program: Program, counts: Map<string, number>): number {
  let nodes = 0;
  for (const node of program.nodes) {
    if (node.body.kind === 'function') nodes += countOperators(node.body.program, counts);
    else {
      nodes += 1;
      const name = node.domain === '' ? node.op : `${node.domain}.${node.op}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const inner of node.graphs.values()) nodes += countOperators(inner, counts);
  }
  return nodes;
}
