/** Inner loops over int32, for the index arithmetic of pooling and gathering. See float32.ts. */
import type { DivideByZero } from './scalar.ts';

export type Int32Loop = (
  o: Int32Array,
  oi: number,
  os: number,
  a: Int32Array,
  ai: number,
  as: number,
  b: Int32Array,
  bi: number,
  bs: number,
  n: number,
) => void;

const add: Int32Loop = (o, oi, os, a, ai, as, b, bi, bs, n) => {
  for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = (a[ai]! + b[bi]!) | 0;
};
const sub: Int32Loop = (o, oi, os, a, ai, as, b, bi, bs, n) => {
  for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = (a[ai]! - b[bi]!) | 0;
};
const mul: Int32Loop = (o, oi, os, a, ai, as, b, bi, bs, n) => {
  for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = Math.imul(a[ai]!, b[bi]!);
};

export function int32Loops(byZero: DivideByZero): { readonly [op: string]: Int32Loop } {
  const div: Int32Loop = (o, oi, os, a, ai, as, b, bi, bs, n) => {
    for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) {
      const divisor = b[bi]!;
      if (divisor === 0) byZero();
      o[oi] = (a[ai]! / divisor) | 0;
    }
  };
  return { add, sub, mul, div };
}
