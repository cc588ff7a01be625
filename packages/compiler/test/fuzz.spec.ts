/** Seeded random graphs of fusable ops, compiled and interpreted, against backend-cpu. */
import * as core from '@hebb/core';
import { placeholder, traceGraph } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { compare, draw, randomSource } from './compare.ts';

const whole = (random: () => number, low: number, high: number): number =>
  low + Math.floor(random() * (high - low + 1));

function pick<T>(list: readonly T[], random: () => number): T {
  return list[whole(random, 0, list.length - 1)]!;
}

type Step = (x: Tensor, pool: readonly Tensor[], random: () => number) => Tensor | undefined;

const unary: Step = (x, _, random) =>
  pick(
    [
      () => core.exp(core.minimum(x, 2)),
      () => core.tanh(x),
      () => core.neg(x),
      () => core.abs(x),
      () => core.mul(x, x),
      () => core.add(x, 0.5),
      () => core.sqrt(core.add(core.abs(x), 0.1)),
      () => core.where(core.lt(x, 0), core.mul(x, 0.1), x),
      () => core.cast(core.cast(x, 'float64'), 'float32'),
    ],
    random,
  )();

const binary: Step = (x, pool, random) => {
  const fits = pool.filter((y) => {
    if (y.rank > x.rank) return false;
    return y.shape.every((dim, i) => dim === 1 || dim === x.shape[x.rank - y.rank + i]);
  });
  if (fits.length === 0) return undefined;
  const y = pick(fits, random);
  return pick([core.add, core.sub, core.mul, core.maximum, core.minimum], random)(x, y);
};

const reduce: Step = (x, _, random) => {
  if (x.rank === 0) return undefined;
  const axes = x.shape.map((_, i) => i).filter(() => random() < 0.5);
  if (axes.length === 0) return undefined;
  const y = pick([core.sum, core.max, core.min], random)(x, axes, random() < 0.7);
  return core.mul(y, 0.3);
};

const positions: Step = (x, _, random) =>
  x.rank === 0
    ? undefined
    : core.cast(
        pick([core.argmax, core.argmin], random)(x, whole(random, 0, x.rank - 1)),
        'float32',
      );

const move: Step = (x, _, random) => {
  const axis = whole(random, 0, Math.max(0, x.rank - 1));
  if (x.rank === 0) return core.expand(x, [3]);
  return pick<() => Tensor | undefined>(
    [
      () => core.reshape(x, [x.size]),
      () => core.reshape(x, [...x.shape, 1]),
      () => (x.size % 2 === 0 ? core.reshape(x, [2, x.size / 2]) : undefined),
      () =>
        core.permute(
          x,
          x.shape.map((_, i) => i).sort(() => random() - 0.5),
        ),
      () => core.flip(x, axis),
      () => (x.shape[axis]! > 1 ? core.narrow(x, axis, 1, x.shape[axis]! - 1) : undefined),
      () =>
        core.pad(
          x,
          { low: x.shape.map((_, i) => (i === axis ? 1 : 0)), high: x.shape.map(() => 0) },
          0.25,
        ),
      () =>
        x.size < 80
          ? core.expand(core.unsqueeze(x, axis), [
              ...x.shape.slice(0, axis),
              2,
              ...x.shape.slice(axis),
            ])
          : undefined,
      () =>
        x.shape[x.rank - 1]! > 2
          ? core.window(x, { size: [2], stride: [1], dilation: [1] })
          : undefined,
    ],
    random,
  )();
};

const join: Step = (x, pool, random) => {
  if (x.rank === 0) return undefined;
  const axis = whole(random, 0, x.rank - 1);
  const fits = pool.filter(
    (y) => y.rank === x.rank && y.shape.every((dim, i) => i === axis || dim === x.shape[i]),
  );
  return fits.length === 0 || x.size > 100 ? undefined : core.concat([x, pick(fits, random)], axis);
};

const contract: Step = (x, pool, random) => {
  if (x.rank !== 2) return undefined;
  const fits = pool.filter((y) => y.rank === 2 && y.shape[0] === x.shape[1]);
  return fits.length === 0 ? undefined : core.mul(core.matmul(x, pick(fits, random)), 0.2);
};

const steps: readonly Step[] = [
  unary,
  unary,
  binary,
  binary,
  binary,
  reduce,
  move,
  move,
  join,
  contract,
  positions,
];

export function randomGraph(seed: number, length: number) {
  const random = randomSource(seed);
  const dims = [whole(random, 1, 5), whole(random, 1, 4), whole(random, 2, 5)];
  const inputs = Array.from({ length: 3 }, (_, i) =>
    placeholder({ shape: dims.slice(i === 0 ? 0 : whole(random, 0, 2)), dtype: 'float32' }),
  );
  const pool: Tensor[] = [...inputs];
  for (let i = 0; i < length; i++) {
    const x = random() < 0.6 ? pool[pool.length - 1]! : pick(pool, random);
    const y = pick(steps, random)(x, pool, random);
    if (y !== undefined && y.size <= 240) pool.push(y);
  }
  const outputs = [pool[pool.length - 1]!, ...pool.filter(() => random() < 0.2)];
  return { graph: traceGraph(outputs, inputs).graph, random };
}

describe('random graphs', () => {
  it.each(Array.from({ length: Number(process.env['FUZZ'] ?? 150) }, (_, i) => i + 1))(
    'seed %i',
    (seed) => {
      const { graph, random } = randomGraph(seed, 6 + (seed % 30));
      const data = graph.inputs.map((id) => draw(graph.values[id]!, random));
      expect(() => compare(graph, data, { relative: 1e-4 })).not.toThrow();
      // Cheap kernels make other groupings.
      expect(() => compare(graph, data, { relative: 1e-4, kernelCost: 5 })).not.toThrow();
      // Donating everything must change nothing but where results lie.
      const donated = graph.inputs.map((_, i) => i);
      expect(() => compare(graph, data, { relative: 1e-4, donated })).not.toThrow();
    },
  );
});
