/**
 * Loop kernels as WebAssembly. Rows (everything outside the vector's axis) are the parallel axis; along the
 * row, vectors of four lanes, several of them at once where that hides latency. Reductions either run along
 * the vector (lanes are added up at the end) or stand still in each lane.
 */
import type { LoopKernel } from '@hebb/compiler';
import type { KernelPlan } from '../routines/kernel.ts';
import type { BufferAccess } from './evaluate.ts';
import type { Helpers } from './helpers.ts';
export declare function loopKernel(
  kernel: LoopKernel,
  helpers: Helpers,
  buffers: BufferAccess,
): KernelPlan;
