/** Visits the tensors of a model wherever they are: initialisers, attributes, subgraphs, functions. */
import type { AttributeProto, Draft, GraphProto, ModelProto, NodeProto } from './types.ts';
import type { SparseTensorProto, TensorProto } from './types.ts';

/** Replaces a tensor; returns the same object to leave it as it is. */
export type TensorMap = (tensor: TensorProto) => TensorProto;

/** Every tensor of the model, in the order of the file. */
export function tensorsOf(model: ModelProto): Generator<TensorProto>;
export function tensorsOf(model: Draft<ModelProto>): Generator<Draft<TensorProto>>;
export function* tensorsOf(model: Draft<ModelProto>): Generator<Draft<TensorProto>> {
  if (model.graph) yield* ofGraph(model.graph);
  for (const { initialization, algorithm } of model.trainingInfo ?? []) {
    if (initialization) yield* ofGraph(initialization);
    if (algorithm) yield* ofGraph(algorithm);
  }
  for (const { attributeProto, node } of model.functions ?? []) {
    yield* ofAttributes(attributeProto);
    yield* ofNodes(node);
  }
}

function* ofGraph(graph: Draft<GraphProto>): Generator<Draft<TensorProto>> {
  yield* ofNodes(graph.node);
  yield* graph.initializer ?? [];
  for (const sparse of graph.sparseInitializer ?? []) yield* ofSparse(sparse);
}

function* ofNodes(nodes: readonly Draft<NodeProto>[] = []): Generator<Draft<TensorProto>> {
  for (const node of nodes) yield* ofAttributes(node.attribute);
}

function* ofAttributes(
  attributes: readonly Draft<AttributeProto>[] = [],
): Generator<Draft<TensorProto>> {
  for (const { t, g, sparseTensor, tensors, graphs, sparseTensors } of attributes) {
    if (t) yield t;
    if (g) yield* ofGraph(g);
    if (sparseTensor) yield* ofSparse(sparseTensor);
    yield* tensors ?? [];
    for (const graph of graphs ?? []) yield* ofGraph(graph);
    for (const sparse of sparseTensors ?? []) yield* ofSparse(sparse);
  }
}

function* ofSparse({ values, indices }: Draft<SparseTensorProto>): Generator<Draft<TensorProto>> {
  if (values) yield values;
  if (indices) yield indices;
}

/** The model with every tensor replaced by `map`'s answer; unchanged parts are shared. */
export function mapTensors(model: ModelProto, map: TensorMap): ModelProto {
  return {
    ...model,
    ...(model.graph && { graph: mapGraph(model.graph, map) }),
    trainingInfo: model.trainingInfo.map((info) => ({
      ...info,
      ...(info.initialization && { initialization: mapGraph(info.initialization, map) }),
      ...(info.algorithm && { algorithm: mapGraph(info.algorithm, map) }),
    })),
    functions: model.functions.map((fn) => ({
      ...fn,
      attributeProto: mapAttributes(fn.attributeProto, map),
      node: mapNodes(fn.node, map),
    })),
  };
}

function mapGraph(graph: GraphProto, map: TensorMap): GraphProto {
  return {
    ...graph,
    node: mapNodes(graph.node, map),
    initializer: graph.initializer.map(map),
    sparseInitializer: graph.sparseInitializer.map((sparse) => mapSparse(sparse, map)),
  };
}

function mapNodes(nodes: readonly NodeProto[], map: TensorMap): readonly NodeProto[] {
  return nodes.map((node) =>
    node.attribute.length === 0 ? node : { ...node, attribute: mapAttributes(node.attribute, map) },
  );
}

function mapAttributes(
  attributes: readonly AttributeProto[],
  map: TensorMap,
): readonly AttributeProto[] {
  return attributes.map((attribute) => {
    const { t, g, sparseTensor, tensors, graphs, sparseTensors } = attribute;
    return {
      ...attribute,
      ...(t && { t: map(t) }),
      ...(g && { g: mapGraph(g, map) }),
      ...(sparseTensor && { sparseTensor: mapSparse(sparseTensor, map) }),
      tensors: tensors.map(map),
      graphs: graphs.map((graph) => mapGraph(graph, map)),
      sparseTensors: sparseTensors.map((sparse) => mapSparse(sparse, map)),
    };
  });
}

function mapSparse(sparse: SparseTensorProto, map: TensorMap): SparseTensorProto {
  return {
    ...sparse,
    ...(sparse.values && { values: map(sparse.values) }),
    ...(sparse.indices && { indices: map(sparse.indices) }),
  };
}
