/** The backend that the person chose; kept from visit to visit. */
import type { BackendName } from '../worker/backend.ts';

const key = 'hebb-backend';

export function chosenBackend(): BackendName {
  try {
    return localStorage.getItem(key) === 'webgpu' ? 'webgpu' : 'wasm';
  } catch {
    return 'wasm';
  }
}

export function keepBackend(name: BackendName): void {
  try {
    localStorage.setItem(key, name);
  } catch {
    // Kept for this visit only.
  }
}
