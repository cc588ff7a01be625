/** A part of a model: other ends than the file's, with only what lies between them. */
import type { GraphProto, ModelProto, NodeProto, ValueInfoProto } from '../codec/types.ts';
import { OnnxImportError } from './error.ts';
import type { Dim } from './types.ts';

export interface Selection {
  /**
   * Shapes for inputs, in place of those declared: a file that was written for one picture at a time takes
   * any number of them as `{ image: ['batch', 1, 28, 28] }`. A name of a value inside the graph makes that
   * value an input: what it was computed from falls away.
   */
  readonly inputs?: Readonly<Record<string, readonly Dim[]>>;
  /**
   * Names of the values to give, in order, in place of the file's outputs: a trunk without its head. Nodes
   * that none of them needs fall away, with their parameters.
   */
  readonly outputs?: readonly string[];
}

/** @throws OnnxImportError for names that the graph lacks. */
export function selectGraph(model: ModelProto, { inputs = {}, outputs }: Selection): ModelProto {
  const { graph } = model;
  const unchanged = outputs === undefined && Object.keys(inputs).length === 0;
  if (graph === undefined || unchanged) return model;
  const known = new Map<string, ValueInfoProto>();
  for (const info of [...graph.valueInfo, ...graph.output, ...graph.input]) {
    known.set(info.name ?? '', info);
  }
  const makers = new Map<string, NodeProto>();
  for (const node of graph.node) for (const name of node.output) makers.set(name, node);
  const exists = (name: string): boolean => makers.has(name) || known.has(name);
  for (const name of [...Object.keys(inputs), ...(outputs ?? [])]) {
    if (!exists(name)) {
      throw new OnnxImportError('invalid', `the graph has no value ${name}`, { op: 'importOnnx' });
    }
  }
  const chosen = (outputs ?? graph.output.map(({ name }) => name ?? '')).map(
    (name): ValueInfoProto =>
      // Declared sizes may be those of the shapes that were replaced.
      withoutSizes(known.get(name) ?? { name, metadataProps: [] }, Object.keys(inputs).length > 0),
  );
  const needed = new Set<NodeProto>();
  const read = new Set<string>();
  const stack = chosen.map(({ name }) => name ?? '');
  while (stack.length > 0) {
    const name = stack.pop()!;
    if (read.has(name)) continue;
    read.add(name);
    const maker = Object.hasOwn(inputs, name) ? undefined : makers.get(name);
    if (maker === undefined || needed.has(maker)) continue;
    needed.add(maker);
    stack.push(...readsOf(maker));
  }
  const declared = graph.input.map(({ name }) => name ?? '');
  const names = [...declared, ...Object.keys(inputs).filter((name) => !declared.includes(name))];
  const input = names
    .filter((name) => read.has(name))
    .map((name): ValueInfoProto => {
      const info = known.get(name) ?? { name, metadataProps: [] };
      return Object.hasOwn(inputs, name) ? withShape(info, inputs[name]!) : info;
    });
  return {
    ...model,
    graph: {
      ...graph,
      node: graph.node.filter((node) => needed.has(node)),
      initializer: graph.initializer.filter(({ name }) => read.has(name ?? '')),
      sparseInitializer: graph.sparseInitializer.filter(({ values }) =>
        read.has(values?.name ?? ''),
      ),
      input,
      output: chosen,
    },
  };
}

function withShape(info: ValueInfoProto, shape: readonly Dim[]): ValueInfoProto {
  const dim = shape.map((size) =>
    size === null ? {} : typeof size === 'number' ? { dimValue: size } : { dimParam: size },
  );
  const elemType = info.type?.tensorType?.elemType;
  return {
    ...info,
    type: { tensorType: { ...(elemType === undefined ? {} : { elemType }), shape: { dim } } },
  };
}

/** The declaration without sizes, where these may no longer hold. */
function withoutSizes(info: ValueInfoProto, changed: boolean): ValueInfoProto {
  const tensor = info.type?.tensorType;
  if (!changed || tensor === undefined) return info;
  const { shape: _, ...rest } = tensor;
  return { ...info, type: { tensorType: rest } };
}

/** Names that a node reads, those of its subgraphs included. */
function readsOf(node: NodeProto): string[] {
  const reads = node.input.filter((name) => name !== '');
  for (const { g } of node.attribute) if (g !== undefined) reads.push(...subgraphReads(g));
  return reads;
}

function subgraphReads(graph: GraphProto): string[] {
  return [...graph.node.flatMap(readsOf), ...graph.output.map(({ name }) => name ?? '')];
}
