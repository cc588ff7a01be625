/** Examples for a model from disk: `.npz` files, or folders in the ONNX test format. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readNpz } from '@hebb/data';
import type { NDArray } from '@hebb/data';
import { decodeTensor } from '@hebb/onnx';
import type { Example, OnnxModel, TensorData } from '@hebb/onnx';
import { UsageError } from './errors.ts';

export interface ExampleOptions {
  /** Array of the file that holds the classes; `label` or `labels` where there is one. */
  readonly labels?: string;
  /** Most rows to take. */
  readonly limit?: number;
}

/** Rows that run together where the model leaves it open. */
const batch = 32;

/** @throws UsageError when the path holds no examples for the model. */
export async function loadExamples(
  model: Pick<OnnxModel, 'inputs'>,
  path: string,
  options: ExampleOptions = {},
): Promise<Example[]> {
  const examples = (await stat(path)).isDirectory()
    ? await fromFolder(model, path)
    : fromArrays(model, path, arraysOf(path, await readFile(path)), options);
  if (examples.length === 0) throw new UsageError(`${path} holds no examples`);
  return examples;
}

function arraysOf(path: string, bytes: Uint8Array): Record<string, NDArray> {
  try {
    return readNpz(bytes);
  } catch (error) {
    throw new UsageError(
      `${path} is neither an .npz file nor a folder with test_data_set_*: ${(error as Error).message}`,
    );
  }
}

async function fromFolder(
  { inputs }: Pick<OnnxModel, 'inputs'>,
  folder: string,
): Promise<Example[]> {
  const examples: Example[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (!name.startsWith('test_data_set_')) continue;
    const values: Record<string, TensorData> = {};
    for (const [k, input] of inputs.entries()) {
      values[input.name] = decodeTensor(await readFile(join(folder, name, `input_${k}.pb`)));
    }
    examples.push({ inputs: values });
  }
  return examples;
}

function fromArrays(
  { inputs }: Pick<OnnxModel, 'inputs'>,
  path: string,
  arrays: Readonly<Record<string, NDArray>>,
  { labels, limit = Infinity }: ExampleOptions,
): Example[] {
  const find = (name: string): NDArray => {
    // One array beside the labels needs no name.
    const own = arrays[name] ?? (inputs.length === 1 ? arrays['input'] : undefined);
    if (own === undefined)
      throw new UsageError(
        `${path} has no array ${name}: it has ${Object.keys(arrays).join(', ')}`,
      );
    return own;
  };
  const given = inputs.map(({ name, shape }) => ({ name, shape, array: find(name) }));
  const classes = labels === undefined ? (arrays['label'] ?? arrays['labels']) : find(labels);
  const rows = Math.min(limit, ...given.map(({ array }) => array.shape[0] ?? 0));
  const wanted = given[0]?.shape?.[0];
  const each = typeof wanted === 'number' ? wanted : batch;
  const examples: Example[] = [];
  for (let at = 0; at + (typeof wanted === 'number' ? each : 1) <= rows; at += each) {
    const end = Math.min(rows, at + each);
    examples.push({
      inputs: Object.fromEntries(given.map(({ name, array }) => [name, part(array, at, end)])),
      ...(classes === undefined ? {} : { labels: Array.from(part(classes, at, end).data, Number) }),
    });
  }
  return examples;
}

function part({ data, shape, dtype }: NDArray, from: number, to: number): TensorData {
  const row = shape.slice(1).reduce((a, b) => a * b, 1);
  const dims = [to - from, ...shape.slice(1)];
  return { dtype, shape: dims, data: data.slice(from * row, to * row) } as TensorData;
}
