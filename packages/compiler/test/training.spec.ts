/** Whole training steps, compiled and interpreted, against backend-cpu; state is updated in place. */
import { compileGraph } from '../src/compile.ts';
import type { Program } from '../src/ir.ts';
import { compare, draw, randomSource } from './compare.ts';
import { convnet, decoder, lstm, mlp } from './models.ts';
import type { Step } from './models.ts';

function check({ graph, donated, ranges }: Step): Program {
  const random = randomSource(11);
  const data = graph.inputs.map((id, i) => draw(graph.values[id]!, random, ranges[i]));
  return compare(graph, data, { donated, relative: 2e-4 });
}

/** Outputs after the loss that are not the memory of a donated input. */
const notInPlace = ({ outputs, buffers }: Program): number[] =>
  outputs.filter((id, i) => {
    const { place } = buffers[id]!;
    return i > 0 && !(place.kind === 'output' && place.alias !== undefined);
  });

it('an MLP with gradient descent', () => {
  const program = check(mlp(6, [10, 8, 8, 4]));
  expect(notInPlace(program)).toEqual([]);
});

it('a convolutional network with batch norm, pooling and AdamW', () => {
  const program = check(convnet(3, 12, 4));
  expect(notInPlace(program)).toEqual([]);
});

it('a transformer with AdamW', () => {
  const program = check(
    decoder({ batch: 2, tokens: 5, width: 8, heads: 2, layers: 2, vocabulary: 7 }),
  );
  expect(notInPlace(program)).toEqual([]);
});

it('an LSTM with AdamW', () => {
  const program = check(lstm(3, 4, 5, 6));
  expect(notInPlace(program)).toEqual([]);
});

it('compiles a step of a few hundred nodes to few kernels', () => {
  const { graph, donated } = decoder({
    batch: 8,
    tokens: 64,
    width: 128,
    heads: 4,
    layers: 4,
    vocabulary: 65,
  });
  const program = compileGraph(graph, { donated });
  expect(graph.nodes.length).toBeGreaterThan(900);
  expect(program.kernels.length).toBeLessThan(200);
});
