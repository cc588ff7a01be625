/** Every routine by the name of its op. */
import { fail } from '@hebb/core';
import type { RoutineKernel } from '@hebb/compiler';
import type { Routine } from '../../routines/kernel.ts';
import type { BufferAccess } from '../evaluate.ts';
import type { Helpers } from '../helpers.ts';
import type { RoutineGenerator } from '../routine.ts';
import { contraction } from './contraction.ts';
import { cumsum, fold, randomBits } from './running.ts';
import { scatter, scatterElements } from './scatter.ts';
import { sort } from './sort.ts';

const generators: { readonly [op: string]: RoutineGenerator } = {
  matmul: contraction,
  conv: contraction,
  convTranspose: contraction,
  convKernelGrad: contraction,
  sort,
  cumsum,
  fold,
  randomBits,
  scatter,
  scatterElements,
};

export function routine(kernel: RoutineKernel, helpers: Helpers, buffers: BufferAccess): Routine {
  if (!Object.hasOwn(generators, kernel.op)) {
    fail(kernel.op, 'this backend has no code for it');
  }
  return generators[kernel.op]!(kernel, helpers, buffers);
}
