/**
 * The messages of an ONNX file as plain, read-only objects.
 *
 * A decoded object holds exactly what the file holds: optional fields that the file leaves out are
 * absent (so `node.domain ?? ''` is the idiom), repeated fields are always arrays. That makes a
 * round trip lossless. 64-bit integers are `number` where only small values make sense (dims,
 * versions) and an error otherwise, and `bigint` where any value may occur (attributes, data).
 *
 * To write, hand any {@link Draft} to the encoder: the same shape with every field optional.
 *
 * Source: the ONNX IR specification, https://github.com/onnx/onnx/blob/main/docs/IR.md.
 */

/** What a message may carry beside its own fields. */
export interface Message {
  /** Fields written by a newer ONNX, as they stood in the file; written back unchanged. */
  readonly $unknowns?: readonly Uint8Array[];
}

/**
 * `T` with every field optional, at every depth: what the encoders accept. A decoded message is a
 * valid draft of itself.
 */
export type Draft<T> = T extends string | number | bigint | boolean | ArrayBufferView | undefined
  ? T
  : T extends readonly (infer U)[]
    ? readonly Draft<U>[]
    : { readonly [K in keyof T]?: Draft<T[K]> };

/** A whole model: one graph, the operator sets it is written in, and what describes it. */
export interface ModelProto extends Message {
  /** Version of the file format, {@link IR_VERSION} at most. */
  readonly irVersion?: number;
  readonly opsetImport: readonly OperatorSetIdProto[];
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly domain?: string;
  readonly modelVersion?: bigint;
  readonly docString?: string;
  readonly graph?: GraphProto;
  readonly metadataProps: readonly StringStringEntryProto[];
  readonly trainingInfo: readonly TrainingInfoProto[];
  readonly functions: readonly FunctionProto[];
  readonly configuration: readonly DeviceConfigurationProto[];
}

/** An operator set and its version; the empty domain is `ai.onnx`. */
export interface OperatorSetIdProto extends Message {
  readonly domain?: string;
  readonly version?: number;
}

export interface StringStringEntryProto extends Message {
  readonly key?: string;
  readonly value?: string;
}

/** A list of nodes in topological order, joined by the names of the values between them. */
export interface GraphProto extends Message {
  readonly name?: string;
  readonly node: readonly NodeProto[];
  readonly initializer: readonly TensorProto[];
  readonly sparseInitializer: readonly SparseTensorProto[];
  readonly docString?: string;
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
  readonly valueInfo: readonly ValueInfoProto[];
  readonly quantizationAnnotation: readonly TensorAnnotation[];
  readonly metadataProps: readonly StringStringEntryProto[];
}

/** One call of an operator or function. An empty input name is an omitted optional input. */
export interface NodeProto extends Message {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name?: string;
  readonly opType?: string;
  readonly domain?: string;
  /** Chooses among functions of the same domain and name. */
  readonly overload?: string;
  readonly attribute: readonly AttributeProto[];
  readonly docString?: string;
  readonly metadataProps: readonly StringStringEntryProto[];
  readonly deviceConfigurations: readonly NodeDeviceConfigurationProto[];
}

/** A named constant of a node. `type` tells which of the value fields is in use. */
export interface AttributeProto extends Message {
  readonly name?: string;
  /** In a function body: the function's attribute that gives the value. */
  readonly refAttrName?: string;
  readonly docString?: string;
  /** One of {@link AttributeType}. */
  readonly type?: number;
  readonly f?: number;
  readonly i?: bigint;
  readonly s?: Uint8Array;
  readonly t?: TensorProto;
  readonly g?: GraphProto;
  readonly sparseTensor?: SparseTensorProto;
  readonly tp?: TypeProto;
  readonly floats: readonly number[];
  readonly ints: readonly bigint[];
  readonly strings: readonly Uint8Array[];
  readonly tensors: readonly TensorProto[];
  readonly graphs: readonly GraphProto[];
  readonly sparseTensors: readonly SparseTensorProto[];
  readonly typeProtos: readonly TypeProto[];
}

/** An operator defined by other operators. */
export interface FunctionProto extends Message {
  readonly name?: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  /** Names of attributes that a call must give. */
  readonly attribute: readonly string[];
  /** Attributes that a call may give, with their defaults. */
  readonly attributeProto: readonly AttributeProto[];
  readonly node: readonly NodeProto[];
  readonly docString?: string;
  readonly opsetImport: readonly OperatorSetIdProto[];
  readonly valueInfo: readonly ValueInfoProto[];
  readonly metadataProps: readonly StringStringEntryProto[];
}

/** A training step: graphs whose outputs are bound back to initialisers. */
export interface TrainingInfoProto extends Message {
  readonly initialization?: GraphProto;
  readonly algorithm?: GraphProto;
  readonly initializationBinding: readonly StringStringEntryProto[];
  readonly updateBinding: readonly StringStringEntryProto[];
}

/** Names of the scale and zero point that belong to a quantised tensor. */
export interface TensorAnnotation extends Message {
  readonly tensorName?: string;
  readonly quantParameterTensorNames: readonly StringStringEntryProto[];
}

/** A dense tensor. Read it with `tensorFromProto`, make one with `tensorToProto`. */
export interface TensorProto extends Message {
  readonly dims: readonly number[];
  /** A number of the {@link DataType} table. */
  readonly dataType?: number;
  readonly segment?: { readonly begin?: number; readonly end?: number };
  readonly name?: string;
  readonly docString?: string;
  /** The elements, little-endian and row-major: a view of the file. */
  readonly rawData?: Uint8Array;
  readonly floatData?: Float32Array;
  readonly int32Data?: Int32Array;
  readonly int64Data?: BigInt64Array;
  readonly doubleData?: Float64Array;
  readonly uint64Data?: BigUint64Array;
  /** UTF-8 bytes of each element of a string tensor. */
  readonly stringData: readonly Uint8Array[];
  /** Where the data lies outside of this file: location, offset, length, checksum. */
  readonly externalData: readonly StringStringEntryProto[];
  /** A number of {@link DataLocation}. */
  readonly dataLocation?: number;
  readonly metadataProps: readonly StringStringEntryProto[];
}

/** The non-zero elements of a tensor and their places. Its name is that of `values`. */
export interface SparseTensorProto extends Message {
  readonly values?: TensorProto;
  /** int64 of shape [NNZ] (linear) or [NNZ, rank]. */
  readonly indices?: TensorProto;
  readonly dims: readonly number[];
}

export interface SequenceProto extends Message {
  readonly name?: string;
  /** A number of {@link ElementType}, which chooses the list in use. */
  readonly elemType?: number;
  readonly tensorValues: readonly TensorProto[];
  readonly sparseTensorValues: readonly SparseTensorProto[];
  readonly sequenceValues: readonly SequenceProto[];
  readonly mapValues: readonly MapProto[];
  readonly optionalValues: readonly OptionalProto[];
}

export interface MapProto extends Message {
  readonly name?: string;
  /** A number of the {@link DataType} table: an integer type, or string. */
  readonly keyType?: number;
  readonly keys: readonly bigint[];
  readonly stringKeys: readonly Uint8Array[];
  readonly values?: SequenceProto;
}

export interface OptionalProto extends Message {
  readonly name?: string;
  /** A number of {@link ElementType}, which chooses the field in use. */
  readonly elemType?: number;
  readonly tensorValue?: TensorProto;
  readonly sparseTensorValue?: SparseTensorProto;
  readonly sequenceValue?: SequenceProto;
  readonly mapValue?: MapProto;
  readonly optionalValue?: OptionalProto;
}

/** A name with its type: an input, an output or a value in between. */
export interface ValueInfoProto extends Message {
  readonly name?: string;
  readonly type?: TypeProto;
  readonly docString?: string;
  readonly metadataProps: readonly StringStringEntryProto[];
}

/** A dimension: a size, a name, or (neither) unknown. */
export interface DimensionProto extends Message {
  readonly dimValue?: number;
  readonly dimParam?: string;
  readonly denotation?: string;
}

export interface TensorShapeProto extends Message {
  readonly dim: readonly DimensionProto[];
}

export interface TensorTypeProto extends Message {
  /** A number of the {@link DataType} table. */
  readonly elemType?: number;
  /** Absent: unknown rank. Present without dims: a scalar. */
  readonly shape?: TensorShapeProto;
}

/** Exactly one of the `...Type` fields is present. */
export interface TypeProto extends Message {
  readonly tensorType?: TensorTypeProto;
  readonly sparseTensorType?: TensorTypeProto;
  readonly sequenceType?: Message & { readonly elemType?: TypeProto };
  readonly optionalType?: Message & { readonly elemType?: TypeProto };
  readonly mapType?: Message & { readonly keyType?: number; readonly valueType?: TypeProto };
  readonly opaqueType?: Message & { readonly domain?: string; readonly name?: string };
  readonly denotation?: string;
}

/** A set of devices that nodes are placed on. */
export interface DeviceConfigurationProto extends Message {
  readonly name?: string;
  readonly numDevices?: number;
  readonly device: readonly string[];
}

export interface NodeDeviceConfigurationProto extends Message {
  readonly configurationId?: string;
  readonly shardingSpec: readonly ShardingSpecProto[];
  readonly pipelineStage?: number;
}

/** How one value of a node is spread over devices. */
export interface ShardingSpecProto extends Message {
  readonly tensorName?: string;
  readonly device: readonly number[];
  readonly indexToDeviceGroupMap: readonly IntIntListEntryProto[];
  readonly shardedDim: readonly ShardedDimProto[];
}

export interface IntIntListEntryProto extends Message {
  readonly key?: number;
  readonly value: readonly number[];
}

export interface ShardedDimProto extends Message {
  readonly axis?: number;
  readonly simpleSharding: readonly SimpleShardedDimProto[];
}

export interface SimpleShardedDimProto extends Message {
  readonly dimValue?: number;
  readonly dimParam?: string;
  readonly numShards?: number;
}
