/** Import: ONNX models as modules that run and train. */
export { OnnxImportError } from './error.ts';
export type { ImportProblem } from './error.ts';
export { OnnxModel, importOnnx } from './model.ts';
export type { ImportOptions, ModelSource, Outputs, RunInput, RunOptions } from './model.ts';
export type { DecodedImage, ImageDecoder } from './operators/image.ts';
export { supportedOperators } from './operators/index.ts';
export { selectGraph } from './select.ts';
export type { Selection } from './select.ts';
export { formatType } from './types.ts';
export type { Dim, ValueType } from './types.ts';
