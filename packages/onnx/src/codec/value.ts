/**
 * Values that are no plain tensors: sparse tensors, sequences, maps and optionals, as test data sets
 * and the ML operators have them.
 */
import { DataType, dtypeName, ElementType } from './dtypes.ts';
import type { OnnxDtype } from './dtypes.ts';
import { OnnxFormatError } from './errors.ts';
import { decodeOptionalProto, decodeSequenceProto, decodeSparseTensorProto } from './messages.ts';
import { encodeOptionalProto, encodeSequenceProto } from './messages.ts';
import type { DecodeLimits } from './reader.ts';
import { elementCount } from './shape.ts';
import { decodeTensor, tensorFromProto, tensorToProto } from './tensor.ts';
import type { TensorData, TensorOf, TensorOptions } from './tensor.ts';
import type { MapProto, OptionalProto, SequenceProto, SparseTensorProto } from './types.ts';
import type { TypeProto } from './types.ts';

/** Any value that an ONNX graph passes along. */
export type OnnxValue = TensorData | SparseValue | SequenceValue | MapValue | OptionalValue;

interface Named {
  readonly name?: string;
}

/** A sparse tensor of `shape`: `values[i]` stands at the place that row `i` of `indices` tells. */
export interface SparseValue extends Named {
  readonly kind: 'sparse';
  readonly shape: readonly number[];
  readonly values: TensorData;
  /** [NNZ] for linear places, or [NNZ, rank]. */
  readonly indices: TensorOf<'int64'>;
}

/** A list of values of one kind (`elemType`, a number of {@link ElementType}). */
export interface SequenceValue extends Named {
  readonly kind: 'sequence';
  readonly elemType: number;
  readonly items: readonly OnnxValue[];
}

/** Keys in the order of their values, a sequence of the same length. */
export interface MapValue extends Named {
  readonly kind: 'map';
  readonly keyType: OnnxDtype;
  readonly keys: readonly (bigint | string)[];
  readonly values: SequenceValue;
}

/** A value or nothing. */
export interface OptionalValue extends Named {
  readonly kind: 'optional';
  readonly elemType: number;
  readonly value?: OnnxValue;
}

/** Whether the value is a dense tensor. */
export function isTensor(value: OnnxValue): value is TensorData {
  return 'dtype' in value;
}

const named = ({ name }: { readonly name?: string }) => (name === undefined ? {} : { name });

/**
 * @throws OnnxFormatError as `tensorFromProto`, or when values, indices and shape do not fit
 *   together.
 */
export function sparseFromProto(proto: SparseTensorProto, options?: TensorOptions): SparseValue {
  const where = `sparse tensor ${JSON.stringify(proto.values?.name ?? '')}`;
  if (proto.values === undefined) throw new OnnxFormatError(`${where}: it has no values`);
  const values = tensorFromProto(proto.values, options);
  const total = elementCount(proto.dims, where);
  const nonZero = values.shape[0] ?? 0;
  if (values.shape.length !== 1) {
    throw new OnnxFormatError(`${where}: values have shape [${values.shape.join(',')}], not [NNZ]`);
  }
  const indices: TensorData =
    proto.indices === undefined
      ? { dtype: 'int64', shape: [0], data: new BigInt64Array() }
      : tensorFromProto(proto.indices, options);
  const [rows, columns] = indices.shape;
  const rank = proto.dims.length;
  const linear = indices.shape.length === 1;
  if (indices.dtype !== 'int64' || rows !== nonZero || !(linear || columns === rank)) {
    throw new OnnxFormatError(
      `${where}: indices are ${indices.dtype} [${indices.shape.join(',')}], ` +
        `not int64 [${nonZero}] or [${nonZero},${rank}]`,
    );
  }
  indices.data.forEach((index, i) => {
    const size = linear ? total : proto.dims[i % rank]!;
    if (index < 0n || index >= BigInt(size)) {
      throw new OnnxFormatError(`${where}: index ${index} is out of range, 0 to ${size - 1}`);
    }
  });
  return { kind: 'sparse', ...named(values), shape: proto.dims, values, indices };
}

export function sparseToProto(value: SparseValue): SparseTensorProto {
  const values = tensorToProto({ ...value.values, ...named(value) });
  return { values, indices: tensorToProto(value.indices), dims: value.shape };
}

/** @throws OnnxFormatError as {@link tensorFromProto}, or for an unknown kind of element. */
export function sequenceFromProto(proto: SequenceProto, options?: TensorOptions): SequenceValue {
  const elemType = proto.elemType ?? ElementType.UNDEFINED;
  return { kind: 'sequence', ...named(proto), elemType, items: items(proto, elemType, options) };
}

function items(
  proto: SequenceProto,
  elemType: number,
  options?: TensorOptions,
): readonly OnnxValue[] {
  switch (elemType) {
    case ElementType.UNDEFINED:
      return [];
    case ElementType.TENSOR:
      return proto.tensorValues.map((item) => tensorFromProto(item, options));
    case ElementType.SPARSE_TENSOR:
      return proto.sparseTensorValues.map((item) => sparseFromProto(item, options));
    case ElementType.SEQUENCE:
      return proto.sequenceValues.map((item) => sequenceFromProto(item, options));
    case ElementType.MAP:
      return proto.mapValues.map((item) => mapFromProto(item, options));
    case ElementType.OPTIONAL:
      return proto.optionalValues.map((item) => optionalFromProto(item, options));
    default:
      throw unknownElement('sequence', proto, elemType);
  }
}

function unknownElement(what: string, { name }: { readonly name?: string }, type: number): Error {
  return new OnnxFormatError(`${what} ${JSON.stringify(name ?? '')}: unknown element type ${type}`);
}

/** @throws OnnxFormatError as {@link tensorFromProto}, or when keys and values differ in number. */
export function mapFromProto(proto: MapProto, options?: TensorOptions): MapValue {
  const where = `map ${JSON.stringify(proto.name ?? '')}`;
  const keyType = dtypeName(proto.keyType, where);
  const utf8 = new TextDecoder();
  const keys = keyType === 'string' ? proto.stringKeys.map((key) => utf8.decode(key)) : proto.keys;
  if (proto.values === undefined) throw new OnnxFormatError(`${where}: it has no values`);
  const values = sequenceFromProto(proto.values, options);
  if (values.items.length !== keys.length) {
    throw new OnnxFormatError(`${where}: ${keys.length} keys but ${values.items.length} values`);
  }
  return { kind: 'map', ...named(proto), keyType, keys, values };
}

/** @throws OnnxFormatError as {@link tensorFromProto}, or for an unknown kind of element. */
export function optionalFromProto(proto: OptionalProto, options?: TensorOptions): OptionalValue {
  const elemType = proto.elemType ?? ElementType.UNDEFINED;
  const value = optionalItem(proto, elemType, options);
  const rest = value === undefined ? {} : { value };
  return { kind: 'optional', ...named(proto), elemType, ...rest };
}

function optionalItem(
  proto: OptionalProto,
  elemType: number,
  options?: TensorOptions,
): OnnxValue | undefined {
  const { tensorValue, sparseTensorValue, sequenceValue, mapValue, optionalValue } = proto;
  switch (elemType) {
    case ElementType.UNDEFINED:
      return undefined;
    case ElementType.TENSOR:
      return tensorValue && tensorFromProto(tensorValue, options);
    case ElementType.SPARSE_TENSOR:
      return sparseTensorValue && sparseFromProto(sparseTensorValue, options);
    case ElementType.SEQUENCE:
      return sequenceValue && sequenceFromProto(sequenceValue, options);
    case ElementType.MAP:
      return mapValue && mapFromProto(mapValue, options);
    case ElementType.OPTIONAL:
      return optionalValue && optionalFromProto(optionalValue, options);
    default:
      throw unknownElement('optional', proto, elemType);
  }
}

const isKind =
  <K extends string>(kind: K) =>
  (value: OnnxValue): value is Extract<OnnxValue, { kind: K }> =>
    'kind' in value && value.kind === kind;

/** @throws OnnxFormatError when an item is of another kind than `elemType` says. */
export function sequenceToProto(value: SequenceValue): SequenceProto {
  const { elemType, items: all } = value;
  const tensors = all.filter(isTensor);
  const sparse = all.filter(isKind('sparse'));
  const sequences = all.filter(isKind('sequence'));
  const maps = all.filter(isKind('map'));
  const optionals = all.filter(isKind('optional'));
  const lists = [[], tensors, sparse, sequences, maps, optionals];
  if (lists[elemType]?.length !== all.length) {
    throw new OnnxFormatError(
      `sequence ${JSON.stringify(value.name ?? '')}: an item is not of element type ${elemType}`,
    );
  }
  return {
    ...named(value),
    elemType,
    tensorValues: tensors.map(tensorToProto),
    sparseTensorValues: sparse.map(sparseToProto),
    sequenceValues: sequences.map(sequenceToProto),
    mapValues: maps.map(mapToProto),
    optionalValues: optionals.map(optionalToProto),
  };
}

export function mapToProto(value: MapValue): MapProto {
  const utf8 = new TextEncoder();
  return {
    ...named(value),
    keyType: DataType[value.keyType],
    keys: value.keys.filter((key) => typeof key === 'bigint'),
    stringKeys: value.keys.filter((key) => typeof key === 'string').map((key) => utf8.encode(key)),
    values: sequenceToProto(value.values),
  };
}

export function optionalToProto(optional: OptionalValue): OptionalProto {
  const { elemType, value } = optional;
  const head = { ...named(optional), elemType };
  if (value === undefined) return head;
  if (isTensor(value)) return { ...head, tensorValue: tensorToProto(value) };
  switch (value.kind) {
    case 'sparse':
      return { ...head, sparseTensorValue: sparseToProto(value) };
    case 'sequence':
      return { ...head, sequenceValue: sequenceToProto(value) };
    case 'map':
      return { ...head, mapValue: mapToProto(value) };
    case 'optional':
      return { ...head, optionalValue: optionalToProto(value) };
  }
}

type Options = TensorOptions & DecodeLimits;

/** Reads a `SequenceProto` file. Errors as {@link sequenceFromProto}. */
export function decodeSequence(bytes: Uint8Array, options?: Options): SequenceValue {
  return sequenceFromProto(decodeSequenceProto(bytes, options), options);
}

export function encodeSequence(value: SequenceValue): Uint8Array {
  return encodeSequenceProto(sequenceToProto(value));
}

/** Reads an `OptionalProto` file. Errors as {@link optionalFromProto}. */
export function decodeOptional(bytes: Uint8Array, options?: Options): OptionalValue {
  return optionalFromProto(decodeOptionalProto(bytes, options), options);
}

export function encodeOptional(value: OptionalValue): Uint8Array {
  return encodeOptionalProto(optionalToProto(value));
}

/**
 * Reads a value file of a test data set. The file does not say what it holds: the type of the
 * graph's input or output does.
 * @throws OnnxFormatError as the reader of that kind, or for a type that has no files.
 */
export function decodeValue(bytes: Uint8Array, type: TypeProto, options?: Options): OnnxValue {
  if (type.tensorType) return decodeTensor(bytes, options);
  if (type.sequenceType) return decodeSequence(bytes, options);
  if (type.optionalType) return decodeOptional(bytes, options);
  if (type.sparseTensorType) {
    return sparseFromProto(decodeSparseTensorProto(bytes, options), options);
  }
  throw new OnnxFormatError('values of map and opaque types have no file format');
}
