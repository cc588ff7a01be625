/**
 * The format of the ONNX project's light models: `NAME.onnx` beside `NAME_output_K.pb`. The inputs are not
 * stored: they are ramps from 0 to 1 over all elements, as the project's own runner makes them.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sizeOf } from '@hebb/core';
import { OnnxFormatError } from '../codec/errors.ts';
import type { TensorData } from '../codec/tensor.ts';
import { decodeValue } from '../codec/value.ts';
import type { OnnxValue } from '../codec/value.ts';
import { readModelFile } from '../files.ts';
import type { OnnxModel } from '../import/model.ts';
import type { ValueType } from '../import/types.ts';
import type { TestCase, TestData } from './case.ts';

const stem = (file: string): string => file.replace(/\.onnx$/, '');

export const isLightModel = (file: string, siblings: ReadonlySet<string>): boolean =>
  file.endsWith('.onnx') && siblings.has(`${stem(file)}_output_0.pb`);

export function lightCase(folder: string, file: string, siblings: ReadonlySet<string>): TestCase {
  const outputs: string[] = [];
  for (let k = 0; siblings.has(`${stem(file)}_output_${k}.pb`); k++) {
    outputs.push(`${stem(file)}_output_${k}.pb`);
  }
  return {
    name: stem(file),
    folder: join(folder, file),
    model: () => readModelFile(join(folder, file)),
    sets: [{ name: 'ramp', read: (model) => read(model, folder, outputs) }],
  };
}

async function read(model: OnnxModel, folder: string, files: readonly string[]): Promise<TestData> {
  const outputs: Record<string, OnnxValue> = {};
  for (const [k, file] of files.entries()) {
    const info = model.program.outputInfo[k];
    if (info?.name === undefined)
      throw new OnnxFormatError(`${file}: the model has no such output`);
    outputs[info.name] = decodeValue(await readFile(join(folder, file)), info.type ?? {});
  }
  const inputs = Object.fromEntries(model.inputs.map((type) => [type.name, ramp(type)]));
  return { inputs, outputs };
}

function ramp({ name, dtype, shape = [] }: ValueType): TensorData {
  if (dtype !== 'float32') throw new OnnxFormatError(`input ${name}: no ramp of ${dtype}`);
  const dims = shape.map((dim) => (typeof dim === 'number' ? dim : 1));
  const count = sizeOf(dims);
  return { dtype, shape: dims, data: Float32Array.from({ length: count }, (_, i) => i / count) };
}
