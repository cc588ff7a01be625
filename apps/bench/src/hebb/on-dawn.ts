/** Hebb on Dawn, the WebGPU of Chromium as a package for Node. */
import { createRequire } from 'node:module';
import type { Runner } from '../harness/runner.ts';
import { webGpuRunner } from './on-webgpu.ts';

/** It is kept: devices die with it. */
let gpu: GPU | undefined;

export function dawnRunner(): Runner {
  const { create } = createRequire(import.meta.url)('webgpu') as { create(args: string[]): GPU };
  gpu ??= create([]);
  return webGpuRunner(gpu);
}
