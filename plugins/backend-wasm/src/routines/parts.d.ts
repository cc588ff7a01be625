import type { FunctionBuilder, I32 } from '../wasm/index.ts';
export interface Parts {
  readonly count: number;
  /** The first `more` parts have size + 1, the others size. */
  readonly size: number;
  readonly more: number;
  /** Size of the largest part. */
  readonly largest: number;
}
/**
 * Splits a length into parts of at most `most` whose sizes differ by one at the most: less is wasted than
 * with full parts and a small rest.
 */
export declare function evenParts(length: number, most: number): Parts;
export declare function minimum(f: FunctionBuilder, a: I32, b: I32): I32;
export declare function maximum(f: FunctionBuilder, a: I32, b: I32): I32;
/** First element of part `index`. */
export declare function partStart(f: FunctionBuilder, { size, more }: Parts, index: I32): I32;
/**
 * `body(size, start)` for the parts first to last - 1, in one loop for the larger parts and one for the
 * others, so that the size is known while generating.
 */
export declare function forParts(
  f: FunctionBuilder,
  parts: Parts,
  first: I32,
  last: I32,
  body: (size: number, start: I32) => void,
): void;
/**
 * `body(unroll)` over the bulk of `count`, then `body(1)` over the rest; the body moves its own pointers.
 */
export declare function repeat(
  f: FunctionBuilder,
  count: number,
  unroll: number,
  body: (steps: number) => void,
): void;
