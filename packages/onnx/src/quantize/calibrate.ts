/** Ranges of the values that enter products, found by running the model on examples. */
import { makeValueInfo } from '../codec/build.ts';
import type { TensorData } from '../codec/tensor.ts';
import type { ModelProto } from '../codec/types.ts';
import { isTensor } from '../codec/value.ts';
import { GraphEdit } from '../convert/edit.ts';
import { OnnxModel } from '../import/model.ts';
import { productOf } from './products.ts';

export interface Range {
  readonly low: number;
  readonly high: number;
}

export interface CalibrateOptions {
  /**
   * `minmax`: all that was seen. `percentile`: without the outermost ten-thousandth on both sides, which
   * often is a few outliers that would coarsen the scale for all others.
   */
  readonly method?: 'minmax' | 'percentile';
}

const outermost = 1e-4;
/** Values kept of each tensor and example for the percentiles. */
const kept = 1 << 14;

/** Runs the examples on the current backend. Errors as those of the model. */
export async function calibrate(
  model: ModelProto,
  examples: Iterable<Readonly<Record<string, TensorData>>>,
  { method = 'minmax' }: CalibrateOptions = {},
): Promise<Map<string, Range>> {
  const graph = model.graph!;
  const edit = new GraphEdit(graph);
  const wanted = new Set<string>();
  for (const node of graph.node) {
    const product = productOf(edit, node);
    if (product !== undefined) wanted.add(product.input);
  }
  const inputs = new Set(graph.input.map(({ name }) => name ?? ''));
  const computed = [...wanted].filter((name) => !inputs.has(name));
  const infos = computed.map((name) => makeValueInfo(name, 'float32'));
  const own = graph.output.filter(({ name }) => !wanted.has(name ?? ''));
  const probed = new OnnxModel({ ...model, graph: { ...graph, output: [...own, ...infos] } });
  const samples = new Map<string, number[]>();
  const ranges = new Map<string, Range>();
  for (const example of examples) {
    const values = await probed.runValues(example);
    for (const name of wanted) {
      const value = values[name] ?? example[name];
      if (value === undefined || !isTensor(value) || value.dtype !== 'float32') continue;
      const before = ranges.get(name) ?? { low: Infinity, high: -Infinity };
      let { low, high } = before;
      const step = Math.max(1, Math.floor(value.data.length / kept));
      let list = samples.get(name);
      if (list === undefined) samples.set(name, (list = []));
      for (let i = 0; i < value.data.length; i++) {
        const v = value.data[i]!;
        if (v < low) low = v;
        if (v > high) high = v;
        if (method === 'percentile' && i % step === 0) list.push(v);
      }
      ranges.set(name, { low, high });
    }
  }
  if (method === 'minmax') return ranges;
  return new Map(
    [...samples].map(([name, list]) => {
      const sorted = Float32Array.from(list).sort();
      const skip = Math.floor(sorted.length * outermost);
      return [name, { low: sorted[skip]!, high: sorted[sorted.length - 1 - skip]! }];
    }),
  );
}
