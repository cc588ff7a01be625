/** Attention in parts, as compiled backends run it, beside the oracle, which runs it whole. */
import { cpu } from '@hebb/backend-cpu';
import { wasm } from '@hebb/backend-wasm';
import { concat, gradients, init, random, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { scaledDotProductAttention } from '@hebb/ops';
import type { AttentionOptions } from '@hebb/ops';

const draw = (seed: number, ...shape: number[]): Tensor => random.normal(random.key(seed), shape);
const padding = tensor(
  Array.from({ length: 2 }, (_, row) => [
    [Array.from({ length: 100 }, (_, k) => k < 60 + 30 * row)],
  ]),
);

const cases: readonly (readonly [string, AttentionOptions])[] = [
  ['causal', { isCausal: true }],
  ['causal behind a cache', { isCausal: true, offset: 10 }],
  ['causal, padded', { isCausal: true, attnMask: padding }],
  ['a window', { isCausal: true, window: 20 }],
  ['a window both ways', { window: 7, softcap: 3 }],
  ['biases', { isCausal: true, attnMask: draw(9, 4, 90, 100) }],
];

it.each(cases)('%s: values and gradients', async (_, options) => {
  const results: number[][][] = [];
  for (const backend of [cpu(), wasm()]) {
    await init(backend);
    const [q, k, v] = [draw(1, 2, 4, 90, 8), draw(2, 2, 2, 100, 8), draw(3, 2, 2, 100, 5)];
    const y = scaledDotProductAttention(q, k, v, options);
    const all = [y, ...gradients(y, [q, k, v], { cotangents: [draw(4, 2, 4, 90, 5)] })];
    results.push(await Promise.all(all.map(async (x) => Array.from(await x.data(), Number))));
  }
  const [want, got] = results as [number[][], number[][]];
  got.forEach((values, i) => {
    const worst = values.reduce((most, x, j) => Math.max(most, Math.abs(x - want[i]![j]!)), 0);
    expect(worst).toBeLessThan(1e-4);
    expect(values).toHaveLength(want[i]!.length);
  });
});

// 4.3 million scores are more than are held at once; those of each half are not.
it.each([false, true])('a long sequence as its two halves (causal: %s)', async (isCausal) => {
  await init(wasm());
  const [queries, half] = [1460, 730];
  const [q, g] = [draw(1, 2, 1, queries, 8), draw(4, 2, 1, queries, 5)];
  const [k, v] = [draw(2, 2, 1, queries, 8), draw(3, 2, 1, queries, 5)];
  const run = (first: number, count: number): Tensor[] => {
    const own = q.narrow(2, first, count);
    const y = scaledDotProductAttention(own, k, v, { isCausal, offset: first });
    return [y, ...gradients(y, [own, k, v], { cotangents: [g.narrow(2, first, count)] })];
  };
  const [one, two] = [run(0, half), run(half, half)];
  const want = one.map((x, i) => (i < 2 ? concat([x, two[i]!], 2) : x.add(two[i]!)));
  for (const [i, x] of run(0, queries).entries()) {
    expect(await x.sub(want[i]!).abs().max().item()).toBeLessThan(1e-5);
  }
});
