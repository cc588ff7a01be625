/**
 * One form for what can be written in several: constants are numbered in the order in which nodes read them,
 * equal ones are one, and a reshape of a reshape is one. A model that is read and written again gives the same file.
 */
import type { TensorData } from '../codec/tensor.ts';
import type { AttributeProto, GraphProto, NodeProto } from '../codec/types.ts';
import type { DraftGraph } from './tidy.ts';
import type { DraftNode } from './writer.ts';

/** Names that this exporter makes up for constants. */
const madeUp = /^(const|range|variable)(_\d+)?$/;

export function canonical(graph: DraftGraph, inputs: readonly string[]): DraftGraph {
  const { nodes, initializers } = graph;
  const order = new Set<string>();
  for (const node of nodes) {
    for (const name of [...node.inputs, ...(node.captured ?? [])]) {
      if (initializers.has(name)) order.add(name);
    }
  }
  const renamed = new Map<string, string>();
  const taken = new Set([...inputs, ...nodes.flatMap((node) => node.outputs)]);
  for (const name of order) if (!madeUp.test(name)) taken.add(name);
  let next = 0;
  const equal = new Map<string, string>();
  for (const name of order) {
    if (!madeUp.test(name)) continue;
    const key = keyOf(initializers.get(name)!);
    const known = key === undefined ? undefined : equal.get(key);
    if (known !== undefined) {
      renamed.set(name, known);
      continue;
    }
    let wanted: string;
    do wanted = next === 0 ? 'const' : `const_${next}`;
    while ((next++, taken.has(wanted)));
    renamed.set(name, wanted);
    if (key !== undefined) equal.set(key, wanted);
  }
  const rename = (name: string): string => renamed.get(name) ?? name;
  const constants = new Map<string, TensorData>();
  for (const name of order) constants.set(rename(name), initializers.get(name)!);
  return {
    nodes: nodes.map((node) => renameInputs(node, rename)),
    initializers: constants,
  };
}

/** Small constants that are the same, bit for bit, are written once. */
function keyOf({ dtype, shape, data }: TensorData): string | undefined {
  if (dtype === 'string' || data.length > 64) return undefined;
  const { buffer, byteOffset, byteLength } = data;
  return `${dtype}[${shape.join(',')}]${new Uint8Array(buffer, byteOffset, byteLength).join()}`;
}

type Rename = (name: string) => string;

function renameInputs(node: DraftNode, rename: Rename): DraftNode {
  return {
    ...node,
    inputs: node.inputs.map(rename),
    attributes: node.attributes.map((attribute) => inAttribute(attribute, rename)),
    ...(node.captured === undefined ? {} : { captured: node.captured.map(rename) }),
  };
}

/** Names are unique throughout a model, so subgraphs mean the same by them. */
function inAttribute(attribute: AttributeProto, rename: Rename): AttributeProto {
  if (attribute.g === undefined) return attribute;
  const node = attribute.g.node.map((each): NodeProto => ({
    ...each,
    input: each.input.map(rename),
    attribute: each.attribute.map((inner) => inAttribute(inner, rename)),
  }));
  const g: GraphProto = { ...attribute.g, node };
  return { ...attribute, g };
}

/** Reshapes of reshapes read what the first one reads, where the target says it all. */
export function mergeReshapes(graph: DraftGraph): DraftGraph {
  const source = new Map<string, string>();
  const nodes = graph.nodes.map((node) => {
    const [from = '', shape = ''] = node.inputs;
    if (node.op === 'Squeeze' || node.op === 'Unsqueeze') {
      source.set(node.outputs[0]!, source.get(from) ?? from);
    }
    if (node.op !== 'Reshape') return node;
    const target = graph.initializers.get(shape)?.data as ArrayLike<bigint> | undefined;
    const copies = target === undefined || Array.from(target).some((dim) => BigInt(dim) === 0n);
    const inner = copies ? undefined : source.get(from);
    const read = inner ?? from;
    source.set(node.outputs[0]!, read);
    return inner === undefined ? node : { ...node, inputs: [inner, shape] };
  });
  return { ...graph, nodes };
}
