/** A graph with float64 in place of float32, so that gradients can be checked by differences. */
import { Graph, apply, placeholder, traceGraph } from '@hebb/core';
import type { Attrs, AttrValue, Aval, DType, Tensor } from '@hebb/core';

const wider = (dtype: DType): DType => (dtype === 'float32' ? 'float64' : dtype);
export const widenAval = ({ shape, dtype }: Aval): Aval => ({ shape, dtype: wider(dtype) });

function widenAttrs(attrs: Attrs): Attrs {
  const entries = Object.entries(attrs).map(([name, value]): [string, AttrValue] => {
    if (value instanceof Graph) return [name, widen(value)];
    return [name, name === 'dtype' && value === 'float32' ? 'float64' : value];
  });
  return Object.fromEntries(entries);
}

/** The graph's outputs on the given inputs, every node inferred anew. */
export function replay(graph: Graph, inputs: readonly Tensor[]): Tensor[] {
  const values: Tensor[] = [];
  graph.inputs.forEach((id, i) => (values[id] = inputs[i]!));
  for (const node of graph.nodes) {
    const made = apply(
      node.op,
      node.inputs.map((id) => values[id]!),
      widenAttrs(node.attrs),
    );
    node.outputs.forEach((id, i) => (values[id] = made[i]!));
  }
  return graph.outputs.map((id) => values[id]!);
}

function widen(graph: Graph): Graph {
  const holders = graph.inputs.map((id) => placeholder(widenAval(graph.values[id]!)));
  return traceGraph(replay(graph, holders), holders).graph;
}
