/** Turning graphs back into tensors, and composites into their bodies. */
import { placeholder } from './apply.ts';
import { fail } from './error.ts';
import { Graph, attrsKey, traceGraph } from './graph.ts';
import type { GraphNode } from './graph.ts';
import { tidyLoops } from './loops.ts';
import { Node } from './node.ts';
import type { Aval, Op } from './op.ts';
import { Tensor } from './tensor.ts';

/** Rebuilds the graph's nodes on the given inputs and returns its outputs. */
export function inlineGraph(graph: Graph, inputs: readonly Tensor[]): Tensor[] {
  const values: (Tensor | undefined)[] = [];
  graph.inputs.forEach((id, i) => (values[id] = inputs[i]));
  for (const node of graph.nodes) {
    const made = new Node(
      node.op,
      node.attrs,
      node.inputs.map((id) => values[id]!),
      node.outputs.map((id) => graph.values[id]!),
    );
    node.outputs.forEach((id, i) => (values[id] = new Tensor(made, i)));
  }
  return graph.outputs.map((id) => values[id]!);
}

/**
 * The graph of a function at the given input types. The function may read nothing but its arguments:
 * what it captured would be lost when the graph is used elsewhere.
 */
export function traceFunction(
  name: string,
  inputs: readonly Aval[],
  fn: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
): Graph {
  const holders = inputs.map(placeholder);
  const out = fn(...holders);
  const { graph, captures } = traceGraph(out instanceof Tensor ? [out] : out, holders);
  if (captures.length > 0) {
    fail(
      name,
      'the body uses a tensor that is not one of its inputs',
      `${captures.length} captured`,
    );
  }
  return graph;
}

/**
 * Replaces composites by their bodies, repeatedly, except those that `keep` accepts. Paths of the layers
 * are passed on to the nodes of the bodies. With `inParts` records that have such a form are taken in parts.
 */
export function expandComposites(
  graph: Graph,
  keep: (op: Op) => boolean = () => false,
  inParts = false,
): Graph {
  const values: Aval[] = [];
  const nodes: GraphNode[] = [];
  const fresh = (aval: Aval): number => values.push(aval) - 1;

  const run = (inner: Graph, inputs: readonly number[], path: string): number[] => {
    const ids: number[] = [];
    inner.inputs.forEach((id, i) => (ids[id] = inputs[i]!));
    for (const node of inner.nodes) {
      const at = node.inputs.map((id) => ids[id]!);
      const nodePath = node.path === '' ? path : node.path;
      if (node.op.kind === 'composite' && !keep(node.op)) {
        const avals = at.map((id) => values[id]!);
        const { op, attrs } = node;
        const body =
          inParts && op.expandInParts !== undefined
            ? op.expandInParts(avals, attrs)
            : op.expand!(avals, attrs);
        const out = run(body, at, nodePath);
        node.outputs.forEach((id, i) => (ids[id] = out[i]!));
        continue;
      }
      const outputs = node.outputs.map((id) => (ids[id] = fresh(inner.values[id]!)));
      nodes.push({
        op: node.op,
        attrs: expandAttrs(node.attrs, keep, inParts),
        inputs: at,
        outputs,
        path: nodePath,
      });
    }
    return inner.outputs.map((id) => ids[id]!);
  };

  const inputs = graph.inputs.map((id) => fresh(graph.values[id]!));
  const outputs = run(graph, inputs, '');
  return new Graph({ values, inputs, nodes, outputs });
}

/** Graphs inside attributes (bodies of loops) are expanded too. */
function expandAttrs(
  attrs: GraphNode['attrs'],
  keep: (op: Op) => boolean,
  inParts: boolean,
): GraphNode['attrs'] {
  if (!Object.values(attrs).some((value) => value instanceof Graph)) return attrs;
  return Object.fromEntries(
    Object.entries(attrs).map(([name, value]) => [
      name,
      value instanceof Graph ? lower(value, keep, inParts) : value,
    ]),
  );
}

/** Merges nodes that compute the same, drops aliases and what no output needs. */
export function simplify(graph: Graph): Graph {
  const canonical: number[] = [];
  const known = new Map<string, readonly number[]>();
  const kept: GraphNode[] = [];
  for (const id of graph.inputs) canonical[id] = id;
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => canonical[id]!);
    if (node.op.name === 'alias' || node.op.name === 'stopGradient') {
      canonical[node.outputs[0]!] = inputs[0]!;
      continue;
    }
    const key = `${node.op.uid}(${inputs.join(',')})${attrsKey(node.attrs)}`;
    const same = known.get(key);
    if (same !== undefined) {
      node.outputs.forEach((id, i) => (canonical[id] = same[i]!));
      continue;
    }
    known.set(key, node.outputs);
    for (const id of node.outputs) canonical[id] = id;
    kept.push({ ...node, inputs });
  }
  const outputs = graph.outputs.map((id) => canonical[id]!);
  const live = new Set(outputs);
  const nodes: GraphNode[] = [];
  for (let i = kept.length - 1; i >= 0; i--) {
    const node = kept[i]!;
    if (!node.outputs.some((id) => live.has(id))) continue;
    nodes.push(node);
    for (const id of node.inputs) live.add(id);
  }
  return new Graph({ values: graph.values, inputs: graph.inputs, nodes: nodes.reverse(), outputs });
}

/**
 * What every backend starts from: composites expanded but for the claimed ones, equal computations and
 * loops merged, dead ones dropped. Inputs and outputs keep their order. `inParts` is for backends that
 * compile: see `CompositeSpec`.
 */
export function lower(
  graph: Graph,
  keep: (op: Op) => boolean = () => false,
  inParts = false,
): Graph {
  let result = simplify(expandComposites(graph, keep, inParts));
  // Loops that were merged may make others equal, those of the next layer say.
  for (;;) {
    const tidied = tidyLoops(result, simplify);
    if (tidied === result) return result;
    result = simplify(tidied);
  }
}
