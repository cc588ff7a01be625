/** The loop primitive as ONNX Scan: its body becomes a subgraph, constants are read from around it. */
import type { DType, Graph, GraphNode, Shape } from '@hebb/core';
import { makeAttribute } from '../codec/attributes.ts';
import type { GraphProto } from '../codec/types.ts';
import { Follower } from './dims.ts';
import { Entry, Lowering } from './lower.ts';
import { GraphWriter, attributesOf, nodesOf } from './writer.ts';
import { valueInfo } from './types.ts';

export function writeScan(
  outer: Lowering,
  nodes: readonly GraphNode[],
  given: readonly Entry[],
  outputs: readonly { shapes: readonly Shape[]; dtype: DType }[],
  path: string,
): Entry[] {
  const { writer, follower, opset } = outer.context;
  const { attrs } = nodes[0]!;
  const constants = attrs.constants as number;
  const carries = attrs.carries as number;
  const reverse = attrs.reverse === true;
  const bodies = nodes.map((node) => node.attrs.body as Graph);
  const [body] = bodies as [Graph, ...Graph[]];

  const loopInputs = given.slice(constants);
  if (loopInputs.length === carries) loopInputs.push(counter(outer, nodes));
  const sequences = loopInputs.length - carries;

  const inner = new GraphWriter(writer);
  const innerFollower = new Follower(inner, opset, follower);
  const lowering = new Lowering({ writer: inner, follower: innerFollower, opset });
  const held = given.slice(0, constants).map((entry) => {
    // Written around the loop, once, whatever form it had.
    const name = outer.name(entry);
    return new Entry({ kind: 'written', name }, entry.shapes, entry.dtype);
  });
  const formal = loopInputs.map((entry, i) => {
    const shapes = i < carries ? entry.shapes : entry.shapes.map((shape) => shape.slice(1));
    const name = writer.names.fresh(i < carries ? 'state' : 'element');
    innerFollower.register(name, shapes);
    return new Entry({ kind: 'written', name }, shapes, entry.dtype);
  });
  const bodyInputs = [...held, ...formal].slice(0, body.inputs.length);
  const results = lowering.run(bodies, bodyInputs, path);
  const seen = new Set<string>([...held, ...formal].map((entry) => entry.written!));
  const names = results.map((entry) => {
    let name = lowering.name(entry);
    // Outputs of a body are made in it, each once.
    if (seen.has(name) || inner.initializers.has(name)) {
      [name] = inner.node('Identity', path, [name], [], 1) as [string];
    }
    seen.add(name);
    return name;
  });
  const graph: GraphProto = {
    name: 'body',
    node: nodesOf(inner.nodes),
    initializer: [],
    sparseInitializer: [],
    input: formal.map((entry) =>
      valueInfo(entry.written!, entry.dtype, entry.shapes, innerFollower),
    ),
    output: names.map((name, i) =>
      valueInfo(name, results[i]!.dtype, results[i]!.shapes, innerFollower),
    ),
    valueInfo: [],
    quantizationAnnotation: [],
    metadataProps: [],
  };
  const stacked = results.length - carries;
  const directions = (n: number): number[] => new Array<number>(n).fill(reverse ? 1 : 0);
  const attributes = [
    makeAttribute('body', { type: 'graph', value: graph }),
    ...attributesOf({
      num_scan_inputs: sequences,
      ...(reverse ? { scan_input_directions: directions(sequences) } : {}),
      ...(reverse && stacked > 0 ? { scan_output_directions: directions(stacked) } : {}),
    }),
  ];
  const captured = [
    ...inner.nodes.flatMap((node) => [...node.inputs, ...(node.captured ?? [])]),
    ...names,
  ];
  const made = writer.node(
    'Scan',
    path,
    loopInputs.map((entry) => outer.name(entry)),
    attributes,
    outputs.length,
    captured,
  );
  return outputs.map(({ shapes, dtype }, i) => {
    follower.register(made[i]!, shapes);
    return new Entry({ kind: 'written', name: made[i]! }, shapes, dtype);
  });
}

/** Scan counts its steps by a sequence: a loop without one gets its own. */
function counter(outer: Lowering, nodes: readonly GraphNode[]): Entry {
  const lengths = nodes.map((node) => node.attrs.length as number);
  return outer.iota(lengths, 'int32');
}
