/** @hebb/backend-webgpu/node: what needs a file system. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { TuningStorage } from './tuning.ts';

/**
 * Keeps measured choices in a JSON file. A file that is missing or damaged is begun anew; it is written whole.
 *
 * ```ts
 * await webgpu({ autotune: { storage: fileTuning('webgpu-tuning.json') } });
 * ```
 */
export function fileTuning(path: string): TuningStorage {
  let values: Promise<Map<string, string>> | undefined;
  const read = (): Promise<Map<string, string>> =>
    (values ??= readFile(path, 'utf8')
      .then((text) => {
        const found: unknown = JSON.parse(text);
        const entries = typeof found === 'object' && found !== null ? Object.entries(found) : [];
        return new Map(entries.filter((x): x is [string, string] => typeof x[1] === 'string'));
      })
      .catch(() => new Map<string, string>()));
  let last: Promise<void> = Promise.resolve();
  return {
    getItem: async (key) => (await read()).get(key) ?? null,
    setItem: async (key, value) => {
      const all = (await read()).set(key, value);
      last = last
        .catch(() => undefined)
        .then(async () => {
          const draft = `${path}.${process.pid}.tmp`;
          await writeFile(draft, `${JSON.stringify(Object.fromEntries(all), null, 2)}\n`);
          await rename(draft, path);
        });
      await last;
    },
  };
}
