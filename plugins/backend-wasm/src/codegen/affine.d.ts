/** Index expressions as code, and how they move along one variable. */
import type { Condition, Index, Term } from '@hebb/compiler';
import type { I32 } from '../wasm/index.ts';
export declare const mentions: (index: Index, variable: number) => boolean;
export declare const conditionsMention: (
  conditions: readonly Condition[] | undefined,
  variable: number,
) => boolean;
/** Sum of the terms that `which` accepts. */
export declare function termsCode(
  index: Index,
  coordinates: readonly I32[],
  which?: (term: Term) => boolean,
): I32;
export declare const indexCode: (index: Index, coordinates: readonly I32[]) => I32;
/**
 * Elements between neighbouring lanes when a vector runs along `variable`; `undefined` when they are not
 * evenly spaced. `aligned`: vectors start at multiples of 4, so that blocks of a multiple of 4 are not
 * crossed.
 */
export declare function laneStride(
  index: Index,
  variable: number,
  aligned: boolean,
): number | undefined;
/** low <= x < high as one comparison. */
export declare function inRange(x: I32, low: number, high: number): I32;
