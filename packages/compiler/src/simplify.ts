/** A core graph as simplified nodes. */
import { lower } from '@hebb/core';
import type { Graph, Op } from '@hebb/core';
import { Builder } from './dag.ts';
import type { DagNode, Value } from './dag.ts';
import { optimizeScans } from './scans.ts';

export interface Simplified {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Nodes that outputs need, in topological order. */
  readonly nodes: readonly DagNode[];
}

/** An output that is a memory of its own, whatever it equals. */
export const COPY = 'copy';

/** Lowers and rewrites. `separate` gives every output a node of its own (loop bodies). */
export function simplifyGraph(
  graph: Graph,
  keep: (op: Op) => boolean,
  separate: boolean,
): Simplified {
  const lowered = optimizeScans(lower(graph, keep, true));
  const builder = new Builder();
  const values: Value[] = [];
  const inputs = lowered.inputs.map(
    (id, i) => (values[id] = builder.input(lowered.values[id]!, i)),
  );
  for (const node of lowered.nodes) {
    builder.path = node.path;
    const args = node.inputs.map((id) => values[id]!);
    if (node.op.kind === 'primitive' && node.outputs.length === 1 && node.op.name !== 'scan') {
      const [id] = node.outputs as [number];
      values[id] = builder.make(node.op.name, args, node.attrs, lowered.values[id]);
      continue;
    }
    const avals = node.outputs.map((id) => lowered.values[id]!);
    const record = node.op.kind === 'composite' ? node.op : undefined;
    const made = builder.raw(node.op.name, args, node.attrs, avals, record);
    node.outputs.forEach((id, i) => (values[id] = made.outputs[i]!));
  }
  let outputs = lowered.outputs.map((id) => values[id]!);
  if (separate) outputs = separateOutputs(builder, outputs);
  return { inputs, outputs, nodes: liveNodes(builder.nodes, outputs) };
}

/** The value whose memory a reshaped value shares. */
export function memoryOf(x: Value): Value {
  let value = x;
  while (value.node.op === 'reshape') value = value.node.inputs[0]!;
  return value;
}

function separateOutputs(builder: Builder, outputs: readonly Value[]): Value[] {
  const taken = new Set<Value>();
  builder.path = '';
  return outputs.map((x, i) => {
    const memory = memoryOf(x);
    if (memory.node.op !== 'input' && !taken.has(memory)) {
      taken.add(memory);
      return x;
    }
    return builder.raw(COPY, [x], { output: i }, [x]).outputs[0]!;
  });
}

function liveNodes(nodes: readonly DagNode[], outputs: readonly Value[]): DagNode[] {
  const live = new Set<DagNode>();
  const stack = outputs.map((x) => x.node);
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (live.has(node)) continue;
    live.add(node);
    for (const x of node.inputs) stack.push(x.node);
  }
  return nodes.filter((node) => live.has(node));
}
