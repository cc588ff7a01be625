/**
 * The objects of the onnx-proto package, for code that already uses it. Nothing of it is imported:
 * its module is handed in where its classes are needed.
 *
 * onnx-proto knows ONNX 1.10 (IR 8): what came later, such as float8, int4 and metadata of nodes,
 * is lost when a model goes through it.
 */
import { OnnxFormatError } from './errors.ts';
import { decodeModel, encodeModel } from './messages.ts';
import { plain } from './plain.ts';
import type { DecodeLimits } from './reader.ts';
import type { Draft, ModelProto } from './types.ts';

/** The part of onnx-proto's `onnx` namespace that is needed; `M` is its `onnx.ModelProto`. */
export interface OnnxProtoModule<M> {
  readonly ModelProto: { decode(bytes: Uint8Array): M };
}

/**
 * The model in an `onnx.ModelProto` or `onnx.IModelProto` of onnx-proto. Tensor data is copied.
 * @throws OnnxFormatError when the object is no model.
 */
export function fromOnnxProto(model: object, limits: DecodeLimits = {}): ModelProto {
  if (typeof model !== 'object' || model === null || !('graph' in model)) {
    throw new OnnxFormatError('not an onnx.ModelProto of onnx-proto: the object has no graph');
  }
  // Message instances and plain objects with gaps alike become complete on the way through bytes.
  return decodeModel(encodeModel(plain(model) as Draft<ModelProto>), limits);
}

/** The model as an `onnx.ModelProto` of the `onnx` namespace that onnx-proto exports. */
export function toOnnxProto<M>(model: Draft<ModelProto>, onnx: OnnxProtoModule<M>): M {
  return onnx.ModelProto.decode(encodeModel(model));
}
