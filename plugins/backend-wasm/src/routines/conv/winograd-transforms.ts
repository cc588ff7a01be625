/**
 * The one-dimensional transforms of Winograd's minimal filtering F(m, 3) for m = 2 and 4. Lavin, Gray: "Fast
 * algorithms for convolutional neural networks", CVPR 2016, arXiv:1509.09308. Each takes vectors whose lanes
 * are tiles and leaves vectors of the same kind. F(4, 3) interpolates at 0, 1, -1, 1/2 and -2 (Barabasz et al.:
 * "Error analysis and improving the accuracy of Winograd convolution", ACM TOMS 46, 2020): its errors are
 * about twice those of direct summation, where the usual points make it eight times; those of F(2, 3) are less.
 */
import { f32x4 } from '../../wasm/index.ts';
import type { FunctionBuilder, V128 } from '../../wasm/index.ts';
import { float } from '../../math/constants.ts';
import { madd, nmadd } from '../target.ts';
import type { Target } from '../target.ts';

/** Outputs along one axis of a tile. */
export type TileSize = 2 | 4;
export const inputSize = (m: TileSize): number => m + 2;

type Transform = (f: FunctionBuilder, t: Target, x: readonly V128[]) => V128[];

const { add, sub, mul } = f32x4;

/** m + 2 inputs to m + 2 values. */
export const transformInput: Readonly<Record<TileSize, Transform>> = {
  2: (f, _t, [d0, d1, d2, d3]) =>
    [sub(d0!, d2!), add(d1!, d2!), sub(d2!, d1!), sub(d1!, d3!)].map((x) => f.let(x)),
  4: (f, t, [d0, d1, d2, d3, d4, d5]) => {
    const u = f.let(sub(d3!, d1!));
    const v = f.let(sub(d4!, d2!));
    return [
      madd(t, float(1.5), u, nmadd(t, float(2), d2!, add(d0!, d4!))),
      madd(t, float(1.5), add(d2!, d3!), add(u, v)),
      madd(t, float(1.5), sub(d3!, d2!), sub(v, u)),
      madd(t, float(2), u, v),
      nmadd(t, float(0.5), u, v),
      madd(t, float(1.5), v, nmadd(t, float(2), d3!, add(d1!, d5!))),
    ].map((x) => f.let(x));
  },
};

/** 3 taps to m + 2 values. */
export const transformKernel: Readonly<Record<TileSize, Transform>> = {
  2: (f, _t, [g0, g1, g2]) => {
    const ends = f.let(mul(add(g0!, g2!), float(0.5)));
    const middle = f.let(mul(g1!, float(0.5)));
    return [g0!, f.let(add(ends, middle)), f.let(sub(ends, middle)), g2!];
  },
  4: (f, t, [g0, g1, g2]) => {
    const ends = f.let(mul(add(g0!, g2!), float(1 / 3)));
    const middle = f.let(mul(g1!, float(1 / 3)));
    const weighted = (a: number, b: number, c: number): V128 =>
      madd(t, g0!, float(a), madd(t, g1!, float(b), mul(g2!, float(c))));
    return [
      g0!,
      f.let(add(middle, ends)),
      f.let(sub(middle, ends)),
      f.let(weighted(-16 / 15, -8 / 15, -4 / 15)),
      f.let(weighted(1 / 15, -2 / 15, 4 / 15)),
      g2!,
    ];
  },
};

/** m + 2 values to m outputs. */
export const transformOutput: Readonly<Record<TileSize, Transform>> = {
  2: (f, _t, [m0, m1, m2, m3]) =>
    [add(add(m0!, m1!), m2!), sub(sub(m1!, m2!), m3!)].map((x) => f.let(x)),
  4: (f, t, [m0, m1, m2, m3, m4, m5]) => {
    const even = f.let(add(m1!, m2!));
    const odd = f.let(sub(m1!, m2!));
    return [
      add(add(m0!, even), add(m3!, m4!)),
      nmadd(t, float(2), m4!, madd(t, float(0.5), m3!, odd)),
      madd(t, float(4), m4!, madd(t, float(0.25), m3!, even)),
      nmadd(t, float(8), m4!, madd(t, float(0.125), m3!, add(odd, m5!))),
    ].map((x) => f.let(x));
  },
};

/** Rows, then columns, of a square of vectors. */
export function transformSquare(
  f: FunctionBuilder,
  t: Target,
  transform: Transform,
  square: readonly (readonly V128[])[],
): V128[][] {
  const rows = square.map((row) => transform(f, t, row));
  const columns = rows[0]!.map((_, j) =>
    transform(
      f,
      t,
      rows.map((row) => row[j]!),
    ),
  );
  return columns[0]!.map((_, i) => columns.map((column) => column[i]!));
}

/** Constants for the table in memory. */
export const winogradConstants = [
  2,
  4,
  8,
  1.5,
  0.5,
  0.25,
  0.125,
  1 / 3,
  ...[-16, -8, -4, -2, 1, 4].map((x) => x / 15),
];
