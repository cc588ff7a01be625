/** Vector times matrix: every element of the matrix is used once, so packing it would cost more than the product. */
import type { Matrix } from './gemm.ts';

let totals = new Float64Array(0);

/**
 * out[oi + j·os] = Σₚ x[xi + xs[p]] · b(p, j), or += with `add`, for j < n. Sums run in float64.
 */
export function vectorMatrix(
  k: number,
  n: number,
  x: Float32Array,
  xi: number,
  xs: Int32Array,
  { data, at, rows, columns }: Matrix<Float32Array>,
  out: Float32Array,
  oi: number,
  os: number,
  add: boolean,
): void {
  if (totals.length < n) totals = new Float64Array(n);
  const sum = totals;
  for (let j = 0; j < n; j++) sum[j] = add ? out[oi + j * os]! : 0;
  // Walks along whichever axis lies closer together in memory, four lines at a time.
  const along = n > 1 && k > 1 && Math.abs(columns[1]!) <= Math.abs(rows[1]!);
  if (along) {
    let p = 0;
    for (; p + 3 < k; p += 4) {
      const x0 = x[xi + xs[p]!]!;
      const x1 = x[xi + xs[p + 1]!]!;
      const x2 = x[xi + xs[p + 2]!]!;
      const x3 = x[xi + xs[p + 3]!]!;
      const r0 = at + rows[p]!;
      const r1 = at + rows[p + 1]!;
      const r2 = at + rows[p + 2]!;
      const r3 = at + rows[p + 3]!;
      for (let j = 0; j < n; j++) {
        const c = columns[j]!;
        sum[j] =
          sum[j]! +
          x0 * data[r0 + c]! +
          x1 * data[r1 + c]! +
          x2 * data[r2 + c]! +
          x3 * data[r3 + c]!;
      }
    }
    for (; p < k; p++) {
      const x0 = x[xi + xs[p]!]!;
      const r0 = at + rows[p]!;
      for (let j = 0; j < n; j++) sum[j] = sum[j]! + x0 * data[r0 + columns[j]!]!;
    }
  } else {
    let j = 0;
    for (; j + 3 < n; j += 4) {
      const c0 = at + columns[j]!;
      const c1 = at + columns[j + 1]!;
      const c2 = at + columns[j + 2]!;
      const c3 = at + columns[j + 3]!;
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let p = 0; p < k; p++) {
        const r = rows[p]!;
        const value = x[xi + xs[p]!]!;
        s0 += value * data[c0 + r]!;
        s1 += value * data[c1 + r]!;
        s2 += value * data[c2 + r]!;
        s3 += value * data[c3 + r]!;
      }
      sum[j] = sum[j]! + s0;
      sum[j + 1] = sum[j + 1]! + s1;
      sum[j + 2] = sum[j + 2]! + s2;
      sum[j + 3] = sum[j + 3]! + s3;
    }
    for (; j < n; j++) {
      const c0 = at + columns[j]!;
      let total = 0;
      for (let p = 0; p < k; p++) total += x[xi + xs[p]!]! * data[c0 + rows[p]!]!;
      sum[j] = sum[j]! + total;
    }
  }
  for (let j = 0; j < n; j++) out[oi + j * os] = sum[j]!;
}
