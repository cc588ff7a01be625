/**
 * Inner loops over float32, one function an operation: JavaScript engines compile each for exactly these
 * array types, where one loop that takes the operation as a function would call it for every element.
 * Arguments come as array, first index, step; the result first.
 */

export type UnaryLoop = (
  o: Float32Array,
  oi: number,
  os: number,
  a: Float32Array,
  ai: number,
  as: number,
  n: number,
) => void;

export type BinaryLoop<Out> = (
  o: Out,
  oi: number,
  os: number,
  a: Float32Array,
  ai: number,
  as: number,
  b: Float32Array,
  bi: number,
  bs: number,
  n: number,
) => void;

export const unaryLoops: { readonly [op: string]: UnaryLoop } = {
  neg(o, oi, os, a, ai, as, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = -a[ai]!;
  },
  abs(o, oi, os, a, ai, as, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = Math.abs(a[ai]!);
  },
  sqrt(o, oi, os, a, ai, as, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = Math.sqrt(a[ai]!);
  },
  exp(o, oi, os, a, ai, as, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = Math.exp(a[ai]!);
  },
  log(o, oi, os, a, ai, as, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = Math.log(a[ai]!);
  },
  tanh(o, oi, os, a, ai, as, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = Math.tanh(a[ai]!);
  },
};

export const binaryLoops: { readonly [op: string]: BinaryLoop<Float32Array> } = {
  add(o, oi, os, a, ai, as, b, bi, bs, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = a[ai]! + b[bi]!;
  },
  sub(o, oi, os, a, ai, as, b, bi, bs, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = a[ai]! - b[bi]!;
  },
  mul(o, oi, os, a, ai, as, b, bi, bs, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = a[ai]! * b[bi]!;
  },
  div(o, oi, os, a, ai, as, b, bi, bs, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = a[ai]! / b[bi]!;
  },
  // Math.max and Math.min give NaN when either operand is NaN, as wanted.
  maximum(o, oi, os, a, ai, as, b, bi, bs, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = Math.max(a[ai]!, b[bi]!);
  },
  minimum(o, oi, os, a, ai, as, b, bi, bs, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = Math.min(a[ai]!, b[bi]!);
  },
};

export const compareLoops: { readonly [op: string]: BinaryLoop<Uint8Array> } = {
  eq(o, oi, os, a, ai, as, b, bi, bs, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = a[ai] === b[bi] ? 1 : 0;
  },
  lt(o, oi, os, a, ai, as, b, bi, bs, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = a[ai]! < b[bi]! ? 1 : 0;
  },
  le(o, oi, os, a, ai, as, b, bi, bs, n) {
    for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = a[ai]! <= b[bi]! ? 1 : 0;
  },
};

export function whereLoop(
  o: Float32Array,
  oi: number,
  os: number,
  c: Uint8Array,
  ci: number,
  cs: number,
  a: Float32Array,
  ai: number,
  as: number,
  b: Float32Array,
  bi: number,
  bs: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ci += cs, ai += as, bi += bs) {
    o[oi] = c[ci] !== 0 ? a[ai]! : b[bi]!;
  }
}

export function copyLoop(
  o: Float32Array,
  oi: number,
  os: number,
  a: Float32Array,
  ai: number,
  as: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = a[ai]!;
}

/** 0 and 1 of a comparison to numbers. */
export function boolLoop(
  o: Float32Array,
  oi: number,
  os: number,
  a: Uint8Array,
  ai: number,
  as: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = a[ai]!;
}
