import type { RoutineGenerator } from '../routine.ts';
export declare const cumsum: RoutineGenerator;
/** Philox4x32-10 (Salmon et al., SC 2011): word i is word i mod 4 of the block with counter ⌊i/4⌋. */
export declare const randomBits: RoutineGenerator;
/** The transpose of `window`: for each position the sum of the windows' elements that lie there. */
export declare const fold: RoutineGenerator;
