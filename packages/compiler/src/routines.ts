/** Routine and loop kernels from clusters. */
import { sizeOf } from '@hebb/core';
import type { Attrs } from '@hebb/core';
import { bijection } from './affine.ts';
import type { Cluster } from './cluster.ts';
import { kernelCost, routineCost } from './cost.ts';
import type { DagNode, Value } from './dag.ts';
import { emitBody } from './emit.ts';
import type { Body, EmitContext } from './emit.ts';
import { accessOf, viewFor } from './placing.ts';
import type { GroupOptions } from './placing.ts';
import type { Defining, Instruction, LoopKernel, RoutineKernel, View } from './ir.ts';
import { finishLoops } from './loops.ts';
import type { Buffers } from './buffers.ts';
import { buildStages } from './stages.ts';

export function loopKernel(
  cluster: Cluster,
  context: EmitContext,
  buffers: Buffers,
): LoopKernel | undefined {
  const body = emitBody(cluster, context);
  if (body === undefined) return undefined;
  const { sizes, variables } = cluster;
  const inner = cluster.inner ?? [];
  const total = sizeOf(sizes);
  const stages = buildStages(body, {
    isInner: (variable) => inner.includes(variable),
    temporary: (value) => {
      const buffer = buffers.temporary(value.dtype, sizes);
      const terms = [];
      let stride = total;
      for (const variable of variables) {
        stride /= sizes[variable]!;
        if (sizes[variable] !== 1) terms.push({ variable, stride, div: 1, mod: 0 });
      }
      return { buffer, index: { offset: 0, terms } };
    },
    canHold: (write, value) =>
      buffers.list[write.buffer]!.dtype === value.dtype &&
      sizeOf(buffers.list[write.buffer]!.shape) === total &&
      bijection(write.index, variables, sizes, total) !== undefined,
  });
  const nest = finishLoops(stages, sizes, inner);
  const { name, paths } = body;
  return { kind: 'loop', name, paths, ...nest, cost: kernelCost(nest, buffers.list) };
}

/** The kernel of a routine, with the cluster's code attached to its result. */
export function routineKernel(
  cluster: Cluster,
  context: EmitContext,
  buffers: Buffers,
  options: GroupOptions & { readonly scratch: (kernel: RoutineKernel) => number },
): RoutineKernel | undefined {
  const node = cluster.routine!;
  let body: Body | undefined;
  if (cluster.rebase !== undefined) {
    body = emitBody(cluster, context);
    if (body === undefined) return undefined;
  }
  const { inputs, attrs } = routineInputs(node, context, options);
  const epilogue = body === undefined ? undefined : flatCode(body);
  const names = body === undefined || body.name === 'copy' ? node.op : `${node.op}+${body.name}`;
  const kernel: RoutineKernel = {
    kind: 'routine',
    name: names,
    paths: body?.paths ?? (node.path === '' ? [] : [node.path]),
    op: node.op,
    attrs,
    inputs,
    results: node.outputs.map(({ dtype, shape }) => ({ dtype, shape })),
    outputs: node.outputs.map((x, i) =>
      (i === 0 && epilogue !== undefined) || !isUsed(x, context) ? -1 : context.bufferOf(x),
    ),
    ...(epilogue === undefined ? {} : { epilogue }),
    cost: { flops: 0, bytes: 0 },
  };
  const cost = routineCost(kernel, buffers.list);
  const bytes = options.scratch({ ...kernel, cost });
  return bytes === 0
    ? { ...kernel, cost }
    : { ...kernel, cost, scratch: buffers.temporary('uint8', [bytes]) };
}

const isUsed = (x: Value, { grouping }: EmitContext): boolean => {
  const state = grouping.state(x);
  return state.inMemory || state.demands.size > 0;
};

/** The body without loops: it has one stage. */
function flatCode({ code, writes }: Body): Instruction[] {
  const needed = new Set<number>();
  const visit = (id: number): void => {
    if (needed.has(id)) return;
    needed.add(id);
    code[id]!.args.forEach(visit);
  };
  for (const { arg } of writes) visit(arg);
  const defining: Defining[] = code
    .filter((_, id) => needed.has(id))
    .map(({ instruction }) => instruction);
  return [
    ...defining,
    ...writes.map(({ buffer, index, arg }) => ({ op: 'store', buffer, index, arg }) as const),
  ];
}

function routineInputs(
  node: DagNode,
  { bufferOf }: EmitContext,
  options: GroupOptions,
): { inputs: View[]; attrs: Attrs } {
  const inputs = node.inputs.map((x, i): View => {
    const { base, strides, offset } = viewFor(x, accessOf(node, i, options));
    return { buffer: bufferOf(base), shape: x.shape, strides, offset };
  });
  if (node.op !== 'matmul' || node.record !== undefined) return { inputs, attrs: node.attrs };
  const batch = node.outputs[0]!.shape.slice(0, -2);
  const sides = inputs.map((view, i) => {
    const turned = node.attrs[i === 0 ? 'transposeA' : 'transposeB'] === true;
    return broadcastBatch(turned ? transposed(view) : view, batch);
  });
  return { inputs: sides, attrs: {} };
}

function transposed(view: View): View {
  const swap = (list: readonly number[]): number[] => [
    ...list.slice(0, -2),
    list.at(-1)!,
    list.at(-2)!,
  ];
  return { ...view, shape: swap(view.shape), strides: swap(view.strides) };
}

function broadcastBatch(view: View, batch: readonly number[]): View {
  const missing = batch.length + 2 - view.shape.length;
  const strides = batch.map((_, i) =>
    i < missing || view.shape[i - missing] === 1 ? 0 : view.strides[i - missing]!,
  );
  return {
    ...view,
    shape: [...batch, ...view.shape.slice(-2)],
    strides: [...strides, ...view.strides.slice(-2)],
  };
}
