/** Instructions replaced by cheaper ones where the kernel shows what their arguments are. */
import type { Defining, Instruction, LoopKernel } from '@hebb/compiler';

type Values = ReadonlyMap<number, Defining>;

/** Whether two values are the same expression over buffers that the kernel does not write. */
function same(a: number, b: number, values: Values, written: ReadonlySet<number>): boolean {
  if (a === b) return true;
  const [x, y] = [values.get(a), values.get(b)];
  if (x === undefined || y === undefined || x.op !== y.op || x.dtype !== y.dtype) return false;
  if (x.op === 'apply' && y.op === 'apply') {
    if (x.name !== y.name || x.args.length !== y.args.length) return false;
    return x.args.every((arg, i) => same(arg, y.args[i]!, values, written));
  }
  if (x.op === 'const' && y.op === 'const') return Object.is(x.value, y.value);
  if (x.op !== 'load' || y.op !== 'load' || written.has(x.buffer)) return false;
  return JSON.stringify({ ...x, id: 0 }) === JSON.stringify({ ...y, id: 0 });
}

/** The value whose maximum this is; also of a maximum that is replaced by 0 where it is -Infinity. */
function maximumOf(id: number, values: Values): number | undefined {
  const x = values.get(id);
  if (x?.op === 'reduce') return x.name === 'max' ? x.arg : undefined;
  if (x?.op !== 'apply' || x.name !== 'where') return undefined;
  const [condition, zero, maximum] = x.args.map((arg) => values.get(arg));
  if (zero?.op !== 'const' || zero.value !== 0 || maximum === undefined) return undefined;
  if (condition?.op !== 'apply' || condition.name !== 'eq') return undefined;
  const lowest = condition.args.some((arg) => {
    const value = values.get(arg);
    return value?.op === 'const' && value.value === -Infinity;
  });
  return lowest && condition.args.includes(maximum.id) ? maximumOf(maximum.id, values) : undefined;
}

/** `exp(x - max(x))`, as in softmax, is never asked for positive numbers. */
export function specialized(kernel: LoopKernel): LoopKernel {
  const values = new Map<number, Defining>();
  const written = new Set<number>();
  for (const { code } of kernel.stages) {
    for (const x of code) {
      if (x.op === 'store') written.add(x.buffer);
      else values.set(x.id, x);
    }
  }
  const nonPositive = (id: number): boolean => {
    const x = values.get(id);
    if (x?.op !== 'apply' || x.name !== 'sub') return false;
    const [from, most] = x.args as [number, number];
    const source = maximumOf(most, values);
    return source !== undefined && same(from, source, values, written);
  };
  const replace = (x: Instruction): Instruction =>
    x.op === 'apply' && x.name === 'exp' && x.dtype === 'float32' && nonPositive(x.args[0]!)
      ? { ...x, name: 'expNonPositive' }
      : x;
  return {
    ...kernel,
    stages: kernel.stages.map((stage) => ({ ...stage, code: stage.code.map(replace) })),
  };
}
