/** The backends that this command line brings together, by the name users give. */
import { cpu } from '@hebb/backend-cpu';
import { wasm } from '@hebb/backend-wasm';
import { webgpu } from '@hebb/backend-webgpu';
import { init } from '@hebb/core';
import type { Backend } from '@hebb/core';
import { UsageError } from './errors.ts';

const backends: Readonly<Record<string, () => Backend | Promise<Backend>>> = {
  cpu: () => cpu(),
  wasm: () => wasm(),
  webgpu: () => webgpu(),
};

export const backendNames = Object.keys(backends);
export const defaultBackend = 'cpu';

/** Makes the named backend the current one. */
export async function useBackend(name: string): Promise<Backend> {
  if (!Object.hasOwn(backends, name)) {
    throw new UsageError(
      `unknown backend ${JSON.stringify(name)}: there is ${backendNames.join(', ')}`,
    );
  }
  return init(backends[name]!());
}
