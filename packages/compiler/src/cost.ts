/** Estimates: operations, and bytes that pass if each buffer is touched once. */
import { dtypeInfo, sizeOf } from '@hebb/core';
import type { BufferDraft } from './buffers.ts';
import { elementCost } from './elementwise.ts';
import type { Cost, Instruction, RoutineKernel } from './ir.ts';
import type { Nest } from './loops.ts';

const bufferBytes = ({ dtype, shape }: BufferDraft): number =>
  sizeOf(shape) * dtypeInfo(dtype).bytes;

function operations(code: readonly Instruction[]): number {
  let sum = 0;
  for (const instruction of code) {
    if (instruction.op === 'apply') sum += elementCost(instruction.name);
    else if (instruction.op === 'reduce' || instruction.op === 'argreduce') sum += 1;
    else if (instruction.op === 'gather') sum += 1;
  }
  return sum;
}

/** For each buffer that the code touches, how many elements: at most all of them. */
function touched(
  code: readonly Instruction[],
  turns: number,
  buffers: readonly BufferDraft[],
  into: Map<string, number>,
): void {
  for (const instruction of code) {
    const { op } = instruction;
    if (op !== 'load' && op !== 'store' && op !== 'gather') continue;
    const buffer = buffers[instruction.buffer]!;
    const bytes = Math.min(bufferBytes(buffer), turns * dtypeInfo(buffer.dtype).bytes);
    const key = `${op === 'store' ? 'w' : 'r'}${instruction.buffer}`;
    into.set(key, Math.max(into.get(key) ?? 0, bytes));
  }
}

const total = (bytes: ReadonlyMap<string, number>): number =>
  [...bytes.values()].reduce((sum, n) => sum + n, 0);

export function kernelCost({ dims, outer, stages }: Nest, buffers: readonly BufferDraft[]): Cost {
  const rows = sizeOf(dims.slice(0, outer));
  const all = sizeOf(dims);
  const bytes = new Map<string, number>();
  let flops = 0;
  for (const { inner, code } of stages) {
    const turns = inner ? all : rows;
    flops += operations(code) * turns;
    touched(code, turns, buffers, bytes);
  }
  return { flops, bytes: total(bytes) };
}

export function routineCost(kernel: RoutineKernel, buffers: readonly BufferDraft[]): Cost {
  const { op, inputs, results, outputs, epilogue = [] } = kernel;
  const size = sizeOf(results[0]!.shape);
  const bytes = new Map<string, number>();
  inputs.forEach(({ buffer, shape }) =>
    bytes.set(
      `r${buffer}`,
      Math.min(
        bufferBytes(buffers[buffer]!),
        sizeOf(shape) * dtypeInfo(buffers[buffer]!.dtype).bytes,
      ),
    ),
  );
  outputs.forEach((buffer) => {
    if (buffer >= 0) bytes.set(`w${buffer}`, bufferBytes(buffers[buffer]!));
  });
  touched(epilogue, size, buffers, bytes);
  let flops = operations(epilogue) * size;
  const [a, b] = inputs;
  switch (op) {
    case 'matmul':
      flops += 2 * size * a!.shape.at(-1)!;
      break;
    case 'conv':
      flops += 2 * size * sizeOf(b!.shape.slice(1));
      break;
    case 'convTranspose':
      flops += 2 * sizeOf(a!.shape) * sizeOf(b!.shape.slice(1));
      break;
    case 'convKernelGrad':
      flops += 2 * sizeOf([b!.shape[0]!, ...b!.shape.slice(2)]) * size;
      break;
    case 'sort': {
      const axis = kernel.attrs['axis'] as number;
      flops += size * Math.ceil(Math.log2(Math.max(2, results[0]!.shape[axis] ?? 2)));
      break;
    }
    case 'randomBits':
      flops += 40 * size;
      break;
    default:
      flops += Math.max(size, ...inputs.map(({ shape }) => sizeOf(shape)));
  }
  return { flops, bytes: total(bytes) };
}
