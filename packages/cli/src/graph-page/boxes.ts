/** The nodes of a model as boxes with text, and the values between them. */
import { attributeValue, formatType, tensorFromProto } from '@hebb/onnx';
import type { AttributeProto, GraphProto, ModelProto, NodeProto, ValueType } from '@hebb/onnx';

export interface Box {
  readonly id: string;
  /** `input`, `output`, or the kind of operator: decides the colour. */
  readonly kind: string;
  readonly title: string;
  /** Names and shapes of constants that it reads. */
  readonly lines: readonly string[];
  /** All that is known of it, for a tooltip. */
  readonly detail: string;
}

export interface Wire {
  readonly from: string;
  readonly to: string;
  readonly label: string;
  readonly detail: string;
}

const kinds: readonly (readonly [kind: string, operators: RegExp])[] = [
  ['product', /MatMul|Gemm|Conv|Einsum/],
  ['recurrent', /LSTM|GRU|RNN|Attention/],
  ['pool', /Pool/],
  ['normalise', /Normalization|LRN/],
  ['activate', /Relu|Sigmoid|Tanh|Softmax|Gelu|Elu|Clip|Swish|Selu|Softplus|Erf|Mish/],
  [
    'shape',
    /Reshape|Transpose|Flatten|Squeeze|Shape|Slice|Gather|Concat|Split|Expand|Pad|Tile|Resize/,
  ],
  ['control', /^(If|Loop|Scan|Sequence|Optional)/],
];

const kindOf = (operator: string): string =>
  kinds.find(([, test]) => test.test(operator))?.[0] ?? 'other';

/** Boxes for inputs, nodes and outputs of the main graph; constants are lines in the boxes they go to. */
export function boxesOf(
  { graph }: ModelProto,
  types: ReadonlyMap<string, ValueType>,
): { boxes: Box[]; wires: Wire[] } {
  const boxes: Box[] = [];
  const wires: Wire[] = [];
  if (graph === undefined) return { boxes, wires };
  const constants = constantsOf(graph);
  const makers = new Map<string, string>();
  for (const { name = '' } of graph.input) {
    if (constants.has(name)) continue;
    const type = types.get(name);
    const line = type === undefined ? [] : [formatType(type)];
    boxes.push({ id: `in:${name}`, kind: 'input', title: name, lines: line, detail: 'input' });
    makers.set(name, `in:${name}`);
  }
  const nodes = graph.node.filter((node) => !isConstant(node));
  nodes.forEach((node, i) => node.output.forEach((name) => makers.set(name, `node:${i}`)));
  const connect = (name: string, to: string): void => {
    const from = makers.get(name);
    if (from === undefined) return;
    const type = types.get(name);
    const label = type?.shape === undefined ? '' : type.shape.map((d) => d ?? '?').join('×');
    const detail = type === undefined ? name : `${name}: ${formatType(type)}`;
    wires.push({ from, to, label, detail });
  };
  nodes.forEach((node, i) => {
    const title = node.opType ?? '?';
    const reads = node.input.filter((name) => name !== '');
    const lines = reads.flatMap((name) => {
      const constant = constants.get(name);
      return constant === undefined ? [] : [`${short(name)} ${constant}`];
    });
    boxes.push({
      id: `node:${i}`,
      kind: kindOf(title),
      title,
      lines: lines.slice(0, 4),
      detail: detailOf(node, types),
    });
    for (const name of new Set([...reads, ...outerReads(node)])) connect(name, `node:${i}`);
  });
  for (const { name = '' } of graph.output) {
    const type = types.get(name);
    const line = type === undefined ? [] : [formatType(type)];
    boxes.push({ id: `out:${name}`, kind: 'output', title: name, lines: line, detail: 'output' });
    connect(name, `out:${name}`);
  }
  return { boxes, wires };
}

const isConstant = ({ opType }: NodeProto): boolean => opType === 'Constant';

/** Shapes of initialisers and Constant nodes, or the number itself where it is one. */
function constantsOf(graph: GraphProto): Map<string, string> {
  const result = new Map<string, string>();
  const add = (name: string, shape: readonly number[], data: ArrayLike<unknown>): void => {
    const one = data.length === 1 ? String(data[0]) : '';
    result.set(name, one === '' ? `[${shape.join(',')}]` : `= ${one.slice(0, 12)}`);
  };
  for (const proto of graph.initializer) {
    if (
      proto.rawData !== undefined &&
      proto.dataLocation === undefined &&
      proto.dims.length === 0
    ) {
      add(proto.name ?? '', proto.dims, tensorFromProto(proto).data);
    } else result.set(proto.name ?? '', `[${proto.dims.join(',')}]`);
  }
  for (const node of graph.node) {
    if (!isConstant(node)) continue;
    const tensor = node.attribute.find(({ name }) => name === 'value')?.t;
    const shape = tensor?.dims ?? [];
    result.set(node.output[0] ?? '', tensor === undefined ? 'constant' : `[${shape.join(',')}]`);
  }
  return result;
}

const short = (name: string): string => {
  const last = name.split('/').at(-1) ?? name;
  return last.length > 22 ? `${last.slice(0, 21)}…` : last;
};

function detailOf(node: NodeProto, types: ReadonlyMap<string, ValueType>): string {
  const parts = [`${node.domain ? `${node.domain}.` : ''}${node.opType} ${node.name ?? ''}`.trim()];
  for (const attribute of node.attribute) parts.push(`${attribute.name} = ${shown(attribute)}`);
  for (const name of node.output) {
    const type = types.get(name);
    parts.push(type === undefined ? name : `→ ${name}: ${formatType(type)}`);
  }
  return parts.join('\n');
}

function shown(attribute: AttributeProto): string {
  if (attribute.refAttrName) return `@${attribute.refAttrName}`;
  const { type, value } = attributeValue(attribute);
  switch (type) {
    case 'float':
    case 'int':
    case 'string':
      return String(value);
    case 'floats':
    case 'ints':
    case 'strings':
      return `[${Array.from(value as ArrayLike<unknown>, String)
        .join(', ')
        .slice(0, 80)}]`;
    case 'tensor':
      return `tensor [${value.dims.join(',')}]`;
    case 'graph':
      return `graph of ${value.node.length} nodes`;
    default:
      return type;
  }
}

/** What subgraphs of a node take from around them. */
function outerReads(node: NodeProto): string[] {
  return node.attribute.flatMap(({ g }) =>
    g === undefined
      ? []
      : [
          ...g.node.flatMap((inner) => [...inner.input, ...outerReads(inner)]),
          ...g.output.map(({ name }) => name ?? ''),
        ],
  );
}
