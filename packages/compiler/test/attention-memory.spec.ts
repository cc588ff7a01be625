/** What attention over long sequences takes, as planned. */
import { gradients, mul, placeholder, random, sum, traceGraph } from '@hebb/core';
import { scaledDotProductAttention } from '@hebb/ops';
import { compileGraph } from '../src/index.ts';

const heads = 4;
const size = 32;

/** Bytes of the arena of a forward and a backward pass over n tokens. */
function planned(n: number, options: { isCausal: boolean; dropoutP?: number }): number {
  const make = () => placeholder({ shape: [1, heads, n, size], dtype: 'float32' });
  const inputs = [make(), make(), make(), make()] as const;
  const [q, k, v, g] = inputs;
  const y = scaledDotProductAttention(q, k, v, { ...options, dropoutKey: random.key(3) });
  const found = gradients([sum(mul(y, g))], [q, k, v]);
  return compileGraph(traceGraph([y, ...found], inputs).graph).arenaBytes;
}

it.each([
  ['all keys', { isCausal: false }],
  ['earlier keys', { isCausal: true }],
  ['dropout', { isCausal: false, dropoutP: 0.1 }],
])('a training step keeps no square of scores: %s', (_, options) => {
  const [short, long] = [planned(8192, options), planned(16_384, options)];
  expect(long).toBeLessThan(2.2 * short);
  // A single float for each score would be 4 GB.
  expect(long).toBeLessThan((heads * 16_384 ** 2 * 4) / 40);
});
