/** Code attached to a routine, run on each vector of results while it is in registers. */
import type { Instruction } from '@hebb/compiler';
import type { StoreResult } from '../routines/store.ts';
import type { BufferAccess } from './evaluate.ts';
import type { Helpers } from './helpers.ts';
export interface EpilogueSpec {
  readonly code: readonly Instruction[];
  /** Shape of the result, and how many of its axes make up the rows. */
  readonly shape: readonly number[];
  readonly lead: number;
  /** Columns of vectors are multiples of 4. */
  readonly aligned: boolean;
}
/** `undefined` where the code cannot run on vectors. */
export declare function epilogue(
  { code, shape, lead, aligned }: EpilogueSpec,
  helpers: Helpers,
  buffers: BufferAccess,
): StoreResult | undefined;
