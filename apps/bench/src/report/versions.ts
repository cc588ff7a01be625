/** Versions of the libraries that are compared. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const packages = ['onnxruntime-web', '@tensorflow/tfjs-core', '@jax-js/jax'];

function versionOf(name: string): string {
  const { resolve } = createRequire(import.meta.url);
  // Not every package lets its package.json be resolved.
  for (let folder = dirname(resolve(name)); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const text = readFileSync(join(folder, 'package.json'), 'utf8');
      const found = JSON.parse(text) as { name?: string; version?: string };
      if (found.name === name && found.version !== undefined) return found.version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return 'unknown';
}

const named = (names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, versionOf(name)]));

export const versions = (): Record<string, string> => named(packages);
export const gpuVersions = (): Record<string, string> =>
  named([...packages, '@tensorflow/tfjs-backend-webgpu', 'webgpu']);
