/** Starts a backend in the worker, and says what there is. */
import { wasm } from '@hebb/backend-wasm';
import { init } from '@hebb/core';

export type BackendName = 'wasm' | 'webgpu';

export interface Where {
  readonly backend: BackendName;
  readonly threads: number;
  /** For people: `WebAssembly, 4 threads`, `WebGPU, nvidia ampere`. */
  readonly text: string;
}

/** @throws HebbError where the backend is not to be had, with what to do about it. */
export async function startBackend(name: BackendName): Promise<Where> {
  if (name === 'wasm') {
    const backend = await wasm({ threads: 'auto' });
    await init(backend);
    const { threads } = backend.capabilities;
    const text = `WebAssembly, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
    return { backend: name, threads, text };
  }
  // Fetched only by those who ask for it.
  const { webgpu } = await import('@hebb/backend-webgpu');
  const adapter = await navigator.gpu?.requestAdapter();
  await init(await webgpu(adapter ? { adapter } : {}));
  const { vendor, architecture } = adapter?.info ?? { vendor: '', architecture: '' };
  const which = [vendor, architecture].filter((part) => part !== '').join(' ');
  return { backend: name, threads: 1, text: which === '' ? 'WebGPU' : `WebGPU, ${which}` };
}
