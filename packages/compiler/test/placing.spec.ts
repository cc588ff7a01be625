import {
  abs,
  add,
  argmin,
  cast,
  expand,
  flip,
  maximum,
  mul,
  permute,
  reshape,
  sum,
  traceFunction,
} from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { compileGraph } from '../src/compile.ts';
import { interpret } from './interpret.ts';

it('a sum that is wanted inside the loop that could compute it gets a loop of its own', async () => {
  // c is read at the position of argmin's own loop, so it must be there before that loop runs.
  const graph = traceFunction('case', [{ shape: [4, 2, 2], dtype: 'float32' }], (x) => {
    const c = mul(reshape(sum(x, [0, 2]), [1, 2, 1]), 0.3);
    const p = permute(c, [2, 0, 1]);
    const mirrored = expand(abs(flip(p, [0])), [4, 2, 2]);
    return [
      cast(argmin(p, 1), 'float32'),
      add(maximum(add(x, expand(c, [4, 2, 2])), mirrored), 0.5),
    ];
  });
  const x = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i));
  const backend = cpu();
  const executable = await backend.compile(graph);
  const wanted = executable
    .run([backend.upload(x, { shape: [4, 2, 2], dtype: 'float32' })])
    .map((buffer) => Array.from(backend.downloadSync!(buffer), Number));
  const avals = graph.outputs.map((id) => graph.values[id]!);
  const got = interpret(compileGraph(graph), [x], avals).map((data) => Array.from(data, Number));
  got.forEach((values, i) => {
    values.forEach((value, k) => expect(value).toBeCloseTo(wanted[i]![k]!, 5));
  });
});
