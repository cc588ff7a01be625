/** Loops that run the same recurrence become one: a gradient needs values of the steps that its forward pass went through. */
import { Graph, attrsKey } from './graph.ts';
import type { GraphNode } from './graph.ts';
import type { Aval } from './op.ts';

/** The part of a body that computes its first `count` outputs. */
function head(body: Graph, count: number): Graph {
  const outputs = body.outputs.slice(0, count);
  const live = new Set(outputs);
  const nodes: GraphNode[] = [];
  for (let i = body.nodes.length - 1; i >= 0; i--) {
    const node = body.nodes[i]!;
    if (!node.outputs.some((id) => live.has(id))) continue;
    nodes.push(node);
    for (const id of node.inputs) live.add(id);
  }
  return new Graph({ values: body.values, inputs: body.inputs, nodes: nodes.reverse(), outputs });
}

interface Loop {
  readonly node: GraphNode;
  readonly body: Graph;
  readonly carries: number;
}

function loopOf(node: GraphNode): Loop | undefined {
  const { body, carries } = node.attrs;
  if (node.op.name !== 'scan' || !(body instanceof Graph) || typeof carries !== 'number') {
    return undefined;
  }
  return { node, body, carries };
}

/** All bodies on the same inputs, carries once, then what each of them stacks. */
function union(loops: readonly Loop[]): Graph {
  const { body: first, carries } = loops[0]!;
  const values: Aval[] = [...first.values];
  const nodes: GraphNode[] = [...first.nodes];
  const outputs: number[] = [...first.outputs];
  for (const { body } of loops.slice(1)) {
    const ids: number[] = [];
    body.inputs.forEach((id, i) => (ids[id] = first.inputs[i]!));
    for (const node of body.nodes) {
      const inputs = node.inputs.map((id) => ids[id]!);
      const made = node.outputs.map((id) => (ids[id] = values.push(body.values[id]!) - 1));
      nodes.push({ ...node, inputs, outputs: made });
    }
    outputs.push(...body.outputs.slice(carries).map((id) => ids[id]!));
  }
  return new Graph({ values, inputs: first.inputs, nodes, outputs });
}

/**
 * Merges loops over the same inputs whose carries evolve alike, so that the forward pass which a gradient
 * writes again (with the inner values of each step as further outputs) costs nothing; then drops what loops
 * stack for nobody. `simplify` merges equal computations of a joined body. Returns the graph itself when
 * there is nothing to do.
 */
export function tidyLoops(graph: Graph, simplify: (graph: Graph) => Graph): Graph {
  return dropUnread(merge(graph, simplify), simplify);
}

function merge(graph: Graph, simplify: (graph: Graph) => Graph): Graph {
  const groups = new Map<string, Loop[]>();
  for (const node of graph.nodes) {
    const loop = loopOf(node);
    if (loop === undefined) continue;
    const same = { ...node.attrs, body: head(loop.body, loop.carries) };
    const key = `${node.inputs.join(',')} ${attrsKey(same)}`;
    groups.set(key, [...(groups.get(key) ?? []), loop]);
  }
  const replaced = new Map<GraphNode, GraphNode | undefined>();
  const canonical = new Map<number, number>();
  for (const loops of groups.values()) {
    if (loops.length === 1) continue;
    const [{ node: first, carries }] = loops as [Loop, ...Loop[]];
    const joined = simplify(union(loops));
    const produced = [
      ...first.outputs,
      ...loops.slice(1).flatMap(({ node }) => node.outputs.slice(carries)),
    ];
    // What two loops stacked alike is stacked once.
    const outputs: number[] = [];
    const bodyOutputs: number[] = [];
    joined.outputs.forEach((id, i) => {
      const known = i < carries ? -1 : bodyOutputs.indexOf(id, carries);
      if (known >= 0) canonical.set(produced[i]!, outputs[known]!);
      else {
        outputs.push(produced[i]!);
        bodyOutputs.push(id);
      }
    });
    for (const { node } of loops.slice(1)) {
      for (let i = 0; i < carries; i++) canonical.set(node.outputs[i]!, first.outputs[i]!);
      replaced.set(node, undefined);
    }
    const body = new Graph({
      values: joined.values,
      inputs: joined.inputs,
      nodes: joined.nodes,
      outputs: bodyOutputs,
    });
    replaced.set(first, { ...first, attrs: { ...first.attrs, body }, outputs });
  }
  if (replaced.size === 0) return graph;
  const rename = (id: number): number => canonical.get(id) ?? id;
  const nodes = graph.nodes.flatMap((node) => {
    const now = replaced.has(node) ? replaced.get(node) : node;
    return now === undefined ? [] : [{ ...now, inputs: now.inputs.map(rename) }];
  });
  return new Graph({
    values: graph.values,
    inputs: graph.inputs,
    nodes,
    outputs: graph.outputs.map(rename),
  });
}

function dropUnread(graph: Graph, simplify: (graph: Graph) => Graph): Graph {
  const read = new Set([...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs]);
  let changed = false;
  const nodes = graph.nodes.map((node) => {
    const loop = loopOf(node);
    if (loop === undefined) return node;
    const wanted = node.outputs.flatMap((id, i) => (i < loop.carries || read.has(id) ? [i] : []));
    if (wanted.length === node.outputs.length) return node;
    changed = true;
    const { values, inputs } = loop.body;
    const outputs = wanted.map((i) => loop.body.outputs[i]!);
    const body = simplify(new Graph({ values, inputs, nodes: loop.body.nodes, outputs }));
    return {
      ...node,
      attrs: { ...node.attrs, body },
      outputs: wanted.map((i) => node.outputs[i]!),
    };
  });
  return changed
    ? new Graph({ values: graph.values, inputs: graph.inputs, nodes, outputs: graph.outputs })
    : graph;
}
