/** The format of the ONNX test suite: `model.onnx` beside `test_data_set_N` with `input_K.pb`, `output_K.pb`. */
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { OnnxFormatError } from '../codec/errors.ts';
import type { ValueInfoProto } from '../codec/types.ts';
import { decodeValue } from '../codec/value.ts';
import type { OnnxValue } from '../codec/value.ts';
import { readModelFile } from '../files.ts';
import type { OnnxModel } from '../import/model.ts';
import { byNumber, numberOf } from './case.ts';
import type { TestCase, TestData } from './case.ts';

export async function folderCase(folder: string): Promise<TestCase> {
  const entries = await readdir(folder, { withFileTypes: true });
  const sets = entries
    .filter((entry) => entry.isDirectory() && entry.name.startsWith('test_data_set'))
    .map((entry) => entry.name)
    .sort(byNumber);
  return {
    name: basename(folder),
    folder,
    model: () => readModelFile(join(folder, 'model.onnx')),
    sets: sets.map((name) => ({ name, read: (model) => readSet(join(folder, name), model) })),
  };
}

async function readSet(folder: string, { inputs, program }: OnnxModel): Promise<TestData> {
  const files = await readdir(folder);
  const inputFiles = files.filter((file) => /^input_\d+\.pb$/.test(file));
  const outputFiles = files.filter((file) => /^output_\d+\.pb$/.test(file));
  // Initialisers may be listed as inputs too; files are given for all of them or for none.
  const all = inputFiles.length > inputs.length;
  const given = new Set(program.inputs);
  const infos = program.inputInfo.filter((info) => all || given.has(info.name ?? ''));
  return {
    inputs: await readValues(folder, inputFiles, infos),
    outputs: await readValues(folder, outputFiles, program.outputInfo),
  };
}

async function readValues(
  folder: string,
  files: readonly string[],
  infos: readonly ValueInfoProto[],
): Promise<Record<string, OnnxValue>> {
  const values: Record<string, OnnxValue> = {};
  for (const file of [...files].sort(byNumber)) {
    const info = infos[numberOf(file)];
    if (info?.name === undefined) throw new OnnxFormatError(`${file}: the model has no such value`);
    values[info.name] = decodeValue(await readFile(join(folder, file)), info.type ?? {});
  }
  return values;
}
