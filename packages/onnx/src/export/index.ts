/** Export: modules and functions as ONNX models. */
export { OnnxExportError } from './error.ts';
export { toOnnx, toOnnxModel } from './export.ts';
export type { AxisSpec, ExportOptions, Exportable, InputSpec } from './export.ts';
