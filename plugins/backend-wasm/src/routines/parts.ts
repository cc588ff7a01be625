/** Dividing lengths into parts, while generating and while running. */
import { i32, select } from '../wasm/index.ts';
import type { FunctionBuilder, I32 } from '../wasm/index.ts';
import { counted } from './depth.ts';

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
export function evenParts(length: number, most: number): Parts {
  return divided(length, Math.ceil(length / most));
}

/**
 * The same, with one part more where several times `others` parts would be an odd number of items: two
 * threads then get as much.
 */
export function sharedParts(length: number, most: number, others = 1): Parts {
  const count = Math.ceil(length / most);
  const odd = (count * others) % 2 === 1 && count * others > 1;
  return divided(length, odd && count < length ? count + 1 : count);
}

function divided(length: number, count: number): Parts {
  const size = count === 0 ? 0 : Math.floor(length / count);
  const more = length - size * count;
  return { count, size, more, largest: more > 0 ? size + 1 : size };
}

export function minimum(f: FunctionBuilder, a: I32, b: I32): I32 {
  const [x, y] = [f.let(a), f.let(b)];
  return select(x, y, i32.ltS(x, y));
}

export function maximum(f: FunctionBuilder, a: I32, b: I32): I32 {
  const [x, y] = [f.let(a), f.let(b)];
  return select(x, y, i32.gtS(x, y));
}

/** First element of part `index`. */
export function partStart(f: FunctionBuilder, { size, more }: Parts, index: I32): I32 {
  const at = f.let(index);
  const start = i32.mul(at, i32.const(size));
  return more === 0 ? start : i32.add(start, minimum(f, at, i32.const(more)));
}

/**
 * `body(size, start)` for the parts first to last - 1, in one loop for the larger parts and one for the
 * others, so that the size is known while generating.
 */
export function forParts(
  f: FunctionBuilder,
  parts: Parts,
  first: I32,
  last: I32,
  body: (size: number, start: I32) => void,
): void {
  const { more, size, count } = parts;
  if (more > 0) {
    f.scope(() => {
      const stop = f.let(minimum(f, last, i32.const(more)));
      f.for(first, stop, 1, (part) => body(size + 1, i32.mul(part, i32.const(size + 1))));
    });
  }
  if (more < count && size > 0) {
    f.scope(() => {
      const start = more === 0 ? first : f.let(maximum(f, first, i32.const(more)));
      f.for(start, last, 1, (part) =>
        body(size, i32.add(i32.mul(part, i32.const(size)), i32.const(more))),
      );
    });
  }
}

/**
 * `body(unroll)` over the bulk of `count`, then `body(1)` over the rest; the body moves its own pointers.
 */
export function repeat(
  f: FunctionBuilder,
  count: number,
  unroll: number,
  body: (steps: number) => void,
): void {
  counted(f, Math.floor(count / unroll), () => body(unroll));
  if (unroll > 1) counted(f, count % unroll, () => body(1));
}
