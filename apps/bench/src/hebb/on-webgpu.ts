/** Hebb on WebGPU: what a page offers, or Dawn in Node. */
import { webgpu } from '@hebb/backend-webgpu';
import type { Runner } from '../harness/runner.ts';
import { hebbRunner } from './runner.ts';

export function webGpuRunner(gpu?: GPU): Runner {
  return hebbRunner(() => webgpu(gpu === undefined ? {} : { gpu }));
}
