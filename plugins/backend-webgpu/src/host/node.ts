/** Node has no WebGPU of its own; the package `webgpu` (Dawn) brings it. */
import { HebbError } from '@hebb/core';

/** It is kept: devices die with what `create` gave. */
let found: GPU | undefined;

/** Not known to bundlers: who has no use for the package does not install it. */
const name = 'webgpu';
const load = (): Promise<unknown> => import(name);

/** `undefined` where the package is not installed. @throws HebbError where it does not load. */
export async function packageGpu(from: () => Promise<unknown> = load): Promise<GPU | undefined> {
  if (found !== undefined) return found;
  let module: { create(options: readonly string[]): GPU };
  try {
    module = (await from()) as typeof module;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw new HebbError(`the package webgpu does not load: ${String(error)}`, {
      op: 'webgpu',
      cause: error,
    });
  }
  return (found = module.create([]));
}
