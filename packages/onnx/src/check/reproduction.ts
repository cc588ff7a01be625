/** A test case on disk, in the format of the ONNX suite. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { encodeModel } from '../codec/messages.ts';
import { encodeTensor } from '../codec/tensor.ts';
import type { Reproduction } from './diff.ts';

/**
 * Writes `model.onnx` and `test_data_set_0`, whole or not at all; a folder of an earlier run is replaced.
 * `hebb check FOLDER` runs it. Errors of the file system as Node gives them; it refuses a folder that is no
 * such case.
 */
export async function writeReproduction(
  folder: string,
  { model, inputs, outputs }: Reproduction,
): Promise<void> {
  const temporary = join(
    dirname(folder),
    `.${basename(folder)}.${randomBytes(6).toString('hex')}.tmp`,
  );
  const set = join(temporary, 'test_data_set_0');
  try {
    await mkdir(set, { recursive: true });
    await writeFile(join(temporary, 'model.onnx'), encodeModel(model));
    for (const [k, tensor] of inputs.entries()) {
      await writeFile(join(set, `input_${k}.pb`), encodeTensor(tensor));
    }
    for (const [k, tensor] of outputs.entries()) {
      await writeFile(join(set, `output_${k}.pb`), encodeTensor(tensor));
    }
    await removeCase(folder);
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Only a folder that holds nothing but a case. */
async function removeCase(folder: string): Promise<void> {
  let entries: string[];
  try {
    entries = await readdir(folder);
  } catch {
    return;
  }
  const foreign = entries.find(
    (name) => name !== 'model.onnx' && !name.startsWith('test_data_set_'),
  );
  if (foreign !== undefined) throw new Error(`${folder} holds ${foreign}: it is not replaced`);
  await rm(folder, { recursive: true });
}
