/** Products and convolutions that are not worth tiles, as loops. */
import { RESULT, contractionLoops } from '@hebb/compiler';
import type { Instruction, LoopKernel, RoutineKernel } from '@hebb/compiler';

/** Whether the loops of the kernel's sum run over the axes of its result, as the attached code does. */
export const isOneLoop = ({ op }: RoutineKernel): boolean => op !== 'convTranspose';

/**
 * The kernel as loops: one, whose attached code runs where the sum has been made; where the sum's loops are
 * several, they leave it in RESULT.
 */
export function sumLoops(kernel: RoutineKernel): LoopKernel[] {
  const loops = contractionLoops(kernel);
  const { epilogue } = kernel;
  if (epilogue === undefined || !isOneLoop(kernel)) return loops;
  const [sum] = loops as [LoopKernel];
  return [{ ...sum, name: kernel.name, stages: [...summed(sum, epilogue)] }];
}

function* summed({ stages }: LoopKernel, epilogue: readonly Instruction[]) {
  // Numbers of values are unique in a kernel: those of the sum go behind the others.
  const ids = epilogue.flatMap((x) => (x.op === 'store' ? [] : [x.id]));
  const first = Math.max(-1, ...ids) + 1;
  let result = -1;
  for (const { inner, code } of stages) {
    const kept = code.filter((x) => !(x.op === 'store' && x.buffer === RESULT));
    if (kept.length > 0) yield { inner, code: kept.map((x) => renumbered(x, first)) };
    for (const x of code) if (x.op === 'store' && x.buffer === RESULT) result = x.arg + first;
  }
  yield {
    inner: false,
    code: epilogue.map((x): Instruction =>
      x.op === 'result'
        ? { op: 'apply', id: x.id, dtype: x.dtype, name: 'cast', args: [result] }
        : x,
    ),
  };
}

/** An instruction of a sum: loads, a product, a reduction. */
function renumbered(x: Instruction, by: number): Instruction {
  switch (x.op) {
    case 'store':
    case 'reduce':
    case 'argreduce':
      return { ...x, arg: x.arg + by, ...(x.op !== 'store' && { id: x.id + by }) } as Instruction;
    case 'apply':
      return { ...x, id: x.id + by, args: x.args.map((id) => id + by) };
    case 'gather':
      return { ...x, id: x.id + by, at: x.at + by };
    default:
      return { ...x, id: x.id + by };
  }
}
