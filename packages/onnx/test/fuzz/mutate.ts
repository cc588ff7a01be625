/** Ways to break a model: in its messages, and in its bytes. */
import { DataType, supportedOperators } from '../../src/index.ts';
import type {
  AttributeProto,
  Draft,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
} from '../../src/index.ts';
import type { Draw } from './draw.ts';

const integers = [
  0,
  1,
  -1,
  2,
  7,
  -128,
  255,
  4096,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 32,
  2 ** 40,
  2 ** 53 - 1,
];
const longs = [...integers.map(BigInt), 2n ** 63n - 1n, -(2n ** 63n)];
const reals = [0, -0, 1, -1, 0.5, 1e-40, 3.4e38, Infinity, -Infinity, NaN];
const names = supportedOperators();

/** Of external data: inside and outside of the folder that `sandbox.ts` makes, and no files at all. */
const locations = [
  ...['inside.bin', './inside.bin', 'model.onnx', 'inner/inside.bin', 'inner'],
  ...['../secret.bin', 'inner/../../secret.bin', 'link.bin', 'linked/secret.bin', 'missing.bin'],
  ...['/etc/passwd', '/dev/zero', 'C:\\x', '..\\secret.bin', '', '.', '..', 'a\0b'],
];

type Mutation = (graph: GraphProto, draw: Draw) => GraphProto;

/** One to four changes. */
export function mutateModel(model: ModelProto, draw: Draw): Draft<ModelProto> {
  let result = model;
  for (let k = draw.below(4); k >= 0; k--) {
    if (result.graph === undefined || draw.chance(0.08)) result = mutateHead(result, draw);
    else result = { ...result, graph: anywhere(result.graph, draw, 0) };
  }
  return result;
}

function mutateHead(model: ModelProto, draw: Draw): ModelProto {
  switch (draw.below(5)) {
    case 0:
      return {
        ...model,
        opsetImport: [{ domain: '', version: draw.pick([0, 1, 6, 9, 13, 27, 999, 2 ** 40]) }],
      };
    case 1:
      return { ...model, opsetImport: [] };
    case 2:
      return { ...model, functions: [...model.functions, ...model.functions] };
    case 3: {
      // A function that calls itself, or one that calls it.
      const functions = model.functions.map((fn) => ({
        ...fn,
        node: [{ ...fn.node[0]!, opType: fn.name ?? '', domain: fn.domain ?? '' }],
      }));
      return { ...model, functions };
    }
    default:
      return { ...model, irVersion: draw.pick([0, 3, 99]) };
  }
}

/** The graph, or one inside one of its nodes. */
function anywhere(graph: GraphProto, draw: Draw, depth: number): GraphProto {
  const at = graph.node.findIndex(({ attribute }) => attribute.some(({ g }) => g !== undefined));
  if (at >= 0 && depth < 8 && draw.chance(0.5)) {
    const node = graph.node.map((each, i): NodeProto =>
      i === at
        ? {
            ...each,
            attribute: each.attribute.map((entry) =>
              entry.g === undefined ? entry : { ...entry, g: anywhere(entry.g, draw, depth + 1) },
            ),
          }
        : each,
    );
    return { ...graph, node };
  }
  return draw.pick(mutations)(graph, draw);
}

const onNode =
  (change: (node: NodeProto, draw: Draw, graph: GraphProto) => NodeProto): Mutation =>
  (graph, draw) => {
    if (graph.node.length === 0) return graph;
    const at = draw.below(graph.node.length);
    return {
      ...graph,
      node: graph.node.map((node, i) => (i === at ? change(node, draw, graph) : node)),
    };
  };

const onAttribute = (change: (entry: AttributeProto, draw: Draw) => AttributeProto): Mutation =>
  onNode((node, draw) => {
    if (node.attribute.length === 0) return node;
    const at = draw.below(node.attribute.length);
    return {
      ...node,
      attribute: node.attribute.map((entry, i) => (i === at ? change(entry, draw) : entry)),
    };
  });

const onTensor =
  (change: (tensor: TensorProto, draw: Draw) => TensorProto): Mutation =>
  (graph, draw) => {
    if (graph.initializer.length === 0) return graph;
    const at = draw.below(graph.initializer.length);
    return {
      ...graph,
      initializer: graph.initializer.map((tensor, i) => (i === at ? change(tensor, draw) : tensor)),
    };
  };

const valueNames = (graph: GraphProto): string[] => [
  ...graph.input.map(({ name = '' }) => name),
  ...graph.initializer.map(({ name = '' }) => name),
  ...graph.node.flatMap(({ output }) => output),
  '',
  'nowhere',
];

const replaced = <T>(list: readonly T[], at: number, value: T): T[] =>
  list.map((each, i) => (i === at ? value : each));

const mutations: readonly Mutation[] = [
  // Other wires: cycles, missing values, values made twice.
  onNode((node, draw, graph) => ({
    ...node,
    input: replaced(node.input, draw.below(node.input.length), draw.pick(valueNames(graph))),
  })),
  onNode((node, draw, graph) => ({
    ...node,
    input: [...node.input, draw.pick(valueNames(graph))],
  })),
  onNode((node, draw) => ({
    ...node,
    input: node.input.slice(0, draw.below(node.input.length + 1)),
  })),
  onNode((node, draw, graph) => ({
    ...node,
    output: replaced(node.output, draw.below(node.output.length), draw.pick(valueNames(graph))),
  })),
  onNode((node) => ({ ...node, output: [...node.output, 'more', 'still_more'] })),
  // Other operators.
  onNode((node, draw) => {
    const name = draw.pick(names);
    const at = name.lastIndexOf('.');
    return { ...node, opType: name.slice(at + 1), domain: at < 0 ? '' : name.slice(0, at) };
  }),
  onNode((node, draw) => ({ ...node, opType: draw.pick(['', 'Nonesuch', 'If', 'Loop', 'Scan']) })),
  // Other attributes.
  onNode((node, draw) => ({ ...node, attribute: node.attribute.filter(() => draw.chance(0.6)) })),
  onNode((node) => ({ ...node, attribute: [...node.attribute, ...node.attribute.slice(0, 1)] })),
  onAttribute((entry, draw) => ({ ...entry, i: draw.pick(longs) })),
  onAttribute((entry, draw) => ({ ...entry, f: draw.pick(reals) })),
  onAttribute((entry, draw) => ({ ...entry, ints: entry.ints.map(() => draw.pick(longs)) })),
  onAttribute((entry, draw) => ({ ...entry, ints: [...entry.ints, draw.pick(longs)] })),
  onAttribute((entry, draw) => ({
    ...entry,
    ints: entry.ints.slice(0, draw.below(entry.ints.length + 1)),
  })),
  onAttribute((entry, draw) => ({ ...entry, type: draw.below(20) })),
  onAttribute((entry) => ({ ...entry, s: Uint8Array.of(0xff, 0xfe, 0) })),
  onAttribute((entry) => ({ ...entry, refAttrName: 'nothing' })),
  onAttribute((entry) => ({ ...entry, name: '' })),
  // Other constants.
  onTensor((tensor, draw) => ({ ...tensor, dims: tensor.dims.map(() => draw.pick(integers)) })),
  onTensor((tensor, draw) => ({ ...tensor, dims: [...tensor.dims, draw.pick(integers)] })),
  onTensor((tensor) => ({ ...tensor, dims: tensor.dims.slice(1) })),
  onTensor((tensor, draw) => ({
    ...tensor,
    dataType: draw.below(Object.keys(DataType).length + 3),
  })),
  onTensor((tensor, draw) =>
    tensor.rawData === undefined
      ? tensor
      : { ...tensor, rawData: tensor.rawData.slice(draw.below(9)) },
  ),
  onTensor((tensor, draw) =>
    tensor.rawData === undefined
      ? tensor
      : { ...tensor, rawData: tensor.rawData.map(() => draw.below(256)) },
  ),
  onTensor((tensor, draw) => ({
    ...tensor,
    dataLocation: 1,
    externalData: [
      {
        key: 'location',
        value: draw.pick(locations),
      },
      { key: 'offset', value: draw.pick(['-1', '99999999999999999999', 'x', '0']) },
      { key: 'length', value: draw.pick(['-1', '4', '99999999999999999999']) },
    ],
  })),
  // Other ends and orders.
  (graph, draw) => ({ ...graph, node: [...graph.node].sort(() => draw.next() - 0.5) }),
  (graph, draw) => ({ ...graph, node: graph.node.filter(() => draw.chance(0.8)) }),
  (graph) => ({ ...graph, node: [...graph.node, ...graph.node] }),
  (graph, draw) => ({
    ...graph,
    output: [...graph.output, { name: draw.pick(valueNames(graph)), metadataProps: [] }],
  }),
  (graph) => ({ ...graph, output: [] }),
  (graph) => ({ ...graph, input: [...graph.input, ...graph.input] }),
  (graph, draw) => ({
    ...graph,
    input: graph.input.map((info) => ({
      ...info,
      type: {
        tensorType: {
          elemType: draw.below(24),
          shape: {
            dim: Array.from({ length: draw.below(5) }, () => ({ dimValue: draw.pick(integers) })),
          },
        },
      },
    })),
  }),
];

/** Truncated, overwritten, repeated, or with lengths that are lies. */
export function mutateBytes(bytes: Uint8Array, draw: Draw): Uint8Array {
  let result = Uint8Array.from(bytes);
  for (let k = draw.below(3); k >= 0; k--) {
    const at = draw.below(result.length);
    switch (draw.below(6)) {
      case 0:
        result = result.slice(0, at);
        break;
      case 1:
        for (let i = 0; i < 4; i++) result[draw.below(result.length)] = draw.below(256);
        break;
      case 2:
        result[at] = result[at]! ^ (1 << draw.below(8));
        break;
      case 3: {
        const end = Math.min(result.length, at + draw.below(64));
        result = Uint8Array.from([...result.slice(0, end), ...result.slice(at)]);
        break;
      }
      case 4:
        // The largest length that a varint can claim.
        result = Uint8Array.from([
          ...result.slice(0, at),
          0xff,
          0xff,
          0xff,
          0xff,
          0x0f,
          ...result.slice(at),
        ]);
        break;
      default: {
        const end = Math.min(result.length, at + draw.below(16));
        result = Uint8Array.from([...result.slice(0, at), ...result.slice(end)]);
      }
    }
  }
  return result;
}
