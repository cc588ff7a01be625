/** Copies what the browser tests photographed into docs/images: `npm run screenshots -w apps/playground`. */
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { writeBytes } from '@hebb/data/node';

const from = fileURLToPath(new URL('../out/screenshots/', import.meta.url));
const to = fileURLToPath(new URL('../../../docs/images/', import.meta.url));
const page = await readFile(
  fileURLToPath(new URL('../../../docs/playground.md', import.meta.url)),
  'utf8',
);

for (const file of await readdir(from)) {
  // Those that the page of the documentation shows.
  if (!page.includes(`images/playground-${file}`)) continue;
  await writeBytes(`${to}playground-${file}`, await readFile(from + file));
  console.log(`docs/images/playground-${file}`);
}
