/** Whole messages to and from bytes: a model, or the values of a test data set. */
import { OnnxFormatError } from './errors.ts';
import { onnx } from './generated/onnx.ts';
import { plain } from './plain.ts';
import { OnnxReader } from './reader.ts';
import type { DecodeLimits } from './reader.ts';
import { tensorsOf } from './walk.ts';
import { knownSignature } from './signature.ts';
import type { Draft, ModelProto, OptionalProto, SequenceProto, TensorProto } from './types.ts';
import type { SparseTensorProto } from './types.ts';
import type { WireType } from './wire.ts';
import { OnnxWriter } from './writer.ts';

/**
 * Reads an ONNX file. Tensor data stays where it is: `rawData` is a view of `bytes`, which must
 * not change while the model is in use. External data is not read (see `loadExternalData`).
 *
 * @throws OnnxFormatError when `bytes` is no ONNX file, truncated, inconsistent, nested deeper than
 *   100 messages, or larger than `limits`.
 */
export function decodeModel(bytes: Uint8Array, limits: DecodeLimits = {}): ModelProto {
  let model: ModelProto;
  try {
    model = decode<ModelProto>(onnx.ModelProto, 'ONNX model', bytes, limits);
  } catch (error) {
    const what = knownSignature(bytes);
    if (what === undefined) throw error;
    throw new OnnxFormatError(`not an ONNX model: ${what}`, { cause: error });
  }
  if (model.irVersion === undefined || model.graph === undefined) {
    const missing = model.graph === undefined ? 'graph' : 'ir_version';
    const what = knownSignature(bytes) ?? `the data has no ${missing}`;
    throw new OnnxFormatError(`not an ONNX model: ${what}`);
  }
  return model;
}

/**
 * Writes an ONNX file. `ir_version` and `graph` are required.
 * @throws OnnxFormatError when a field has a value that the format cannot hold, when messages nest
 *   too deep, or when the file would exceed 2 GB.
 */
export function encodeModel(model: Draft<ModelProto>): Uint8Array {
  if (model.irVersion === undefined || model.graph === undefined) {
    throw new OnnxFormatError('cannot write an ONNX model without irVersion and graph');
  }
  return encode(onnx.ModelProto, 'ONNX model', model, () => dataBytes(tensorsOf(model)));
}

/** Reads a `TensorProto`, such as the `input_0.pb` of a test case. Errors as {@link decodeModel}. */
export function decodeTensorProto(bytes: Uint8Array, limits: DecodeLimits = {}): TensorProto {
  return decode<TensorProto>(onnx.TensorProto, 'TensorProto', bytes, limits);
}

export function encodeTensorProto(tensor: Draft<TensorProto>): Uint8Array {
  return encode(onnx.TensorProto, 'TensorProto', tensor, () => dataBytes([tensor]));
}

/** Reads a `SparseTensorProto`. Errors as {@link decodeModel}. */
export function decodeSparseTensorProto(
  bytes: Uint8Array,
  limits: DecodeLimits = {},
): SparseTensorProto {
  return decode<SparseTensorProto>(onnx.SparseTensorProto, 'SparseTensorProto', bytes, limits);
}

export function encodeSparseTensorProto(tensor: Draft<SparseTensorProto>): Uint8Array {
  return encode(onnx.SparseTensorProto, 'SparseTensorProto', tensor);
}

/** Reads a `SequenceProto`. Errors as {@link decodeModel}. */
export function decodeSequenceProto(bytes: Uint8Array, limits: DecodeLimits = {}): SequenceProto {
  return decode<SequenceProto>(onnx.SequenceProto, 'SequenceProto', bytes, limits);
}

export function encodeSequenceProto(sequence: Draft<SequenceProto>): Uint8Array {
  return encode(onnx.SequenceProto, 'SequenceProto', sequence);
}

/** Reads an `OptionalProto`. Errors as {@link decodeModel}. */
export function decodeOptionalProto(bytes: Uint8Array, limits: DecodeLimits = {}): OptionalProto {
  return decode<OptionalProto>(onnx.OptionalProto, 'OptionalProto', bytes, limits);
}

export function encodeOptionalProto(optional: Draft<OptionalProto>): Uint8Array {
  return encode(onnx.OptionalProto, 'OptionalProto', optional);
}

/** `T` is what types.ts says of `type`; the generated code itself is untyped. */
function decode<T>(type: WireType, what: string, bytes: Uint8Array, limits: DecodeLimits): T {
  const reader = new OnnxReader(bytes, limits);
  try {
    return plain(type.decode(reader)) as T;
  } catch (error) {
    throw describe(error, `${what} of ${bytes.byteLength} bytes`, reader.pos);
  }
}

function encode(
  type: WireType,
  what: string,
  message: object,
  sizeHint: () => number = () => 0,
): Uint8Array {
  try {
    const writer = new OnnxWriter(sizeHint() + 1024);
    // Not finish(): that hands out slices of a shared pool.
    return type.encode(message, writer).finish(true).slice();
  } catch (error) {
    throw describe(error, what, undefined);
  }
}

function describe(error: unknown, what: string, offset: number | undefined): OnnxFormatError {
  const message = error instanceof Error ? error.message : String(error);
  const at = offset === undefined ? '' : ` at byte ${offset}`;
  let reason = `malformed${at}: ${message}`;
  if (error instanceof OnnxFormatError) {
    reason = message;
    offset = error.offset;
  } else if (/max depth/.test(message)) {
    reason = 'messages are nested deeper than 100 levels';
  } else if (error instanceof RangeError && offset !== undefined) {
    reason = `the data ends in the middle of a field${at}`;
  }
  return new OnnxFormatError(`${what}: ${reason}`, {
    ...(offset === undefined ? {} : { offset }),
    cause: error,
  });
}

/** Bytes of tensor data; the rest of a message is small beside it. */
function dataBytes(tensors: Iterable<Draft<TensorProto>>): number {
  let bytes = 0;
  for (const tensor of tensors) {
    bytes += (tensor.rawData?.byteLength ?? 0) + (tensor.floatData?.byteLength ?? 0);
    bytes += (tensor.doubleData?.byteLength ?? 0) + 256;
  }
  return bytes;
}
