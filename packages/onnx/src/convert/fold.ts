/** Constants worked out once: what a model computes from its weights alone becomes an initialiser. */
import { packedByteLength } from '../codec/dtypes.ts';
import { tensorToProto } from '../codec/tensor.ts';
import type { ModelProto, NodeProto } from '../codec/types.ts';
import { isTensor } from '../codec/value.ts';
import { OnnxModel } from '../import/model.ts';
import { selectGraph } from '../import/select.ts';

/** No two runs of these give the same. */
const random = /^(Random|Bernoulli|Multinomial)/;

/** How many times as large as its inputs a folded constant may be, beside a page. */
const growth = 2;
const page = 4096;

/** The model with its constant nodes worked out on the current backend, small results only. */
export async function foldModelConstants(model: ModelProto): Promise<ModelProto> {
  const { graph } = model;
  if (graph === undefined) return model;
  const given = new Set(graph.input.map(({ name }) => name ?? ''));
  const sizes = new Map<string, number>();
  for (const { name = '', rawData, dims } of graph.initializer) {
    if (!given.has(name))
      sizes.set(name, rawData?.byteLength ?? 4 * dims.reduce((a, b) => a * b, 1));
  }
  const constant = new Set<NodeProto>();
  const names: string[] = [];
  for (const node of graph.node) {
    const fixed = node.input.every((name) => name === '' || sizes.has(name));
    const simple = node.attribute.every(({ g }) => g === undefined) && node.output.length === 1;
    if (!fixed || !simple || random.test(node.opType ?? '')) continue;
    constant.add(node);
    names.push(node.output[0]!);
    const reads = node.input.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
    sizes.set(node.output[0]!, Math.max(page, reads));
  }
  if (names.length === 0) return model;
  const part = new OnnxModel(selectGraph(model, { outputs: names }));
  const values = await part.runValues({});
  const folded = new Map<string, ReturnType<typeof tensorToProto>>();
  for (const [name, value] of Object.entries(values)) {
    if (!isTensor(value)) continue;
    const count = value.shape.reduce((a, b) => a * b, 1);
    const bytes = value.dtype === 'string' ? count : packedByteLength(value.dtype, count);
    if (bytes <= growth * sizes.get(name)! + page)
      folded.set(name, tensorToProto({ ...value, name }));
  }
  const node = graph.node.filter((each) => !constant.has(each) || !folded.has(each.output[0]!));
  const read = new Set(graph.output.map(({ name }) => name ?? ''));
  for (const each of node) each.input.forEach((name) => read.add(name));
  for (const each of node) for (const { g } of each.attribute) if (g !== undefined) inner(g, read);
  const initializer = [...graph.initializer, ...folded.values()];
  return {
    ...model,
    graph: {
      ...graph,
      node,
      initializer: initializer.filter(({ name = '' }) => read.has(name) || given.has(name)),
    },
  };
}

function inner(graph: NonNullable<ModelProto['graph']>, read: Set<string>): void {
  for (const { name } of graph.output) read.add(name ?? '');
  for (const node of graph.node) {
    node.input.forEach((name) => read.add(name));
    for (const { g } of node.attribute) if (g !== undefined) inner(g, read);
  }
}
