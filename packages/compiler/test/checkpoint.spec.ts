/** Loops in checkpointed segments take the memory of a segment. */
import { gradients, placeholder, traceGraph } from '@hebb/core';
import { gru, lstm } from '@hebb/ops';
import { compileGraph } from '../src/index.ts';

const [steps, batch, features, hidden] = [512, 4, 8, 32] as const;

function trainingBytes(gates: 3 | 4, checkpoint?: number): number {
  const parameters = [
    [gates * hidden, features],
    [gates * hidden, hidden],
    [gates * hidden],
    [gates * hidden],
  ].map((shape) => placeholder({ shape, dtype: 'float32' }));
  const x = placeholder({ shape: [steps, batch, features], dtype: 'float32' });
  const [weightIh, weightHh, biasIh, biasHh] = parameters;
  const weights = { weightIh: weightIh!, weightHh: weightHh!, biasIh, biasHh };
  const [y] = (gates === 4 ? lstm : gru)(x, weights, { checkpoint });
  const loss = y.mul(y).sum();
  const found = gradients([loss], parameters);
  return compileGraph(traceGraph([loss, ...found], [...parameters, x]).graph).arenaBytes;
}

it.each([
  ['LSTM', 4],
  ['GRU', 3],
] as const)('%s: less than a fifth for a training step over 512 steps', (_, gates) => {
  const segments = trainingBytes(gates, 16);
  expect(segments).toBeLessThan(trainingBytes(gates) / 5);
  // What is left is mostly the outputs of all steps, which the loss reads.
  expect(segments).toBeLessThan(3 * steps * batch * hidden * 4);
});
