/** What reductions, orders and contractions mean. */
import type { Attrs, Aval, ConvAttrs } from '@hebb/core';
import { Accumulator, at, build, compare, offset, positions } from './values.ts';
import type { Num, Value } from './values.ts';

type Rule = (inputs: readonly Value[], attrs: Attrs, out: Aval) => Value | Value[];

/** For each output element the input elements that are reduced into it, in row-major order. */
function groups(x: Value, axes: readonly number[], out: Aval): Num[][] {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const reduced = positions(axes.map((axis) => x.shape[axis]!));
  return positions(out.shape).map((position) =>
    reduced.map((inner) => {
      const source = new Array<number>(x.shape.length);
      kept.forEach((axis, k) => (source[axis] = position[k]!));
      axes.forEach((axis, k) => (source[axis] = inner[k]!));
      return at(x, source);
    }),
  );
}

const fold =
  (f: (elements: readonly Num[], x: Value) => Num): Rule =>
  ([x], attrs, out) => {
    const all = groups(x!, attrs['axes'] as readonly number[], out);
    return build(out, (_, i) => f(all[i]!, x!));
  };

const extremum = (sign: number): Rule =>
  fold((elements, x) => {
    if (elements.some((e) => Number.isNaN(e))) return NaN;
    // Only bool has an extremum of nothing: any and all.
    if (elements.length === 0 && x.dtype === 'bool') return sign > 0 ? 0 : 1;
    return elements.reduce((best, e) => (sign * compare(e, best) > 0 ? e : best));
  });

const argExtremum =
  (sign: number): Rule =>
  ([x], attrs, out) => {
    const all = groups(x!, [attrs['axis'] as number], out);
    return build(out, (_, i) => {
      const elements = all[i]!;
      const nan = elements.findIndex((e) => Number.isNaN(e));
      if (nan >= 0) return nan;
      let best = 0;
      elements.forEach((e, k) => {
        if (sign * compare(e, elements[best]!) > 0) best = k;
      });
      return best;
    });
  };

function line(x: Value, position: readonly number[], axis: number): Num[] {
  return Array.from({ length: x.shape[axis]! }, (_, k) =>
    at(
      x,
      position.map((p, i) => (i === axis ? k : p)),
    ),
  );
}

/** Each line along the axis in order, found once for all its positions. */
function sorter(
  x: Value,
  attrs: Attrs,
): (position: readonly number[]) => { value: Num; from: number } {
  const axis = attrs['axis'] as number;
  const sign = attrs['descending'] === true ? -1 : 1;
  const lines = new Map<number, { value: Num; from: number }[]>();
  return (position) => {
    const start = offset(
      x.shape,
      position.map((p, i) => (i === axis ? 0 : p)),
    );
    let order = lines.get(start);
    if (order === undefined) {
      order = line(x, position, axis)
        .map((value, from) => ({ value, from }))
        .sort((a, b) => sign * compare(a.value, b.value) || a.from - b.from);
      lines.set(start, order);
    }
    return order[position[axis]!]!;
  };
}

/** Calls `visit` for each product of the convolution: input, weight and output position. */
function convolve(
  x: Aval,
  w: Aval,
  y: Aval,
  attrs: ConvAttrs,
  visit: (x: number[], w: number[], y: number[]) => void,
): void {
  const { stride, padding, dilation, groups: count } = attrs;
  const perGroup = w.shape[0]! / count;
  for (const out of positions(y.shape)) {
    const group = Math.floor(out[1]! / perGroup);
    for (const tap of positions(w.shape.slice(1))) {
      const spatial = stride.map(
        (s, i) => out[2 + i]! * s + tap[1 + i]! * dilation[i]! - padding[i]![0],
      );
      if (spatial.some((p, i) => p < 0 || p >= x.shape[2 + i]!)) continue;
      visit([out[0]!, group * w.shape[1]! + tap[0]!, ...spatial], [out[1]!, ...tap], out);
    }
  }
}

function convolution(which: 'y' | 'x' | 'w'): Rule {
  return ([first, second], attrs, out) => {
    const conv = attrs as Attrs & ConvAttrs;
    const sums: (Accumulator | undefined)[] = [];
    const sum = (position: number[]): Accumulator =>
      (sums[offset(out.shape, position)] ??= new Accumulator(out.dtype));
    if (which === 'y') {
      convolve(first!, second!, out, conv, (x, w, y) => sum(y).add(at(first!, x), at(second!, w)));
    } else if (which === 'x') {
      convolve(out, second!, first!, conv, (x, w, y) => sum(x).add(at(first!, y), at(second!, w)));
    } else {
      convolve(first!, out, second!, conv, (x, w, y) => sum(w).add(at(first!, x), at(second!, y)));
    }
    return build(out, (_, i) => sums[i]?.value ?? 0);
  };
}

export const reduceRules: Readonly<Record<string, Rule>> = {
  sum: fold((elements, x) => {
    const total = new Accumulator(x.dtype);
    for (const e of elements) total.add(e);
    return total.value;
  }),
  prod: fold((elements, x) => {
    const total = new Accumulator(x.dtype, 1);
    for (const e of elements) total.multiply(e);
    return total.value;
  }),
  max: extremum(1),
  min: extremum(-1),
  argmax: argExtremum(1),
  argmin: argExtremum(-1),
  cumsum: ([x], attrs, out) => {
    const axis = attrs['axis'] as number;
    return build(out, (position) => {
      const total = new Accumulator(out.dtype);
      line(x!, position, axis).forEach((e, k) => {
        const distance = attrs['reverse'] === true ? k - position[axis]! : position[axis]! - k;
        if (distance > 0 || (distance === 0 && attrs['exclusive'] !== true)) total.add(e);
      });
      return total.value;
    });
  },
  sort: ([x], attrs, out) => {
    const order = sorter(x!, attrs);
    return [
      build(out, (position) => order(position).value),
      build({ shape: out.shape, dtype: 'int32' }, (position) => order(position).from),
    ];
  },
  matmul: ([a, b], { transposeA, transposeB }, out) => {
    const inner = a!.shape[a!.shape.length - (transposeA === true ? 2 : 1)]!;
    const batch = (x: Value, position: readonly number[]): number[] => {
      const lead = position.slice(0, -2).slice(position.length - x.shape.length);
      return lead.map((p, i) => (x.shape[i] === 1 ? 0 : p));
    };
    return build(out, (position) => {
      const [row, column] = position.slice(-2) as [number, number];
      const total = new Accumulator(out.dtype);
      for (let k = 0; k < inner; k++) {
        total.add(
          at(a!, [...batch(a!, position), ...(transposeA === true ? [k, row] : [row, k])]),
          at(b!, [...batch(b!, position), ...(transposeB === true ? [column, k] : [k, column])]),
        );
      }
      return total.value;
    });
  },
  conv: convolution('y'),
  convTranspose: convolution('x'),
  convKernelGrad: convolution('w'),
};
