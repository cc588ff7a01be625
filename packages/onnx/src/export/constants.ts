/**
 * Values that depend on no input and no parameter, and that ONNX could not compute: random numbers from a
 * fixed key are the same at every call, so the file holds the numbers themselves.
 */
import { Graph, inlineGraph, sameShape } from '@hebb/core';
import type { CapturedFunction, Tensor } from '@hebb/core';

export interface Folded {
  readonly graphs: readonly Graph[];
  /** What the graphs read after their other inputs. */
  readonly values: readonly Tensor[];
}

/** Positions of the nodes that are to be worked out, the same in every trace. */
function foldable(graphs: readonly Graph[], given: number): ReadonlySet<number> {
  const [graph] = graphs as [Graph, ...Graph[]];
  const follows = (id: number): boolean =>
    graphs.some((other) => !sameShape(other.values[id]?.shape ?? [], graph.values[id]!.shape));
  const open = new Set(graph.inputs.slice(0, given));
  const random = new Set<number>();
  const nodes = new Set<number>();
  graph.nodes.forEach((node, i) => {
    if (node.inputs.some((id) => open.has(id)) || node.outputs.some(follows)) {
      for (const id of node.outputs) open.add(id);
    } else if (node.op.name === 'randomBits' || node.inputs.some((id) => random.has(id))) {
      nodes.add(i);
      for (const id of node.outputs) random.add(id);
    }
  });
  // What they are computed from goes along.
  const needed = new Set([...nodes].flatMap((i) => graph.nodes[i]!.inputs));
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]!;
    if (nodes.has(i) || !node.outputs.some((id) => needed.has(id))) continue;
    nodes.add(i);
    for (const id of node.inputs) needed.add(id);
  }
  return nodes;
}

/** Takes constant random values out of the graphs. `captured` are traces of the same function. */
export function foldConstants(captured: readonly CapturedFunction[]): Folded {
  const graphs = captured.map((c) => c.graph);
  const [base] = captured as [CapturedFunction, ...CapturedFunction[]];
  const given = base.argumentCount + base.variables.length;
  const chosen = foldable(graphs, given);
  if (chosen.size === 0) return { graphs, values: [] };

  const made = new Set([...chosen].flatMap((i) => base.graph.nodes[i]!.outputs));
  const rest = base.graph.nodes.filter((_, i) => !chosen.has(i));
  const read = new Set([...rest.flatMap((node) => node.inputs), ...base.graph.outputs]);
  const frontier = [...made].filter((id) => read.has(id));
  const part = new Graph({
    values: base.graph.values,
    inputs: base.graph.inputs.slice(given),
    nodes: base.graph.nodes.filter((_, i) => chosen.has(i)),
    outputs: frontier,
  });
  return {
    graphs: graphs.map(
      (graph) =>
        new Graph({
          values: graph.values,
          inputs: [...graph.inputs, ...frontier],
          nodes: graph.nodes.filter((_, i) => !chosen.has(i)),
          outputs: graph.outputs,
        }),
    ),
    values: inlineGraph(part, base.captures),
  };
}
