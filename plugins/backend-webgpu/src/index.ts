/** @hebb/backend-webgpu: compute shaders from fused kernels. */
export { webgpu } from './backend.ts';
export type { WebGpuOptions } from './device.ts';
export type { AutotuneOptions, TuningStorage } from './tuning.ts';
