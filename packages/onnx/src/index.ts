/** @hebb/onnx: the ONNX bridge. */
export * from './codec/index.ts';
export * from './import/index.ts';
export * from './export/index.ts';
export * from './check/index.ts';
export * from './inspect/index.ts';
