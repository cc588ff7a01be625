/**
 * What needs a file system, for Node, Deno and Bun. Kept apart from the main entry so that workers never
 * see node:fs.
 */
import { readFile } from 'node:fs/promises';
import { encodeModel } from './codec/messages.ts';
import { verifyModel } from './check/verify.ts';
import type { VerifyOptions, VerifyReport } from './check/verify.ts';
import { onnxRuntime } from './check/runtime.ts';
import { toOnnxModel } from './export/export.ts';
import type { ExportOptions, Exportable } from './export/export.ts';
import { readModelFile, writeModelFile } from './files.ts';
import type { WriteModelOptions } from './files.ts';
import { OnnxModel } from './import/model.ts';
import type { ImportOptions, Outputs } from './import/model.ts';

export { onnxRuntime } from './check/runtime.ts';
export { writeReproduction } from './check/reproduction.ts';
export { checkFolders } from './check/folders.ts';
export { findCases } from './check/find.ts';
export type { TestCase, TestData, TestSet } from './check/case.ts';
export type { CaseResult, CaseStatus, CheckOptions, CheckSummary } from './check/folders.ts';
export { readModelFile, writeModelFile } from './files.ts';
export type { ReadModelOptions, WriteModelOptions } from './files.ts';

/** `importOnnx` from a file, with the files beside it that hold its large tensors. */
export async function importOnnxFile<Output extends Outputs = Outputs>(
  path: string,
  options: ImportOptions = {},
): Promise<OnnxModel<Output>> {
  return new OnnxModel<Output>(await readModelFile(path, options), options);
}

/**
 * Exports to a file, which is written whole or not at all. Returns the bytes of the model.
 * Errors as `toOnnx`, and those of the file system.
 */
export async function exportOnnx(
  model: Exportable,
  path: string,
  options: ExportOptions & WriteModelOptions,
): Promise<{ readonly bytes: number }> {
  const exported = await toOnnxModel(model, options);
  await writeModelFile(path, exported, options);
  return { bytes: encodeModel(exported).byteLength };
}

/**
 * Checks an exported file (or its bytes) against the model it came from, in onnxruntime-web.
 * @throws Error when onnxruntime-web is not installed, or refuses the file.
 */
export async function verifyOnnx(
  file: string | Uint8Array,
  model: Exportable | OnnxModel,
  options: Omit<VerifyOptions, 'runtime'> & Partial<Pick<VerifyOptions, 'runtime'>>,
): Promise<VerifyReport> {
  const bytes = typeof file === 'string' ? await readFile(file) : file;
  const runtime = options.runtime ?? (await onnxRuntime());
  return verifyModel(bytes, model, { ...options, runtime });
}
