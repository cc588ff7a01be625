/** Whole messages from the few fields that matter; what is left out is empty. */
import { makeAttribute } from './attributes.ts';
import { DataType } from './dtypes.ts';
import type { OnnxDtype } from './dtypes.ts';
import { tensorToProto } from './tensor.ts';
import type { TensorData } from './tensor.ts';
import type { AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto } from './types.ts';

/** An attribute of a node: integers stand for themselves, other numbers are marked as floats. */
export type AttributeInput =
  | number
  | string
  | readonly number[]
  | { readonly float: number | readonly number[] }
  | { readonly tensor: TensorData };

export interface NodeOptions {
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, AttributeInput>>;
}

/** A size, the name of a dynamic one, or null where it is not known. No shape: an open rank. */
export function makeValueInfo(
  name: string,
  dtype: OnnxDtype,
  shape?: readonly (number | string | null)[],
): ValueInfoProto {
  const dim = shape?.map((size) =>
    size === null ? {} : typeof size === 'number' ? { dimValue: size } : { dimParam: size },
  );
  const elemType = DataType[dtype];
  const tensorType = dim === undefined ? { elemType } : { elemType, shape: { dim } };
  return { name, type: { tensorType }, metadataProps: [] };
}

export function makeNode(
  op: string,
  input: readonly string[],
  output: readonly string[],
  { name, domain = '', attributes = {} }: NodeOptions = {},
): NodeProto {
  return {
    input,
    output,
    opType: op,
    ...(name === undefined ? {} : { name }),
    ...(domain === '' ? {} : { domain }),
    attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    metadataProps: [],
    deviceConfigurations: [],
  };
}

const isList = (value: AttributeInput): value is readonly number[] => Array.isArray(value);

function attribute(name: string, value: AttributeInput): AttributeProto {
  if (typeof value === 'number') return makeAttribute(name, { type: 'int', value });
  if (typeof value === 'string') return makeAttribute(name, { type: 'string', value });
  if (isList(value)) return makeAttribute(name, { type: 'ints', value });
  if ('tensor' in value) {
    return makeAttribute(name, { type: 'tensor', value: tensorToProto(value.tensor) });
  }
  const { float } = value;
  return typeof float === 'number'
    ? makeAttribute(name, { type: 'float', value: Math.fround(float) })
    : makeAttribute(name, { type: 'floats', value: float.map(Math.fround) });
}

export interface GraphParts {
  readonly name?: string;
  readonly inputs: readonly ValueInfoProto[];
  readonly outputs: readonly ValueInfoProto[];
  readonly nodes: readonly NodeProto[];
  readonly initializers?: Readonly<Record<string, TensorData>>;
}

export function makeGraph({
  name = 'graph',
  inputs,
  outputs,
  nodes,
  initializers = {},
}: GraphParts): GraphProto {
  return {
    name,
    node: nodes,
    initializer: Object.entries(initializers).map(([key, tensor]) =>
      tensorToProto({ ...tensor, name: key }),
    ),
    sparseInitializer: [],
    input: inputs,
    output: outputs,
    valueInfo: [],
    quantizationAnnotation: [],
    metadataProps: [],
  };
}

/** `opsets` by domain; '' is ai.onnx. */
export function makeModel(
  graph: GraphProto,
  opsets: Readonly<Record<string, number>> = { '': 18 },
  irVersion = 8,
): ModelProto {
  return {
    irVersion,
    opsetImport: Object.entries(opsets).map(([domain, version]) => ({ domain, version })),
    graph,
    metadataProps: [],
    trainingInfo: [],
    functions: [],
    configuration: [],
  };
}
