/** Graphs of whole training steps and blocks, compiled and interpreted, against backend-cpu. */
import * as core from '@hebb/core';
import { capture, Variable, valueAndGrad, compile, zeros } from '@hebb/core';
import type { Graph, Tensor } from '@hebb/core';
import { compare, draw, randomSource } from './compare.ts';

function inputsOf(graph: Graph, seed: number) {
  const random = randomSource(seed);
  return graph.inputs.map((id) => draw(graph.values[id]!, random));
}

it('runs', () => {
  const x = core.placeholder({ shape: [4, 6], dtype: 'float32' });
  const e = core.exp(core.sub(x, core.max(x, -1, true)));
  const y = core.div(e, core.sum(e, -1, true));
  const { graph } = core.traceGraph([y], [x]);
  const program = compare(graph, inputsOf(graph, 1));
  expect(program.kernels).toHaveLength(1);
  console.warn(JSON.stringify(program.kernels[0]));
});
void capture;
void Variable;
void valueAndGrad;
void compile;
void zeros;
void (0 as unknown as Tensor);
