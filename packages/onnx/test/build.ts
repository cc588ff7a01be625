/** Small models by hand. */
import { DataType, makeAttribute, tensorToProto } from '../src/index.ts';
import type {
  AttributeProto,
  ModelProto,
  NodeProto,
  OnnxDtype,
  TensorData,
  ValueInfoProto,
} from '../src/index.ts';

export function info(
  name: string,
  dtype: OnnxDtype,
  shape: readonly (number | string)[],
): ValueInfoProto {
  const dim = shape.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d }));
  return {
    name,
    type: { tensorType: { elemType: DataType[dtype], shape: { dim } } },
    metadataProps: [],
  };
}

const isList = (value: readonly number[] | AttributeProto): value is readonly number[] =>
  Array.isArray(value);

export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, number | string | readonly number[] | AttributeProto>> = {},
  name?: string,
): NodeProto {
  return {
    input: inputs,
    output: outputs,
    opType: op,
    ...(name === undefined ? {} : { name }),
    attribute: Object.entries(attributes).map(([key, value]) => {
      if (typeof value === 'number') return makeAttribute(key, { type: 'int', value });
      if (typeof value === 'string') return makeAttribute(key, { type: 'string', value });
      if (isList(value)) return makeAttribute(key, { type: 'ints', value });
      return { ...value, name: key };
    }),
    metadataProps: [],
    deviceConfigurations: [],
  };
}

export function model(
  inputs: readonly ValueInfoProto[],
  outputs: readonly ValueInfoProto[],
  nodes: readonly NodeProto[],
  initializers: Readonly<Record<string, TensorData>> = {},
  opset = 18,
): ModelProto {
  return {
    irVersion: 8,
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'test',
      node: nodes,
      initializer: Object.entries(initializers).map(([name, tensor]) =>
        tensorToProto({ ...tensor, name }),
      ),
      sparseInitializer: [],
      input: inputs,
      output: outputs,
      valueInfo: [],
      quantizationAnnotation: [],
      metadataProps: [],
    },
    metadataProps: [],
    trainingInfo: [],
    functions: [],
    configuration: [],
  };
}
