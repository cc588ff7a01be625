/**
 * Inner loops over float32, one function an operation: JavaScript engines compile each for exactly these
 * array types, where one loop that takes the operation as a function would call it for every element.
 * Arguments come as array, first index, step; the result first. Loops with one index for everything, the
 * usual case, run almost twice as fast as those that keep three.
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

/** Result and first operand go together, and the second does too (1) or stays put (2); else 0. */
function pace(oi: number, os: number, ai: number, as: number, bi: number, bs: number): number {
  if (os !== 1 || as !== 1 || ai !== oi) return 0;
  return bs === 0 ? 2 : bs === 1 && bi === oi ? 1 : 0;
}

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
    const mode = pace(oi, os, ai, as, bi, bs);
    const end = oi + n;
    const y = b[bi]!;
    if (mode === 1) for (let i = oi; i < end; i++) o[i] = a[i]! + b[i]!;
    else if (mode === 2) for (let i = oi; i < end; i++) o[i] = a[i]! + y;
    else for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = a[ai]! + b[bi]!;
  },
  sub(o, oi, os, a, ai, as, b, bi, bs, n) {
    const mode = pace(oi, os, ai, as, bi, bs);
    const end = oi + n;
    const y = b[bi]!;
    if (mode === 1) for (let i = oi; i < end; i++) o[i] = a[i]! - b[i]!;
    else if (mode === 2) for (let i = oi; i < end; i++) o[i] = a[i]! - y;
    else for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = a[ai]! - b[bi]!;
  },
  mul(o, oi, os, a, ai, as, b, bi, bs, n) {
    const mode = pace(oi, os, ai, as, bi, bs);
    const end = oi + n;
    const y = b[bi]!;
    if (mode === 1) for (let i = oi; i < end; i++) o[i] = a[i]! * b[i]!;
    else if (mode === 2) for (let i = oi; i < end; i++) o[i] = a[i]! * y;
    else for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = a[ai]! * b[bi]!;
  },
  div(o, oi, os, a, ai, as, b, bi, bs, n) {
    const mode = pace(oi, os, ai, as, bi, bs);
    const end = oi + n;
    const y = b[bi]!;
    if (mode === 1) for (let i = oi; i < end; i++) o[i] = a[i]! / b[i]!;
    else if (mode === 2) for (let i = oi; i < end; i++) o[i] = a[i]! / y;
    else for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = a[ai]! / b[bi]!;
  },
};

export const compareLoops: { readonly [op: string]: BinaryLoop<Uint8Array> } = {
  eq(o, oi, os, a, ai, as, b, bi, bs, n) {
    const mode = pace(oi, os, ai, as, bi, bs);
    const end = oi + n;
    const y = b[bi]!;
    if (mode === 1) for (let i = oi; i < end; i++) o[i] = Number(a[i]! === b[i]!);
    else if (mode === 2) for (let i = oi; i < end; i++) o[i] = Number(a[i]! === y);
    else {
      for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = Number(a[ai]! === b[bi]!);
    }
  },
  lt(o, oi, os, a, ai, as, b, bi, bs, n) {
    const mode = pace(oi, os, ai, as, bi, bs);
    const end = oi + n;
    const y = b[bi]!;
    if (mode === 1) for (let i = oi; i < end; i++) o[i] = Number(a[i]! < b[i]!);
    else if (mode === 2) for (let i = oi; i < end; i++) o[i] = Number(a[i]! < y);
    else {
      for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = Number(a[ai]! < b[bi]!);
    }
  },
  le(o, oi, os, a, ai, as, b, bi, bs, n) {
    const mode = pace(oi, os, ai, as, bi, bs);
    const end = oi + n;
    const y = b[bi]!;
    if (mode === 1) for (let i = oi; i < end; i++) o[i] = Number(a[i]! <= b[i]!);
    else if (mode === 2) for (let i = oi; i < end; i++) o[i] = Number(a[i]! <= y);
    else {
      for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = Number(a[ai]! <= b[bi]!);
    }
  },
};

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
