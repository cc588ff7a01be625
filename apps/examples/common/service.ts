/** A worker with an entry of the example's own, where `/predict` alone does not do: it streams, or loops over steps. */
import { mkdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeBytes } from '@hebb/data/node';
import type { Model } from '@hebb/runtime';
import type { Run } from './example.ts';
import { withWorker } from './ship.ts';
import type { LocalWorker } from '@hebb/edge/node';

/** What an entry exports as `worker`: from compiled models and plain data to a fetch handler. */
export type WorkerEntry<Models extends string, Data> = (
  models: Readonly<Record<Models, Model>>,
  data: Data,
) => { fetch(request: Request): Response | Promise<Response> };

export interface ServiceOptions {
  /** Name of the worker. */
  readonly name: string;
  /** `import.meta.url` based address of the module that exports `worker`. */
  readonly entry: URL;
  /** Compiled folders by the name under which the entry gets their models. */
  readonly models: Readonly<Record<string, string>>;
  /** Handed to the entry as JSON. */
  readonly data: unknown;
}

/** Path of an import from one file to another. */
function specifier(from: string, to: string): string {
  const path = relative(from, to).split(sep).join('/');
  return JSON.stringify(path.startsWith('.') ? path : `./${path}`);
}

/** Writes the worker project into the example's folder and returns where it is. */
export async function writeService(
  run: Run,
  { name, entry, models, data }: ServiceOptions,
): Promise<string> {
  const folder = join(run.out, 'service');
  await mkdir(folder, { recursive: true });
  const keys = Object.keys(models);
  const imports = keys.map(
    (key, i) =>
      `import { loadModel as load${i} } from ${specifier(folder, join(models[key]!, 'index.js'))};\n`,
  );
  const loaded = keys.map((key, i) => `${JSON.stringify(key)}: await load${i}()`);
  const script =
    imports.join('') +
    `import { worker } from ${specifier(folder, fileURLToPath(entry))};\n` +
    "import data from './data.json';\n\n" +
    `export default worker({ ${loaded.join(', ')} }, data);\n`;
  const configuration = { name, main: 'index.js', compatibility_date: '2026-04-01' };
  const files = {
    'index.js': script,
    'data.json': `${JSON.stringify(data)}\n`,
    'wrangler.json': `${JSON.stringify(configuration, null, 2)}\n`,
  };
  for (const [file, text] of Object.entries(files)) {
    await writeBytes(join(folder, file), new TextEncoder().encode(text));
  }
  return folder;
}

/** Writes the project and runs it for as long as `use` takes; nothing without a worker in the options. */
export async function withService(
  run: Run,
  options: ServiceOptions,
  use: (worker: LocalWorker) => Promise<void>,
): Promise<void> {
  const folder = await writeService(run, options);
  if (run.options.worker) await withWorker(folder, use);
}
