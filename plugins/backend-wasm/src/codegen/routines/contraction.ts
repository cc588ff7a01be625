/**
 * Matrix products and convolutions: 32-bit types by the vector routines, 16-bit floats through float32, the
 * others as loops.
 */
import type { Index, Instruction, LoopKernel, RoutineKernel, View } from '@hebb/compiler';
import type { DType } from '@hebb/core';
import { sizeOf, stridesOf } from '@hebb/core';
import { i32 } from '../../wasm/index.ts';
import type { I32 } from '../../wasm/index.ts';
import { conv } from '../../routines/conv/conv.ts';
import { geometryOf } from '../../routines/conv/geometry.ts';
import { convKernelGrad } from '../../routines/conv/kernel-grad.ts';
import { convTranspose } from '../../routines/conv/transpose.ts';
import { aligned } from '../../routines/kernel.ts';
import type { KernelPlan, Routine, Scratch } from '../../routines/kernel.ts';
import { matmul } from '../../routines/matmul.ts';
import { storeMatrix } from '../../routines/store.ts';
import type { StoreResult } from '../../routines/store.ts';
import type { Target } from '../../routines/target.ts';
import { isHalf } from '../cast.ts';
import { RESULT, contractionLoops, epilogueLoop } from '@hebb/compiler';
import { epilogue } from '../epilogue.ts';
import type { BufferAccess } from '../evaluate.ts';
import type { Helpers } from '../helpers.ts';
import { loopKernel } from '../loop.ts';
import type { RoutineGenerator } from '../routine.ts';
import { bytesOf } from '../types.ts';

/** A buffer of the generator's own: inputs widened to float32. */
const WIDE = -3;

/** Buffers of the generator's own, in shared scratch memory: where, and of which type. */
type Own = ReadonlyMap<number, { readonly offset: number; readonly dtype: DType }>;

function withOwn(buffers: BufferAccess, own: Own, shared: I32): BufferAccess {
  return {
    pointer: (id) => {
      const found = own.get(id);
      return found === undefined ? buffers.pointer(id) : i32.add(shared, i32.const(found.offset));
    },
    dtype: (id) => own.get(id)?.dtype ?? buffers.dtype(id),
  };
}

/** A routine made for addresses that are known only when its code is written. */
function late(make: (shared: I32) => Routine): Routine {
  const sized = make(i32.const(0));
  return {
    shared: sized.shared,
    phases: sized.phases.map((phase, i): KernelPlan => ({
      ...phase,
      emit: (f, begin, end, scratch: Scratch) =>
        make(f.let(scratch.shared)).phases[i]!.emit(f, begin, end, scratch),
    })),
  };
}

const room = (size: number, dtype: DType): number => aligned(size * bytesOf(dtype) + 64);

export const contraction: RoutineGenerator = (kernel, helpers, buffers) => {
  const { dtype } = kernel.results[0]!;
  const vectors =
    dtype === 'float32' || dtype === 'int32' || dtype === 'uint32'
      ? lanes32(kernel, helpers, buffers)
      : isHalf(dtype)
        ? widened(kernel, helpers, buffers)
        : undefined;
  return vectors ?? loops(kernel, helpers, buffers);
};

function loops(kernel: RoutineKernel, helpers: Helpers, buffers: BufferAccess): Routine {
  const { shape, dtype } = kernel.results[0]!;
  const own: Own = new Map([[RESULT, { offset: 0, dtype }]]);
  const made = late((shared) => ({
    shared: 0,
    phases: contractionLoops(kernel).map((loop) =>
      loopKernel(loop, helpers, withOwn(buffers, own, shared)),
    ),
  }));
  return { ...made, shared: kernel.epilogue === undefined ? 0 : room(sizeOf(shape), dtype) };
}

/** Rows as the routine counts them: everything before the columns of a matrix, the positions of an image, the taps. */
const leadOf = ({ op, results }: RoutineKernel): number =>
  ({ matmul: results[0]!.shape.length - 1, convKernelGrad: 1 })[op] ?? 2;

/** The epilogue as vectors run it, or `undefined`. */
function epilogueOf(
  kernel: RoutineKernel,
  code: readonly Instruction[],
  helpers: Helpers,
  buffers: BufferAccess,
): StoreResult | undefined {
  const { shape } = kernel.results[0]!;
  const flat = kernel.op === 'conv' || kernel.op === 'convTranspose';
  const aligned4 = !flat || shape.at(-1)! % 4 === 0;
  return epilogue({ code, shape, lead: leadOf(kernel), aligned: aligned4 }, helpers, buffers);
}

/** Types of 32 bits. */
function lanes32(kernel: RoutineKernel, helpers: Helpers, buffers: BufferAccess): Routine {
  const { shape, dtype } = kernel.results[0]!;
  const target: Target = {
    ...helpers.target,
    integer: dtype !== 'float32',
    far: buffers.far === true,
  };
  const columns = sizeOf(shape.slice(leadOf(kernel)));
  const inputs = kernel.inputs.map((view) =>
    i32.add(buffers.pointer(view.buffer), i32.const(view.offset * 4)),
  );
  if (kernel.epilogue === undefined) {
    const store = storeMatrix(buffers.pointer(kernel.outputs[0]!), columns);
    return vectorRoutine(kernel, target, kernel.inputs, inputs, store);
  }
  const store = epilogueOf(kernel, kernel.epilogue, helpers, buffers);
  if (store !== undefined) return vectorRoutine(kernel, target, kernel.inputs, inputs, store);
  // Code that vectors cannot run: the plain result first, then a loop over it.
  const make = (shared: I32, offset: number): Routine => {
    const plain = storeMatrix(i32.add(shared, i32.const(offset)), columns);
    const routine = vectorRoutine(kernel, target, kernel.inputs, inputs, plain);
    const own: Own = new Map([[RESULT, { offset, dtype }]]);
    const loop = loopKernel(epilogueLoop(kernel), helpers, withOwn(buffers, own, shared));
    return { shared: routine.shared, phases: [...routine.phases, loop] };
  };
  const offset = aligned(make(i32.const(0), 0).shared);
  return {
    ...late((shared) => make(shared, offset)),
    shared: offset + room(sizeOf(shape), dtype),
  };
}

/** 16-bit floats: inputs are copied as float32, results rounded where they are stored. */
function widened(
  kernel: RoutineKernel,
  helpers: Helpers,
  buffers: BufferAccess,
): Routine | undefined {
  const { dtype } = kernel.results[0]!;
  const code = kernel.epilogue ?? plainStore(kernel);
  const store = epilogueOf(kernel, code, helpers, buffers);
  if (store === undefined) return undefined;
  const views = kernel.inputs.map(compact);
  const make = (shared: I32, offset: number): Routine => {
    const own = new Map<number, { offset: number; dtype: DType }>();
    let end = offset;
    views.forEach((view, i) => {
      own.set(WIDE - i, { offset: end, dtype: 'float32' });
      end += room(view.size, 'float32');
    });
    const access = withOwn(buffers, own, shared);
    const copies = views.map((view, i) =>
      loopKernel(widenLoop(kernel, kernel.inputs[i]!, view, WIDE - i, dtype), helpers, access),
    );
    const pointers = views.map((_, i) => access.pointer(WIDE - i));
    const wide = views.map(({ view }) => view);
    const routine = vectorRoutine(kernel, helpers.target, wide, pointers, store);
    return { shared: routine.shared, phases: [...copies, ...routine.phases] };
  };
  const offset = aligned(make(i32.const(0), 0).shared);
  const bytes = views.reduce((sum, view) => sum + room(view.size, 'float32'), 0);
  return { ...late((shared) => make(shared, offset)), shared: offset + bytes };
}

interface CompactView {
  /** The same elements side by side, axes that are repeated held once. */
  readonly view: View;
  readonly size: number;
  /** Axes that are copied. */
  readonly axes: readonly number[];
}

function compact(view: View): CompactView {
  const axes = view.shape.map((_, i) => i).filter((i) => view.strides[i] !== 0);
  const sizes = axes.map((i) => view.shape[i]!);
  const own = stridesOf(sizes);
  const strides = view.shape.map(() => 0);
  axes.forEach((axis, k) => (strides[axis] = own[k]!));
  return { view: { ...view, strides, offset: 0 }, size: sizeOf(sizes), axes };
}

function widenLoop(
  kernel: RoutineKernel,
  from: View,
  { view, axes }: CompactView,
  to: number,
  dtype: DType,
): LoopKernel {
  const index = ({ strides, offset }: View): Index => ({
    offset,
    terms: axes.map((axis, variable) => ({ variable, stride: strides[axis]!, div: 1, mod: 0 })),
  });
  const code: Instruction[] = [
    { op: 'load', id: 0, dtype, buffer: from.buffer, index: index(from) },
    { op: 'apply', id: 1, dtype: 'float32', name: 'cast', args: [0] },
    { op: 'store', buffer: to, index: index(view), arg: 1 },
  ];
  return {
    kind: 'loop',
    name: 'widen',
    paths: kernel.paths,
    dims: axes.map((axis) => view.shape[axis]!),
    outer: axes.length,
    stages: [{ inner: false, code }],
    cost: kernel.cost,
  };
}

/** An epilogue that does nothing but store. */
function plainStore({ results, outputs }: RoutineKernel): Instruction[] {
  const { shape, dtype } = results[0]!;
  const terms = stridesOf(shape).map((stride, variable) => ({ variable, stride, div: 1, mod: 0 }));
  return [
    { op: 'result', id: 0, dtype, output: 0 },
    { op: 'store', buffer: outputs[0]!, index: { offset: 0, terms }, arg: 0 },
  ];
}

function vectorRoutine(
  kernel: RoutineKernel,
  target: Target,
  views: readonly View[],
  [first, second]: readonly I32[],
  store: StoreResult,
): Routine {
  const [a, b] = views as [View, View];
  switch (kernel.op) {
    case 'matmul': {
      const rank = a.shape.length;
      const operand = (view: View, pointer: I32) => ({
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
