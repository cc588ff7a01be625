/** Finds test cases on disk, in the formats of the ONNX project and of ONNX.js. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { TestCase } from './case.ts';
import { folderCase } from './folder-case.ts';
import { jsoncCases } from './jsonc-cases.ts';
import { isLightModel, lightCase } from './light-case.ts';

/** Links are not followed, and nesting is bounded, so that a cycle of folders cannot trap the walk. */
const maxNesting = 16;

/** Every case in and below a folder, or in one file. Errors of the file system as Node gives them. */
export async function* findCases(path: string): AsyncGenerator<TestCase> {
  if ((await stat(path)).isDirectory()) yield* inFolder(path, 0);
  else yield* inFile(dirname(path), basename(path), await names(dirname(path)));
}

const names = async (folder: string): Promise<ReadonlySet<string>> =>
  new Set(await readdir(folder));

async function* inFolder(folder: string, depth: number): AsyncGenerator<TestCase> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = new Set(entries.filter((entry) => entry.isFile()).map((entry) => entry.name));
  if (files.has('model.onnx')) {
    yield await folderCase(folder);
    return;
  }
  for (const file of [...files].sort()) yield* inFile(folder, file, files);
  if (depth >= maxNesting) return;
  const inner = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  for (const name of inner.sort()) yield* inFolder(join(folder, name), depth + 1);
}

async function* inFile(
  folder: string,
  file: string,
  siblings: ReadonlySet<string>,
): AsyncGenerator<TestCase> {
  if (file === 'model.onnx') yield await folderCase(folder);
  else if (isLightModel(file, siblings)) yield lightCase(folder, file, siblings);
  else if (file.endsWith('.jsonc')) yield* await jsoncCases(join(folder, file));
}
