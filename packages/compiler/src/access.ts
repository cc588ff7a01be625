/** Which buffers kernels read and write, and whether a result may take over the memory of something they read. */
import { dtypeInfo, sameShape, sizeOf, stridesOf } from '@hebb/core';
import { bijection, sameIndex } from './affine.ts';
import type { BufferDraft } from './buffers.ts';
import type { Index, Instruction, Kernel, LoopKernel, RoutineKernel } from './ir.ts';

export interface Accesses {
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
  /** Memory that is only needed while the kernel runs. */
  readonly scratch: readonly number[];
}

export function accessesOf(kernel: Kernel): Accesses {
  const reads = new Set<number>();
  const writes = new Set<number>();
  const scratch: number[] = [];
  const scanCode = (code: readonly Instruction[]): void => {
    for (const instruction of code) {
      if (instruction.op === 'load' || instruction.op === 'gather') reads.add(instruction.buffer);
      if (instruction.op === 'store') writes.add(instruction.buffer);
    }
  };
  switch (kernel.kind) {
    case 'loop':
      for (const { code } of kernel.stages) scanCode(code);
      break;
    case 'routine':
      for (const { buffer } of kernel.inputs) reads.add(buffer);
      for (const buffer of kernel.outputs) if (buffer >= 0) writes.add(buffer);
      scanCode(kernel.epilogue ?? []);
      if (kernel.scratch !== undefined) scratch.push(kernel.scratch);
      break;
    case 'scan':
      for (const list of [kernel.constants, kernel.initial, kernel.sequences]) {
        for (const buffer of list) reads.add(buffer);
      }
      for (const buffer of kernel.outputs) writes.add(buffer);
      for (const buffer of kernel.spares) if (buffer >= 0) scratch.push(buffer);
      if (kernel.arena >= 0) scratch.push(kernel.arena);
  }
  return { reads, writes, scratch };
}

interface Access {
  readonly stage: number;
  readonly index: Index;
}

/**
 * Whether `result`, which the kernel writes first, may be the memory of `old`, which nothing reads later:
 * every element of `old` is read by the same turn of the loops that overwrites it, before it does.
 */
export function canOverwrite(
  kernel: Kernel,
  old: number,
  result: number,
  buffers: readonly BufferDraft[],
): boolean {
  const [a, b] = [buffers[old]!, buffers[result]!];
  if (dtypeInfo(a.dtype).bytes !== dtypeInfo(b.dtype).bytes) return false;
  if (sizeOf(a.shape) !== sizeOf(b.shape)) return false;
  if (kernel.kind === 'scan') return false;
  if (kernel.kind === 'routine') {
    return canScatterInto(kernel, old, result) || canOverwriteInEpilogue(kernel, old, result);
  }
  return canOverwriteInLoops(kernel, old, result);
}

/** A scatter into what is there: without a copy, if that is the memory of the result. */
function canScatterInto(
  { op, inputs, outputs, results }: RoutineKernel,
  old: number,
  result: number,
): boolean {
  if (op !== 'scatter' && op !== 'scatterElements') return false;
  const [into, ...others] = inputs;
  return (
    outputs[0] === result &&
    into!.buffer === old &&
    into!.offset === 0 &&
    sameShape(into!.strides, stridesOf(results[0]!.shape)) &&
    others.every(({ buffer }) => buffer !== old)
  );
}

function canOverwriteInEpilogue(kernel: RoutineKernel, old: number, result: number): boolean {
  if (kernel.epilogue === undefined || kernel.inputs.some(({ buffer }) => buffer === old))
    return false;
  if (kernel.outputs.includes(result)) return false;
  const { loads, stores, gathered } = collect([kernel.epilogue], old, result);
  const { shape } = kernel.results[0]!;
  return (
    !gathered &&
    sameEverywhere(
      loads,
      stores,
      shape.map((_, i) => i),
      shape,
    )
  );
}

function canOverwriteInLoops(kernel: LoopKernel, old: number, result: number): boolean {
  const { loads, stores, gathered } = collect(
    kernel.stages.map(({ code }) => code),
    old,
    result,
  );
  if (gathered || stores.length === 0) return false;
  const first = Math.min(...stores.map(({ stage }) => stage));
  if (loads.some(({ stage }) => stage > first)) return false;
  const { dims, outer } = kernel;
  const all = dims.map((_, i) => i);
  if (sameEverywhere(loads, stores, all, dims)) return true;
  // Values of the outer level: read and written once a row.
  const rows = all.slice(0, outer);
  const inOuterStages = stores.every(({ stage }) => !kernel.stages[stage]!.inner);
  return inOuterStages && sameEverywhere(loads, stores, rows, dims);
}

function sameEverywhere(
  loads: readonly Access[],
  stores: readonly Access[],
  variables: readonly number[],
  sizes: readonly number[],
): boolean {
  const [first] = stores;
  if (first === undefined) return false;
  const count = variables.reduce((n, v) => n * sizes[v]!, 1);
  return (
    [...loads, ...stores].every(({ index }) => sameIndex(index, first.index)) &&
    bijection(first.index, variables, sizes, count) !== undefined
  );
}

function collect(
  stages: readonly (readonly Instruction[])[],
  old: number,
  result: number,
): { loads: Access[]; stores: Access[]; gathered: boolean } {
  const loads: Access[] = [];
  const stores: Access[] = [];
  let gathered = false;
  stages.forEach((code, stage) => {
    for (const instruction of code) {
      if (instruction.op === 'load' && instruction.buffer === old)
        loads.push({ stage, index: instruction.index });
      if (instruction.op === 'gather' && instruction.buffer === old) gathered = true;
      if (instruction.op !== 'store') continue;
      if (instruction.buffer === result) stores.push({ stage, index: instruction.index });
      // The old memory is spilled to, or written in parts.
      if (instruction.buffer === old) gathered = true;
    }
  });
  // Loads of the result itself are rows kept there for a later stage: they read what was written.
  return { loads, stores, gathered };
}
