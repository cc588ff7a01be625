/** What can compute a model for a comparison: the backends, and ONNX Runtime. */
import { decodeImage } from '@hebb/data/node';
import { backendComputer, runtimeComputer } from '@hebb/onnx';
import type { Computer } from '@hebb/onnx';
import { onnxRuntime } from '@hebb/onnx/node';
import { backendNames, useBackend } from './backends.ts';
import { UsageError } from './errors.ts';

export const computerNames = [...backendNames, 'onnxruntime-web'];

/** @throws UsageError for an unknown name; Error when ONNX Runtime is not installed. */
export async function computer(name: string): Promise<Computer> {
  if (name === 'onnxruntime-web') return runtimeComputer(await onnxRuntime());
  if (!backendNames.includes(name)) {
    throw new UsageError(
      `unknown runtime ${JSON.stringify(name)}: there is ${computerNames.join(', ')}`,
    );
  }
  return backendComputer(await useBackend(name), { decodeImage });
}
