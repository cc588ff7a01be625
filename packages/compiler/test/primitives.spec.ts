/** Every sample of every primitive, compiled and interpreted, against backend-cpu. */
import { apply, placeholder, primitives, traceGraph } from '@hebb/core';
import type { Op, SampleInput, Tensor } from '@hebb/core';
import { compare, randomSource, sampleAval, sampleData } from './compare.ts';

function graphOf(op: Op, sample: Op['samples'][number], float: 'float32' | 'float16' | 'float64') {
  const inputs = sample.in as readonly Exclude<SampleInput, null>[];
  const holders = inputs.map((x) => placeholder(sampleAval(x, float)));
  const outputs: Tensor[] = apply(op, holders, sample.attrs ?? {});
  return { graph: traceGraph(outputs, holders).graph, inputs };
}

describe.each(primitives.filter((op) => op.samples.length > 0).map((op) => [op.name, op] as const))(
  '%s',
  (_, op) => {
    it.each(op.samples.map((sample, i) => [i, sample] as const))('sample %i', (i, sample) => {
      for (const float of ['float32', 'float16', 'float64'] as const) {
        const { graph, inputs } = graphOf(op, sample, float);
        const random = randomSource(i + 1);
        const data = inputs.map((x) => sampleData(x, float, random));
        expect(() => compare(graph, data)).not.toThrow();
      }
    });
  },
);
