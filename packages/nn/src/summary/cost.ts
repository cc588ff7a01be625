/** What a graph costs: multiply-adds and memory, from shapes alone. */
import { Graph, dtypeInfo, sizeOf } from '@hebb/core';
import type { Aval, GraphNode } from '@hebb/core';

/**
 * Multiply-adds of the matrix products and convolutions of a lowered graph, by the path of the layer that
 * made them.
 */
export function multiplyAddsByPath(graph: Graph): Map<string, number> {
  const totals = new Map<string, number>();
  for (const node of graph.nodes) {
    const count = multiplyAddsOf(graph, node);
    if (count > 0) totals.set(node.path, (totals.get(node.path) ?? 0) + count);
  }
  return totals;
}

/** Multiply-adds of the matrix products and convolutions of a lowered graph. */
export function multiplyAdds(graph: Graph): number {
  return graph.nodes.reduce((total, node) => total + multiplyAddsOf(graph, node), 0);
}

function multiplyAddsOf(graph: Graph, node: GraphNode): number {
  const shape = (list: readonly number[], i: number) => graph.values[list[i]!]!.shape;
  const out = sizeOf(shape(node.outputs, 0));
  switch (node.op.name) {
    case 'matmul': {
      const a = shape(node.inputs, 0);
      return out * a[a.length - (node.attrs.transposeA === true ? 2 : 1)]!;
    }
    case 'conv':
      return out * sizeOf(shape(node.inputs, 1).slice(1));
    case 'convTranspose':
      return sizeOf(shape(node.inputs, 0)) * sizeOf(shape(node.inputs, 1).slice(1));
    case 'convKernelGrad':
      return out * shape(node.inputs, 1)[0]! * sizeOf(shape(node.inputs, 1).slice(2));
    case 'scan':
      return (node.attrs.length as number) * multiplyAdds(bodyOf(node));
    default:
      return 0;
  }
}

function bodyOf(node: GraphNode): Graph {
  const { body } = node.attrs;
  if (!(body instanceof Graph)) throw new TypeError('scan without a body');
  return body;
}

/** Ops whose result shares the memory of their input. */
const views = new Set(['reshape', 'permute', 'expand', 'slice', 'flip', 'window', 'alias']);

export const bytesOf = ({ shape, dtype }: Aval): number => sizeOf(shape) * dtypeInfo(dtype).bytes;

/** Inputs of the graph (parameters among them) and the most intermediate bytes alive at once. */
export function peakBytes(graph: Graph): number {
  const owner: number[] = [];
  const last = new Map<number, number>();
  for (const id of graph.inputs) owner[id] = id;
  graph.nodes.forEach((node, i) => {
    for (const id of node.inputs) last.set(owner[id]!, i);
    for (const id of node.outputs)
      owner[id] = views.has(node.op.name) ? owner[node.inputs[0]!]! : id;
  });
  for (const id of graph.outputs) last.set(owner[id]!, graph.nodes.length);
  const inputs = new Set(graph.inputs);
  let held = graph.inputs.reduce((sum, id) => sum + bytesOf(graph.values[id]!), 0);
  let peak = held;
  const ends = new Map<number, number[]>();
  for (const [id, at] of last) {
    if (!inputs.has(id)) ends.set(at, [...(ends.get(at) ?? []), id]);
  }
  graph.nodes.forEach((node, i) => {
    for (const id of node.outputs) if (owner[id] === id) held += bytesOf(graph.values[id]!);
    peak = Math.max(peak, held);
    for (const id of ends.get(i) ?? []) held -= bytesOf(graph.values[id]!);
  });
  return peak;
}
