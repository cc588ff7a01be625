import type { RoutineKernel } from '@hebb/compiler';
import type { Routine } from '../../routines/kernel.ts';
import type { BufferAccess } from '../evaluate.ts';
import type { Helpers } from '../helpers.ts';
export declare function routine(
  kernel: RoutineKernel,
  helpers: Helpers,
  buffers: BufferAccess,
): Routine;
