/** Worker projects of the tests' own: the deployed app around a model that the test brings. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileOnnx, writeCompiled } from '@hebb/cli';
import type { Sizes } from '@hebb/cli';
import { importOnnx } from '@hebb/onnx';
import type { ModelCard } from '../src/card.ts';

const sources = join(dirname(fileURLToPath(import.meta.url)), '../src');

/** Writes the project into a temporary folder and returns its path. */
export async function writeProject(model: Uint8Array, card: ModelCard): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'hebb-project-'));
  await writeFile(join(directory, 'model.onnx'), model);
  await writeWorker(
    directory,
    `import model from './model.onnx';
import { createWorker } from ${JSON.stringify(join(sources, 'app.ts'))};
const handler = createWorker(model, ${JSON.stringify(card)});
`,
    [{ type: 'Data', globs: ['**/*.onnx'], fallthrough: true }],
  );
  return directory;
}

/** The same around the compiled model; the files are found where an installed package would be. */
export async function writeCompiledProject(
  model: Uint8Array,
  card: ModelCard,
  shapes: readonly Sizes[],
): Promise<string> {
  const out = join(sources, '../out');
  await mkdir(out, { recursive: true });
  const directory = await mkdtemp(join(out, 'compiled-'));
  const built = await compileOnnx(importOnnx(model), { shapes }, { simd: ['relaxed'] });
  await writeCompiled(built, 'worker', join(directory, 'compiled'));
  await writeWorker(
    directory,
    `import { loadModel } from './compiled/index.js';
import { createCompiledWorker } from ${JSON.stringify(join(sources, 'compiled-app.ts'))};
const handler = createCompiledWorker(await loadModel(), ${JSON.stringify(card)});
`,
    [],
  );
  return directory;
}

async function writeWorker(
  directory: string,
  setup: string,
  rules: readonly object[],
): Promise<void> {
  const script = `${setup}export default { fetch: (request) => handler.fetch(request) };\n`;
  await writeFile(join(directory, 'worker.js'), script);
  await writeFile(
    join(directory, 'wrangler.json'),
    JSON.stringify({
      name: 'hebb-test',
      main: 'worker.js',
      compatibility_date: '2026-04-01',
      rules,
    }),
  );
}
