/** @hebb/onnx: the ONNX bridge. */
export * from './codec/index.ts';
export * from './import/index.ts';
export * from './export/index.ts';
export * from './check/index.ts';
export * from './inspect/index.ts';
export { upgradeToOpset13 } from './convert/upgrade.ts';
export * from './quantize/index.ts';
