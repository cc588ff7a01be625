/** Programs and graphs for people: what HEBB_DEBUG=graph|kernels|plan prints. */
import { dtypeInfo, formatShape, sizeOf } from '@hebb/core';
import type { Graph } from '@hebb/core';
import type { Condition, Index, Instruction, Kernel, LoopKernel, Program } from './ir.ts';

const units = (n: number, names: readonly string[], base: number): string => {
  let value = n;
  let i = 0;
  while (value >= base && i < names.length - 1) [value, i] = [value / base, i + 1];
  return `${i === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)}${names[i]}`;
};
export const formatBytes = (n: number): string => units(n, [' B', ' KiB', ' MiB', ' GiB'], 1024);
export const formatFlops = (n: number): string =>
  units(n, [' flop', ' kflop', ' Mflop', ' Gflop'], 1000);

/** `v` names loop variables: v0 is the outermost. */
export function formatIndex({ offset, terms }: Index): string {
  const parts = terms.map(({ variable, stride, div, mod }) => {
    let text = `v${variable}`;
    if (div !== 1) text += `/${div}`;
    if (mod !== 0) text += `%${mod}`;
    return stride === 1 ? text : `${stride}·${text}`;
  });
  if (offset !== 0 || parts.length === 0) parts.push(String(offset));
  return parts.join(' + ').replaceAll('+ -', '- ');
}

const formatConditions = (conditions: readonly Condition[]): string =>
  conditions
    .map(({ index, low, high }) => `${low} <= ${formatIndex(index)} < ${high}`)
    .join(' and ');

export function formatInstruction(instruction: Instruction): string {
  const given =
    'conditions' in instruction && instruction.conditions !== undefined
      ? ` if ${formatConditions(instruction.conditions)}`
      : '';
  switch (instruction.op) {
    case 'store':
      return `b${instruction.buffer}[${formatIndex(instruction.index)}] = %${instruction.arg}`;
    case 'load': {
      const { id, buffer, index, otherwise } = instruction;
      const other = otherwise === undefined ? '' : ` else ${otherwise}`;
      return `%${id} = b${buffer}[${formatIndex(index)}]${given}${other}`;
    }
    case 'const':
      return `%${instruction.id} = ${instruction.value} (${instruction.dtype})`;
    case 'index':
      return `%${instruction.id} = ${formatIndex(instruction.index)} (${instruction.dtype})`;
    case 'inside':
      return `%${instruction.id} = ${formatConditions(instruction.conditions)}`;
    case 'gather': {
      const { id, buffer, index, at, stride } = instruction;
      return `%${id} = b${buffer}[${formatIndex(index)} + ${stride}·%${at}]${given}`;
    }
    case 'apply': {
      const { id, name, args, dtype } = instruction;
      const to = name === 'cast' || name === 'bitcast' ? ` to ${dtype}` : '';
      return `%${id} = ${name}(${args.map((arg) => `%${arg}`).join(', ')})${to}`;
    }
    case 'reduce':
    case 'argreduce':
      return `%${instruction.id} = ${instruction.name} of %${instruction.arg}`;
    case 'result':
      return `%${instruction.id} = result ${instruction.output}`;
  }
}

function formatBuffer({ buffers }: Program, id: number): string {
  const { dtype, shape, place } = buffers[id]!;
  const where =
    place.kind === 'arena'
      ? `@${place.offset}`
      : place.kind === 'input'
        ? `in ${place.position}`
        : `out ${place.position}${place.alias === undefined ? '' : ` over in ${place.alias}`}`;
  return `b${id} ${dtype}${formatShape(shape)} ${where}`;
}

function buffersOf(kernel: Kernel): { reads: number[]; writes: number[] } {
  const reads = new Set<number>();
  const writes = new Set<number>();
  const code = (list: readonly Instruction[]): void => {
    for (const instruction of list) {
      if (instruction.op === 'load' || instruction.op === 'gather') reads.add(instruction.buffer);
      if (instruction.op === 'store') writes.add(instruction.buffer);
    }
  };
  if (kernel.kind === 'loop') for (const stage of kernel.stages) code(stage.code);
  if (kernel.kind === 'routine') {
    kernel.inputs.forEach(({ buffer }) => reads.add(buffer));
    kernel.outputs.forEach((buffer) => buffer >= 0 && writes.add(buffer));
    code(kernel.epilogue ?? []);
  }
  if (kernel.kind === 'scan') {
    for (const id of [...kernel.constants, ...kernel.initial, ...kernel.sequences]) reads.add(id);
    for (const id of kernel.outputs) writes.add(id);
  }
  return { reads: [...reads], writes: [...writes] };
}

const loopShape = ({ dims, outer }: LoopKernel): string =>
  outer === dims.length
    ? `[${dims.join(',')}]`
    : `[${dims.slice(0, outer).join(',')} | ${dims.slice(outer).join(',')}]`;

function kernelLine(program: Program, kernel: Kernel, i: number): string {
  const { reads, writes } = buffersOf(kernel);
  const form =
    kernel.kind === 'loop'
      ? `loop ${loopShape(kernel)}`
      : kernel.kind === 'scan'
        ? `scan ×${kernel.length}`
        : `routine ${formatShape(kernel.results[0]!.shape)}`;
  const list = (ids: readonly number[]): string =>
    ids.map((id) => formatBuffer(program, id)).join(', ');
  const path = kernel.paths.length === 0 ? '' : `  @ ${kernel.paths.join(', ')}`;
  const { flops, bytes } = kernel.cost;
  return `#${i} ${kernel.name}  ${form}  ${formatFlops(flops)}, ${formatBytes(bytes)}  (${list(reads)}) -> (${list(writes)})${path}`;
}

function kernelCode(kernel: Kernel): string[] {
  if (kernel.kind === 'loop') {
    return kernel.stages.flatMap(({ inner, code }) => [
      inner ? '    for each inner index:' : '    for each outer index:',
      ...code.map((x) => `      ${formatInstruction(x)}`),
    ]);
  }
  if (kernel.kind === 'routine') {
    return [
      ...kernel.inputs.map(
        ({ buffer, shape, strides, offset }) =>
          `    reads b${buffer} as ${formatShape(shape)}, strides ${formatShape(strides)}${offset === 0 ? '' : `, from ${offset}`}`,
      ),
      ...(kernel.epilogue ?? []).map((x) => `      ${formatInstruction(x)}`),
    ];
  }
  return formatProgram(kernel.body, { code: true })
    .split('\n')
    .map((line) => `    ${line}`);
}

export interface FormatOptions {
  /** The instructions of each kernel too. */
  readonly code?: boolean;
}

/** One line a kernel: name, loops (outer | inner), cost, buffers with shape and place, layers. */
export function formatProgram(program: Program, { code = false }: FormatOptions = {}): string {
  const { kernels, arenaBytes } = program;
  const flops = kernels.reduce((sum, kernel) => sum + kernel.cost.flops, 0);
  const bytes = kernels.reduce((sum, kernel) => sum + kernel.cost.bytes, 0);
  const lines = [
    `program: ${kernels.length} kernels, ${formatFlops(flops)}, ${formatBytes(bytes)} moved, arena ${formatBytes(arenaBytes)}`,
  ];
  kernels.forEach((kernel, i) => {
    lines.push(kernelLine(program, kernel, i));
    if (code) lines.push(...kernelCode(kernel));
    else if (kernel.kind === 'scan') {
      lines.push(
        ...formatProgram(kernel.body)
          .split('\n')
          .map((line) => `    ${line}`),
      );
    }
  });
  return lines.join('\n');
}

/** The memory plan: one line a buffer, in the order of their places, with the kernels between which it lives. */
export function formatPlan(program: Program): string {
  const { buffers, kernels, arenaBytes } = program;
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  kernels.forEach((kernel, k) => {
    const { reads, writes } = buffersOf(kernel);
    for (const id of [...reads, ...writes]) {
      if (!first.has(id)) first.set(id, k);
      last.set(id, k);
    }
  });
  const rank = { input: 0, output: 1, arena: 2 } as const;
  const at = (id: number): number => {
    const { place } = buffers[id]!;
    return place.kind === 'arena' ? place.offset : place.position;
  };
  const ids = buffers.map((_, id) => id);
  ids.sort(
    (a, b) => rank[buffers[a]!.place.kind] - rank[buffers[b]!.place.kind] || at(a) - at(b) || a - b,
  );
  const total = ids.reduce((sum, id) => sum + bufferBytes(program, id), 0);
  return [
    `plan: ${buffers.length} buffers, ${formatBytes(total)} in all, arena ${formatBytes(arenaBytes)}`,
    ...ids.map((id) => {
      const life = first.has(id) ? `kernels ${first.get(id)}-${last.get(id)}` : 'scratch';
      return `${formatBuffer(program, id)}  ${formatBytes(bufferBytes(program, id))}  ${life}`;
    }),
  ].join('\n');
}

function bufferBytes({ buffers }: Program, id: number): number {
  const { dtype, shape } = buffers[id]!;
  return sizeOf(shape) * dtypeInfo(dtype).bytes;
}

/** The graph as core prints it, with its size. */
export function formatGraph(graph: Graph): string {
  return `${graph.nodes.length} nodes, hash ${graph.hash}\n${graph.toString()}`;
}
