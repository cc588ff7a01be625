/** Which loop of a kernel the vectors run along. */
import type { Index, Instruction, LoopKernel } from '@hebb/compiler';
import type { DType } from '@hebb/core';
import { laneStride, mentions } from './affine.ts';
import { laneType } from './types.ts';

/** How a kernel is vectorised: along a variable, or not at all. */
export interface Direction {
  /** -1: single values. */
  readonly variable: number;
  readonly inner: boolean;
}

const slow = new Set(['pow', 'fmod', 'atan2']);

/** Whether every value of the kernel fits into four lanes. */
function fitsLanes(kernel: LoopKernel, dtypeOf: (buffer: number) => DType): boolean {
  for (const { code } of kernel.stages) {
    for (const instruction of code) {
      const dtype = instruction.op === 'store' ? dtypeOf(instruction.buffer) : instruction.dtype;
      if (laneType(dtype) === undefined) return false;
    }
  }
  return true;
}

function accessCost(index: Index, variable: number): number {
  if (!mentions(index, variable)) return 0.5;
  const stride = laneStride(index, variable, true);
  if (stride === undefined) return 10;
  if (stride === 0) return 0.5;
  const plain = index.terms.every((t) => t.variable !== variable || (t.div === 1 && t.mod === 0));
  const modular = plain ? 0 : 6;
  if (Math.abs(stride) === 1) return 1 + modular;
  return (stride === 2 ? 2.5 : 5) + modular;
}

function instructionCost(instruction: Instruction, variable: number): number {
  switch (instruction.op) {
    case 'load': {
      const split = instruction.conditions?.some(({ index }) => mentions(index, variable)) ?? false;
      return accessCost(instruction.index, variable) + (split ? 2 : 0);
    }
    case 'store':
      return accessCost(instruction.index, variable) * 1.5;
    case 'gather':
      return 4 + accessCost(instruction.index, variable);
    case 'apply':
      return slow.has(instruction.name) ? 40 : 1;
    case 'argreduce':
      return 3;
    default:
      return 1;
  }
}

export function chooseDirection(kernel: LoopKernel, dtypeOf: (buffer: number) => DType): Direction {
  const { dims, outer, stages } = kernel;
  const none: Direction = { variable: -1, inner: false };
  if (!fitsLanes(kernel, dtypeOf)) return none;
  const searches = stages.some(({ code }) => code.some(({ op }) => op === 'argreduce'));
  const reductions = stages.reduce(
    (sum, { code }) => sum + code.filter(({ op }) => op === 'reduce' || op === 'argreduce').length,
    0,
  );
  const outerSize = dims.slice(0, outer).reduce((p, n) => p * n, 1);
  const innerSize = dims.slice(outer).reduce((p, n) => p * n, 1);
  let best = none;
  let lowest = Infinity;
  dims.forEach((size, variable) => {
    const inner = variable >= outer;
    if (size < 2) return;
    if (searches && inner && variable !== dims.length - 1) return;
    const steps = Math.ceil(size / 4) / size;
    let cost = 0;
    for (const stage of stages) {
      const times = stage.inner ? outerSize * innerSize : outerSize;
      const perStep = stage.code.reduce((sum, x) => sum + instructionCost(x, variable), 0);
      // Outer code of a kernel vectorised inside runs once for each outer index.
      cost += times * perStep * (inner && !stage.inner ? 1 : steps);
    }
    // Bringing lanes together, once for each outer index.
    if (inner) cost += outerSize * reductions * 8;
    // Each row of vectors costs something to set up.
    const rows = inner ? (outerSize * innerSize) / size : outerSize / size;
    cost += rows * 10;
    // Between equals the last axis: its rows are contiguous.
    if (cost <= lowest) {
      lowest = cost;
      best = { variable, inner };
    }
  });
  return best;
}
