/**
 * Matrix products. float32 runs in 4 x 4 tiles of float64 accumulators over packed panels (Goto and van de
 * Geijn 2008): sixteen products for eight loads, and every load is from a line that is already in cache.
 */
import type { HostArray } from '@hebb/core';
import { vectorMatrix } from './gemv.ts';

/**
 * A matrix inside an array: element (i, j) lies at `at + rows[i] + columns[j]`. Tables instead of two strides
 * also describe the windows of an image, which so are never written out.
 */
export interface Matrix<T> {
  readonly data: T;
  readonly at: number;
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/** Positions of `count` lines that lie `stride` apart. */
export function every(stride: number, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i * stride);
}

const tile = 4;
/** Depth of a panel, rows of packed A (128 KiB) and columns of packed B (512 KiB) at a time. */
const depth = 256;
const blockRows = 128;
const blockColumns = 512;
const packedA = new Float32Array(depth * blockRows);
const packedB = new Float32Array(depth * blockColumns);

/**
 * Panels of four lines: element p of line i of panel j goes to (j·k + p)·4 + i, 0 where there is no line.
 * Lines are `lines[first]` and on, their elements `along[start]` and on.
 */
function pack(
  to: Float32Array,
  from: Float32Array,
  at: number,
  lines: Int32Array,
  first: number,
  count: number,
  along: Int32Array,
  start: number,
  k: number,
): void {
  let o = 0;
  const end = start + k;
  for (let i = first; i < first + count; i += tile) {
    const i0 = at + lines[i]!;
    if (i + tile <= first + count) {
      const i1 = at + lines[i + 1]!;
      const i2 = at + lines[i + 2]!;
      const i3 = at + lines[i + 3]!;
      for (let p = start; p < end; p++, o += tile) {
        const s = along[p]!;
        to[o] = from[i0 + s]!;
        to[o + 1] = from[i1 + s]!;
        to[o + 2] = from[i2 + s]!;
        to[o + 3] = from[i3 + s]!;
      }
    } else {
      for (let p = start; p < end; p++, o += tile) {
        for (let l = 0; l < tile; l++) {
          to[o + l] = i + l < first + count ? from[at + lines[i + l]! + along[p]!]! : 0;
        }
      }
    }
  }
}

const corner = new Float64Array(tile * tile);

/** One tile: rows x columns of it (4 x 4 but at the edges) are added to, or written to, c. */
function microKernel(
  k: number,
  a: Float32Array,
  ai: number,
  b: Float32Array,
  bi: number,
  c: Float32Array,
  ci: number,
  width: number,
  rows: number,
  columns: number,
  add: boolean,
): void {
  let c00 = 0;
  let c01 = 0;
  let c02 = 0;
  let c03 = 0;
  let c10 = 0;
  let c11 = 0;
  let c12 = 0;
  let c13 = 0;
  let c20 = 0;
  let c21 = 0;
  let c22 = 0;
  let c23 = 0;
  let c30 = 0;
  let c31 = 0;
  let c32 = 0;
  let c33 = 0;
  for (let p = 0; p < k; p++, ai += tile, bi += tile) {
    const b0 = b[bi]!;
    const b1 = b[bi + 1]!;
    const b2 = b[bi + 2]!;
    const b3 = b[bi + 3]!;
    let x = a[ai]!;
    c00 += x * b0;
    c01 += x * b1;
    c02 += x * b2;
    c03 += x * b3;
    x = a[ai + 1]!;
    c10 += x * b0;
    c11 += x * b1;
    c12 += x * b2;
    c13 += x * b3;
    x = a[ai + 2]!;
    c20 += x * b0;
    c21 += x * b1;
    c22 += x * b2;
    c23 += x * b3;
    x = a[ai + 3]!;
    c30 += x * b0;
    c31 += x * b1;
    c32 += x * b2;
    c33 += x * b3;
  }
  if (rows === tile && columns === tile) {
    if (add) {
      c00 += c[ci]!;
      c01 += c[ci + 1]!;
      c02 += c[ci + 2]!;
      c03 += c[ci + 3]!;
    }
    c[ci] = c00;
    c[ci + 1] = c01;
    c[ci + 2] = c02;
    c[ci + 3] = c03;
    ci += width;
    if (add) {
      c10 += c[ci]!;
      c11 += c[ci + 1]!;
      c12 += c[ci + 2]!;
      c13 += c[ci + 3]!;
    }
    c[ci] = c10;
    c[ci + 1] = c11;
    c[ci + 2] = c12;
    c[ci + 3] = c13;
    ci += width;
    if (add) {
      c20 += c[ci]!;
      c21 += c[ci + 1]!;
      c22 += c[ci + 2]!;
      c23 += c[ci + 3]!;
    }
    c[ci] = c20;
    c[ci + 1] = c21;
    c[ci + 2] = c22;
    c[ci + 3] = c23;
    ci += width;
    if (add) {
      c30 += c[ci]!;
      c31 += c[ci + 1]!;
      c32 += c[ci + 2]!;
      c33 += c[ci + 3]!;
    }
    c[ci] = c30;
    c[ci + 1] = c31;
    c[ci + 2] = c32;
    c[ci + 3] = c33;
    return;
  }
  corner.set([c00, c01, c02, c03, c10, c11, c12, c13, c20, c21, c22, c23, c30, c31, c32, c33]);
  for (let i = 0; i < rows; i++, ci += width) {
    for (let j = 0; j < columns; j++) {
      const value = corner[i * tile + j]!;
      c[ci + j] = add ? c[ci + j]! + value : value;
    }
  }
}

/** c[m, n] = a[m, k] · b[k, n], or c += with `add`; c is row-major with `width` elements a row. */
export function gemmFloat32(
  m: number,
  n: number,
  k: number,
  a: Matrix<Float32Array>,
  b: Matrix<Float32Array>,
  c: Float32Array,
  ci: number,
  width: number,
  add = false,
): void {
  if (k === 0 && !add) {
    for (let i = 0; i < m; i++) c.fill(0, ci + i * width, ci + i * width + n);
  }
  if (m === 1) {
    vectorMatrix(k, n, a.data, a.at + a.rows[0]!, a.columns, b, c, ci, 1, add);
    return;
  }
  if (n === 1) {
    const across: Matrix<Float32Array> = { ...a, rows: a.columns, columns: a.rows };
    vectorMatrix(k, m, b.data, b.at + b.columns[0]!, b.rows, across, c, ci, width, add);
    return;
  }
  for (let jc = 0; jc < n; jc += blockColumns) {
    const columns = Math.min(blockColumns, n - jc);
    for (let kc = 0; kc < k; kc += depth) {
      const steps = Math.min(depth, k - kc);
      pack(packedB, b.data, b.at, b.columns, jc, columns, b.rows, kc, steps);
      for (let ic = 0; ic < m; ic += blockRows) {
        const rows = Math.min(blockRows, m - ic);
        pack(packedA, a.data, a.at, a.rows, ic, rows, a.columns, kc, steps);
        for (let j = 0; j < columns; j += tile) {
          for (let i = 0; i < rows; i += tile) {
            microKernel(
              steps,
              packedA,
              i * steps,
              packedB,
              j * steps,
              c,
              ci + (ic + i) * width + jc + j,
              width,
              Math.min(tile, rows - i),
              Math.min(tile, columns - j),
              add || kc > 0,
            );
          }
        }
      }
    }
  }
}

/** The same for every other type. `multiplyAdd` keeps integers within their width. */
export function gemmAny(
  m: number,
  n: number,
  k: number,
  a: Matrix<HostArray>,
  b: Matrix<HostArray>,
  c: HostArray,
  ci: number,
  width: number,
  add: boolean,
  multiplyAdd: MultiplyAdd,
  zero: number | bigint,
): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const to = ci + i * width + j;
      let total = add ? c[to]! : zero;
      const at = a.at + a.rows[i]!;
      const bt = b.at + b.columns[j]!;
      for (let p = 0; p < k; p++) {
        const x = a.data[at + a.columns[p]!];
        const y = b.data[bt + b.rows[p]!];
        total = multiplyAdd(total as number, x as number, y as number);
      }
      c[to] = total;
    }
  }
}

/** Typed for numbers; with 64-bit integers all three are BigInts. */
export type MultiplyAdd = (total: number, x: number, y: number) => number;

export const floatMultiplyAdd: MultiplyAdd = (total, x, y) => total + x * y;
export const integerMultiplyAdd: MultiplyAdd = (total, x, y) => (total + Math.imul(x, y)) | 0;
