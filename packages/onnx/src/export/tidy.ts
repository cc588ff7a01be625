/** The last pass: outputs under their names, and nothing that no output needs. */
import type { TensorData } from '../codec/tensor.ts';
import type { DraftNode } from './writer.ts';

export interface DraftGraph {
  readonly nodes: readonly DraftNode[];
  readonly initializers: ReadonlyMap<string, TensorData>;
}

export interface OutputName {
  readonly from: string;
  readonly to: string;
}

export function tidy(
  graph: DraftGraph,
  outputs: readonly OutputName[],
  inputs: readonly string[],
): DraftGraph {
  const renamed = new Map<string, string>();
  const extra: DraftNode[] = [];
  const makers = new Set(graph.nodes.flatMap((node) => node.outputs));
  // Subgraphs know values of the graph around them by the names they had.
  const captured = new Set(graph.nodes.flatMap((node) => node.captured ?? []));
  for (const { from, to } of outputs) {
    // A node's output takes the name itself; an input, a constant, or a second name needs a node.
    if (makers.has(from) && !renamed.has(from) && !captured.has(from)) renamed.set(from, to);
    else {
      const input = renamed.get(from) ?? from;
      extra.push({
        op: 'Identity',
        name: `${to}/Identity`,
        inputs: [input],
        outputs: [to],
        attributes: [],
      });
    }
  }
  const rename = (name: string): string => renamed.get(name) ?? name;
  const nodes: DraftNode[] = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }));
  nodes.push(...extra);
  const needed = new Set(outputs.map(({ to }) => to));
  const live: DraftNode[] = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    if (!node.outputs.some((name) => needed.has(name))) continue;
    live.push(node);
    for (const name of [...node.inputs, ...(node.captured ?? [])]) needed.add(rename(name));
  }
  const initializers = new Map(
    [...graph.initializers].filter(([name]) => needed.has(name) && !inputs.includes(name)),
  );
  return { nodes: live.reverse(), initializers };
}
