/** Index arithmetic by brute force: seeded random chains of movements against arrays that are really moved. */
import { placeholder, traceGraph } from '@hebb/core';
import * as core from '@hebb/core';
import type { Tensor } from '@hebb/core';
import {
  bijection,
  divideIndex,
  evaluateIndex,
  isLinear,
  rangeOf,
  substitute,
  variableIndex,
} from '../src/affine.ts';
import type { Index } from '../src/ir.ts';
import { moveBack, ravel } from '../src/movement.ts';
import { draw, oracle, randomSource } from './compare.ts';

function* everyPosition(sizes: readonly number[]): Generator<number[]> {
  const total = sizes.reduce((n, d) => n * d, 1);
  for (let flat = 0; flat < total; flat++) {
    let rest = flat;
    const at = new Array<number>(sizes.length);
    for (let i = sizes.length - 1; i >= 0; i--) {
      at[i] = rest % sizes[i]!;
      rest = Math.floor(rest / sizes[i]!);
    }
    yield at;
  }
}

const whole = (random: () => number, low: number, high: number): number =>
  low + Math.floor(random() * (high - low + 1));

describe('divideIndex', () => {
  it.each(Array.from({ length: 60 }, (_, seed) => seed))('seed %i', (seed) => {
    const random = randomSource(seed + 1);
    const sizes = Array.from({ length: whole(random, 1, 3) }, () => whole(random, 1, 6));
    // A mixed radix number, which reshapes make, with a random offset now and then.
    let stride = whole(random, 1, 3);
    const terms = [];
    for (let v = sizes.length - 1; v >= 0; v--) {
      if (sizes[v] !== 1) terms.push({ variable: v, stride, div: 1, mod: 0 });
      stride *= sizes[v]! * whole(random, 1, 2);
    }
    const index: Index = { offset: random() < 0.3 ? whole(random, -7, 7) : 0, terms };
    for (const by of [2, 3, 4, 6, 12]) {
      const divided = divideIndex(index, by, sizes);
      if (divided === undefined) continue;
      const [low, high] = rangeOf(divided.quotient, sizes);
      for (const at of everyPosition(sizes)) {
        const value = evaluateIndex(index, at);
        const quotient = evaluateIndex(divided.quotient, at);
        expect(quotient).toBe(Math.floor(value / by));
        expect(evaluateIndex(divided.remainder, at)).toBe(value - by * Math.floor(value / by));
        expect(quotient).toBeGreaterThanOrEqual(low);
        expect(quotient).toBeLessThanOrEqual(high);
      }
    }
  });

  it('splits and merges contiguous axes without division', () => {
    const sizes = [4, 6];
    const flat = ravel([variableIndex(0, sizes), variableIndex(1, sizes)], [4, 6], sizes);
    const divided = divideIndex(flat, 6, sizes)!;
    expect(divided.quotient).toEqual(variableIndex(0, sizes));
    expect(divided.remainder).toEqual(variableIndex(1, sizes));
    const halves = divideIndex(flat, 3, sizes)!;
    expect(isLinear(halves.quotient)).toBe(false);
    const joined = substitute(
      halves.quotient,
      [variableIndex(0, sizes), variableIndex(1, sizes)],
      sizes,
    );
    expect(joined).toEqual(halves.quotient);
  });

  it('joins digits of one variable again', () => {
    const sizes = [24];
    const v = variableIndex(0, sizes);
    const { quotient, remainder } = divideIndex(v, 6, sizes)!;
    expect(ravel([quotient, remainder], [4, 6], sizes)).toEqual(v);
  });
});

it('knows bijections', () => {
  const sizes = [3, 4];
  const [a, b] = [variableIndex(0, sizes), variableIndex(1, sizes)];
  expect(bijection(ravel([b, a], [4, 3], sizes), [0, 1], sizes, 12)).toBeDefined();
  expect(bijection(ravel([a, b], [3, 5], sizes), [0, 1], sizes, 12)).toBeUndefined();
  expect(bijection(b, [0, 1], sizes, 4)).toBeUndefined();
  expect(bijection(b, [1], sizes, 4)).toBeDefined();
});

/** A random movement of x, or x where it does not apply. */
function randomMove(x: Tensor, random: () => number): Tensor {
  const { shape, rank } = x;
  const axis = whole(random, 0, Math.max(0, rank - 1));
  switch (whole(random, 0, 6)) {
    case 0: {
      const factors: number[] = [];
      let rest = x.size;
      while (rest > 1 && factors.length < 4) {
        const divisors = [2, 3, 4, 5, 6].filter((d) => rest % d === 0);
        const d = divisors.length === 0 ? rest : divisors[whole(random, 0, divisors.length - 1)]!;
        factors.push(d);
        rest /= d;
      }
      return core.reshape(x, rest > 1 ? [...factors, rest] : factors);
    }
    case 1:
      return core.permute(
        x,
        shape.map((_, i) => i).sort(() => random() - 0.5),
      );
    case 2:
      return x.size > 60
        ? x
        : core.expand(core.unsqueeze(x, axis), [...shape.slice(0, axis), 2, ...shape.slice(axis)]);
    case 3: {
      if (rank === 0) return x;
      const starts = shape.map((dim) => whole(random, 0, Math.max(0, Math.min(1, dim - 1))));
      const steps = shape.map(() => whole(random, 1, 2));
      const sizes = shape.map((dim, i) => Math.floor((dim - starts[i]! - 1) / steps[i]!) + 1);
      return core.slice(x, { starts, steps, sizes });
    }
    case 4:
      return rank === 0 ? x : core.flip(x, axis);
    case 5: {
      if (rank === 0 || x.size > 60) return x;
      const width = (): number[] => shape.map(() => whole(random, 0, 1));
      return core.pad(x, { low: width(), high: width(), interior: width() }, 7);
    }
    default: {
      if (rank === 0 || rank > 3 || shape[rank - 1]! < 2) return x;
      return core.window(x, { size: [2], stride: [whole(random, 1, 2)], dilation: [1] });
    }
  }
}

describe('moveBack', () => {
  it.each(Array.from({ length: 80 }, (_, seed) => seed))('seed %i', (seed) => {
    const random = randomSource(seed + 100);
    const shape = Array.from({ length: whole(random, 1, 3) }, () => whole(random, 1, 4));
    const x = placeholder({ shape, dtype: 'float64' });
    let y: Tensor = x;
    for (let i = 0; i < 5; i++) y = randomMove(y, random);
    const { graph } = traceGraph([y], [x]);
    const data = draw(x, random);
    const [wanted] = oracle(graph, [data]);
    // Walks from the result to the input, op by op, as far as indices can say it.
    const sizes = y.shape;
    const start: readonly Index[] = sizes.map((_, axis) => variableIndex(axis, sizes));
    const steps: { conditions: { index: Index; low: number; high: number }[]; fill: number }[] = [];
    let coords = start;
    for (const node of [...graph.nodes].reverse()) {
      const [from, to] = [graph.values[node.outputs[0]!]!, graph.values[node.inputs[0]!]!];
      const place = moveBack(node.op.name, node.attrs, coords, from.shape, to.shape, sizes);
      if (place === undefined) return;
      coords = place.coords;
      steps.push({ conditions: [...place.conditions], fill: Number(place.fill ?? 0) });
    }
    const index = ravel(coords, shape, sizes);
    let flat = 0;
    for (const at of everyPosition(sizes)) {
      const outside = steps.find(({ conditions }) =>
        conditions.some((c) => {
          const value = evaluateIndex(c.index, at);
          return value < c.low || value >= c.high;
        }),
      );
      const got = outside === undefined ? data[evaluateIndex(index, at)] : outside.fill;
      expect(got).toBe(wanted![flat++]);
    }
  });
});
