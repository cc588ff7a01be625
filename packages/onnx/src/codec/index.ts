/** The ONNX file format: messages, tensors, values and errors. See README.md beside this file. */
export { attributeValue, makeAttribute } from './attributes.ts';
export type { AttributeValue } from './attributes.ts';
export { makeGraph, makeModel, makeNode, makeValueInfo } from './build.ts';
export type { AttributeInput, GraphParts, NodeOptions } from './build.ts';
export {
  AttributeType,
  bitsPerElement,
  DataLocation,
  DataType,
  dtypeName,
  ElementType,
  IR_VERSION,
  ONNX_DTYPES,
  packedByteLength,
} from './dtypes.ts';
export type { OnnxDtype } from './dtypes.ts';
export { OnnxFormatError } from './errors.ts';
export { externalPlace, isExternal, loadExternalData } from './external.ts';
export type { AsyncExternalResolver, ExternalPlace, ExternalResolver } from './external.ts';
export {
  decodeModel,
  decodeOptionalProto,
  decodeSequenceProto,
  decodeSparseTensorProto,
  decodeTensorProto,
  encodeModel,
  encodeOptionalProto,
  encodeSequenceProto,
  encodeSparseTensorProto,
  encodeTensorProto,
} from './messages.ts';
export { fromOnnxProto, toOnnxProto } from './onnx-proto.ts';
export type { OnnxProtoModule } from './onnx-proto.ts';
export type { DecodeLimits } from './reader.ts';
export { elementCount } from './shape.ts';
export { decodeTensor, encodeTensor, tensorFromProto, tensorToProto } from './tensor.ts';
export type { DataArrays, TensorData, TensorOf, TensorOptions } from './tensor.ts';
export type * from './types.ts';
export {
  decodeOptional,
  decodeSequence,
  decodeValue,
  encodeOptional,
  encodeSequence,
  isTensor,
  mapFromProto,
  mapToProto,
  optionalFromProto,
  optionalToProto,
  sequenceFromProto,
  sequenceToProto,
  sparseFromProto,
  sparseToProto,
} from './value.ts';
export type { MapValue, OnnxValue, OptionalValue, SequenceValue, SparseValue } from './value.ts';
export { mapTensors, tensorsOf } from './walk.ts';
export type { TensorMap } from './walk.ts';
