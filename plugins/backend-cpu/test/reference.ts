/** Definitions written out as plain loops over nested positions: slow, obvious, sharing nothing with the backend. */

export interface Plain {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** Every position of a shape, row-major. */
export function* positions(shape: readonly number[]): Generator<number[]> {
  const size = shape.reduce((a, b) => a * b, 1);
  for (let k = 0; k < size; k++) {
    const at = new Array<number>(shape.length);
    let rest = k;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at[axis] = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    yield at;
  }
}

export function element(x: Plain, at: readonly number[]): number {
  let k = 0;
  x.shape.forEach((dim, axis) => (k = k * dim + at[axis]!));
  return x.data[k]!;
}

/** An array of the shape whose element is a function of its position. */
export function build(shape: readonly number[], f: (at: number[]) => number): Plain {
  return { shape, data: [...positions(shape)].map(f) };
}

/** Reproducible numbers in (-1, 1), exact in float16 so that products stay exact for longer. */
export function noise(shape: readonly number[], seed = 1): Plain {
  let state = seed * 2654435761;
  return build(shape, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 24) - 128) / 128;
  });
}

export function matmul(a: Plain, b: Plain, transposeA = false, transposeB = false): Plain {
  const at = (x: Plain, batch: readonly number[], i: number, j: number, flip: boolean): number => {
    const lead = x.shape.length - 2;
    const own = batch
      .slice(batch.length - lead)
      .map((index, axis) => (x.shape[axis] === 1 ? 0 : index));
    return element(x, [...own, ...(flip ? [j, i] : [i, j])]);
  };
  const [la, lb] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const rank = Math.max(la.length, lb.length);
  const batch = Array.from({ length: rank }, (_, axis) => {
    const left = la[axis - rank + la.length] ?? 1;
    return left === 1 ? (lb[axis - rank + lb.length] ?? 1) : left;
  });
  const [m, k] = transposeA
    ? [a.shape.at(-1)!, a.shape.at(-2)!]
    : [a.shape.at(-2)!, a.shape.at(-1)!];
  const n = transposeB ? b.shape.at(-2)! : b.shape.at(-1)!;
  return build([...batch, m, n], (position) => {
    const lead = position.slice(0, -2);
    let total = 0;
    for (let p = 0; p < k; p++) {
      total +=
        at(a, lead, position.at(-2)!, p, transposeA) * at(b, lead, p, position.at(-1)!, transposeB);
    }
    return total;
  });
}

export interface ConvSettings {
  readonly stride: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** Visits every product of a convolution: positions in the output, the input and the weight. */
function forProducts(
  x: readonly number[],
  w: readonly number[],
  { stride, padding, dilation, groups }: ConvSettings,
  visit: (y: number[], x: number[], w: number[]) => void,
): number[] {
  const spatial = x.slice(2).map((size, i) => {
    const [low, high] = padding[i]!;
    return Math.floor((size + low + high - dilation[i]! * (w[2 + i]! - 1) - 1) / stride[i]!) + 1;
  });
  const shape = [x[0]!, w[0]!, ...spatial];
  for (const y of positions(shape)) {
    const group = Math.floor(y[1]! / (w[0]! / groups));
    for (const tap of positions(w.slice(1))) {
      const at = tap
        .slice(1)
        .map((t, i) => y[2 + i]! * stride[i]! + t * dilation[i]! - padding[i]![0]);
      if (at.every((p, i) => p >= 0 && p < x[2 + i]!)) {
        visit(y, [y[0]!, group * w[1]! + tap[0]!, ...at], [y[1]!, ...tap]);
      }
    }
  }
  return shape;
}

class Sums {
  readonly totals = new Map<string, number>();
  add(at: readonly number[], value: number): void {
    const key = at.join();
    this.totals.set(key, (this.totals.get(key) ?? 0) + value);
  }
  plain(shape: readonly number[]): Plain {
    return build(shape, (at) => this.totals.get(at.join()) ?? 0);
  }
}

export function conv(x: Plain, w: Plain, settings: ConvSettings): Plain {
  const sums = new Sums();
  const shape = forProducts(x.shape, w.shape, settings, (y, xi, wi) =>
    sums.add(y, element(x, xi) * element(w, wi)),
  );
  return sums.plain(shape);
}

export function convTranspose(
  g: Plain,
  w: Plain,
  settings: ConvSettings,
  xShape: readonly number[],
): Plain {
  const sums = new Sums();
  forProducts(xShape, w.shape, settings, (y, xi, wi) =>
    sums.add(xi, element(g, y) * element(w, wi)),
  );
  return sums.plain(xShape);
}

export function convKernelGrad(
  x: Plain,
  g: Plain,
  settings: ConvSettings,
  wShape: readonly number[],
): Plain {
  const sums = new Sums();
  forProducts(x.shape, wShape, settings, (y, xi, wi) =>
    sums.add(wi, element(x, xi) * element(g, y)),
  );
  return sums.plain(wShape);
}

/** Largest element of each window over the last two axes. */
export function maxPool(x: Plain, size: number, stride: number, padding: number): Plain {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const out = (d: number): number => Math.floor((d + 2 * padding - size) / stride) + 1;
  return build([n, c, out(h), out(w)], ([b, k, i, j]) => {
    let best = -Infinity;
    for (let p = 0; p < size; p++) {
      for (let q = 0; q < size; q++) {
        const [r, s] = [i! * stride + p - padding, j! * stride + q - padding];
        if (r >= 0 && r < h && s >= 0 && s < w) best = Math.max(best, element(x, [b!, k!, r, s]));
      }
    }
    return best;
  });
}
