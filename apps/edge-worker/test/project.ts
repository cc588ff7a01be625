/** A worker project of the tests' own: the deployed app around a model that the test brings. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModelCard } from '../src/app.ts';

const app = join(dirname(fileURLToPath(import.meta.url)), '../src/app.ts');

/** Writes the project into a temporary folder and returns its path. */
export async function writeProject(model: Uint8Array, card: ModelCard): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'hebb-project-'));
  await writeFile(join(directory, 'model.onnx'), model);
  await writeFile(
    join(directory, 'worker.js'),
    `import model from './model.onnx';
import { createWorker } from ${JSON.stringify(app)};
const handler = createWorker(model, ${JSON.stringify(card)});
export default { fetch: (request) => handler.fetch(request) };
`,
  );
  await writeFile(
    join(directory, 'wrangler.json'),
    JSON.stringify({
      name: 'hebb-test',
      main: 'worker.js',
      compatibility_date: '2026-04-01',
      rules: [{ type: 'Data', globs: ['**/*.onnx'], fallthrough: true }],
    }),
  );
  return directory;
}
