/** Index expressions as code, and how they move along one variable. */
import type { Condition, Index, Term } from '@hebb/compiler';
import { i32 } from '../wasm/index.ts';
import type { I32 } from '../wasm/index.ts';

export const mentions = (index: Index, variable: number): boolean =>
  index.terms.some((term) => term.variable === variable);

export const conditionsMention = (
  conditions: readonly Condition[] | undefined,
  variable: number,
): boolean => conditions?.some(({ index }) => mentions(index, variable)) ?? false;

function termCode({ stride, div, mod }: Term, coordinate: I32): I32 {
  const quotient = div === 1 ? coordinate : i32.divU(coordinate, i32.const(div));
  const rest = mod === 0 ? quotient : i32.remU(quotient, i32.const(mod));
  return i32.mul(rest, i32.const(stride));
}

/** Sum of the terms that `which` accepts. */
export function termsCode(
  index: Index,
  coordinates: readonly I32[],
  which: (term: Term) => boolean = () => true,
): I32 {
  return index.terms
    .filter(which)
    .reduce<I32>(
      (sum, term) => i32.add(sum, termCode(term, coordinates[term.variable]!)),
      i32.const(0),
    );
}

export const indexCode = (index: Index, coordinates: readonly I32[]): I32 =>
  i32.add(termsCode(index, coordinates), i32.const(index.offset));

/**
 * Elements between neighbouring lanes when a vector runs along `variable`; `undefined` when they are not
 * evenly spaced. `aligned`: vectors start at multiples of 4, so that blocks of a multiple of 4 are not
 * crossed.
 */
export function laneStride(index: Index, variable: number, aligned: boolean): number | undefined {
  let stride = 0;
  for (const term of index.terms) {
    if (term.variable !== variable) continue;
    if (term.div === 1 && term.mod === 0) stride += term.stride;
    else if (aligned && term.div % 4 === 0) continue;
    else if (aligned && term.div === 1 && term.mod % 4 === 0) stride += term.stride;
    else return undefined;
  }
  return stride;
}

/** low <= x < high as one comparison. */
export function inRange(x: I32, low: number, high: number): I32 {
  return i32.ltU(i32.sub(x, i32.const(low)), i32.const(Math.max(0, high - low)));
}
