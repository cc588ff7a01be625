/** @hebb/onnx: the ONNX bridge. */
export * from './codec/index.ts';
export * from './import/index.ts';
