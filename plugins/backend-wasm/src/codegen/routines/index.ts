/** Every routine by the name of its op. */
import { fail, sizeOf } from '@hebb/core';
import type { RoutineKernel } from '@hebb/compiler';
import { i32 } from '../../wasm/index.ts';
import type { I32 } from '../../wasm/index.ts';
import { conv } from '../../routines/conv/conv.ts';
import { geometryOf } from '../../routines/conv/geometry.ts';
import { convKernelGrad } from '../../routines/conv/kernel-grad.ts';
import { convTranspose } from '../../routines/conv/transpose.ts';
import { aligned } from '../../routines/kernel.ts';
import type { KernelPlan, Routine } from '../../routines/kernel.ts';
import { matmul } from '../../routines/matmul.ts';
import { storeMatrix } from '../../routines/store.ts';
import type { StoreResult } from '../../routines/store.ts';
import { RESULT, contractionLoops, epilogueLoop } from '../contraction.ts';
import { epilogue } from '../epilogue.ts';
import type { BufferAccess } from '../evaluate.ts';
import type { Helpers } from '../helpers.ts';
import { loopKernel } from '../loop.ts';
import type { RoutineGenerator } from '../routine.ts';
import { bytesOf } from '../types.ts';
import { cumsum, fold, randomBits } from './running.ts';
import { scatter, scatterElements } from './scatter.ts';
import { sort } from './sort.ts';

const contractions = new Set(['matmul', 'conv', 'convTranspose', 'convKernelGrad']);

const others: { readonly [op: string]: RoutineGenerator } = {
  sort,
  cumsum,
  fold,
  randomBits,
  scatter,
  scatterElements,
};

export function routine(kernel: RoutineKernel, helpers: Helpers, buffers: BufferAccess): Routine {
  if (contractions.has(kernel.op)) return contraction(kernel, helpers, buffers);
  if (!Object.hasOwn(others, kernel.op)) {
    fail(kernel.op, 'this backend has no code for it');
  }
  return others[kernel.op]!(kernel, helpers, buffers);
}

/** Buffers plus one of the generator's own: the result before its epilogue. */
const withResult = (buffers: BufferAccess, kernel: RoutineKernel, result: I32): BufferAccess => ({
  pointer: (buffer) => (buffer === RESULT ? result : buffers.pointer(buffer)),
  dtype: (buffer) => (buffer === RESULT ? kernel.results[0]!.dtype : buffers.dtype(buffer)),
});

function contraction(kernel: RoutineKernel, helpers: Helpers, buffers: BufferAccess): Routine {
  const { shape, dtype } = kernel.results[0]!;
  if (dtype !== 'float32') {
    const shared = kernel.epilogue === undefined ? 0 : aligned(sizeOf(shape) * bytesOf(dtype) + 64);
    return {
      shared,
      phases: contractionLoops(kernel).map((loop) => loopPhase(loop, kernel, helpers, buffers)),
    };
  }
  // Rows as the routine counts them: everything before the columns of a matrix, the positions of an image,
  // the taps of an output channel.
  const lead = { matmul: shape.length - 1, convKernelGrad: 1 }[kernel.op] ?? 2;
  const columns = sizeOf(shape.slice(lead));
  const at = (pointer: I32, offset: number): I32 => i32.add(pointer, i32.const(offset * 4));
  const inputs = kernel.inputs.map((view) => at(buffers.pointer(view.buffer), view.offset));
  if (kernel.epilogue === undefined) {
    return float32(
      kernel,
      helpers,
      inputs,
      storeMatrix(buffers.pointer(kernel.outputs[0]!), columns),
    );
  }
  const spec = {
    code: kernel.epilogue,
    shape,
    lead,
    aligned: kernel.op !== 'conv' && kernel.op !== 'convTranspose' ? true : shape.at(-1)! % 4 === 0,
  };
  const store = epilogue(spec, helpers, buffers);
  if (store !== undefined) return float32(kernel, helpers, inputs, store);
  // Code that vectors cannot run: the plain result first, then a loop over it.
  const probe = float32(kernel, helpers, inputs, storeMatrix(i32.const(0), columns));
  const offset = aligned(probe.shared);
  const phases = probe.phases.map((phase, i): KernelPlan => ({
    ...phase,
    emit: (f, begin, end, scratch) => {
      const result = f.let(i32.add(scratch.shared, i32.const(offset)));
      const real = float32(kernel, helpers, inputs, storeMatrix(result, columns));
      real.phases[i]!.emit(f, begin, end, scratch);
    },
  }));
  return {
    shared: offset + aligned(sizeOf(shape) * 4 + 64),
    phases: [...phases, loopPhase(epilogueLoop(kernel), kernel, helpers, buffers, offset)],
  };
}

function loopPhase(
  loop: Parameters<typeof loopKernel>[0],
  kernel: RoutineKernel,
  helpers: Helpers,
  buffers: BufferAccess,
  offset = 0,
): KernelPlan {
  const known = withResult(buffers, kernel, i32.const(0));
  const plan = loopKernel(loop, helpers, known);
  return {
    ...plan,
    emit: (f, begin, end, scratch) => {
      const result = f.let(i32.add(scratch.shared, i32.const(offset)));
      loopKernel(loop, helpers, withResult(buffers, kernel, result)).emit(f, begin, end, scratch);
    },
  };
}

function float32(
  kernel: RoutineKernel,
  { target }: Helpers,
  [first, second]: readonly I32[],
  store: StoreResult,
): Routine {
  const [a, b] = kernel.inputs as [RoutineKernel['inputs'][0], RoutineKernel['inputs'][0]];
  switch (kernel.op) {
    case 'matmul': {
      const rank = a.shape.length;
      const operand = (view: typeof a, pointer: I32) => ({
        pointer,
        batch: view.strides.slice(0, -2),
        row: view.strides[rank - 2]!,
        column: view.strides[rank - 1]!,
      });
      const spec = {
        batch: a.shape.slice(0, -2),
        m: a.shape[rank - 2]!,
        n: b.shape[rank - 1]!,
        k: a.shape[rank - 1]!,
        a: operand(a, first!),
        b: operand(b, second!),
        store,
      };
      return { shared: 0, phases: [matmul(spec, target)] };
    }
    case 'conv':
      return conv({ ...geometryOf(kernel), x: first!, weight: second!, store }, target);
    case 'convTranspose':
      return convTranspose({ ...geometryOf(kernel), g: first!, weight: second!, store }, target);
    default:
      return convKernelGrad({ ...geometryOf(kernel), x: first!, g: second!, store }, target);
  }
}
