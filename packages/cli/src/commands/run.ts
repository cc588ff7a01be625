/** `hebb run`: one model, once, on files or random numbers. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { Tensor, isDType, isFloat, random, tensor } from '@hebb/core';
import type { NestedList } from '@hebb/core';
import { pngToTensorArray } from '@hebb/data';
import { decodeImage, writeBytes } from '@hebb/data/node';
import { decodeTensor } from '@hebb/onnx';
import { importOnnxFile } from '@hebb/onnx/node';
import { defaultBackend, useBackend } from '../backends.ts';
import { UsageError } from '../errors.ts';
import { milliseconds, shape, table } from '../format.ts';

export interface RunOptions {
  readonly input?: readonly string[];
  readonly backend?: string;
  readonly random?: boolean;
  readonly seed?: number;
  readonly batch?: number;
  readonly mean?: number;
  readonly std?: number;
  readonly invert?: boolean;
  readonly repeat?: number;
  readonly json?: string;
}

type Model = Awaited<ReturnType<typeof importOnnxFile>>;
type InputInfo = Model['inputs'][number];

/** Runs the model and prints a row for each output; `json` also writes every number. */
export async function run(
  file: string,
  options: RunOptions,
  print: (line: string) => void,
): Promise<void> {
  await useBackend(options.backend ?? defaultBackend);
  const model = await importOnnxFile(file, { decodeImage });
  const inputs = await collect(model, options);

  const started = performance.now();
  let outputs = await model.run(inputs);
  const first = performance.now() - started;
  const repeat = options.repeat ?? 1;
  const times: number[] = [];
  for (let i = 1; i < repeat; i++) {
    const t = performance.now();
    outputs = await model.run(inputs);
    times.push(performance.now() - t);
  }

  const report: Record<string, unknown> = {};
  const rows: string[][] = [];
  for (const [name, value] of Object.entries(outputs)) {
    if (!(value instanceof Tensor)) {
      rows.push([name, 'not a tensor of numbers', '', '', '', '', '']);
      continue;
    }
    const data = Array.from(await value.data(), Number);
    report[name] = { shape: value.shape, dtype: value.dtype, data };
    const finite = data.filter(Number.isFinite);
    const short = (x: number) => Number(x.toPrecision(5)).toString();
    const top = data.indexOf(data.reduce((a, b) => (b > a ? b : a), -Infinity));
    rows.push([
      name,
      value.dtype,
      shape(value.shape),
      finite.length === 0 ? '-' : short(finite.reduce((a, b) => Math.min(a, b))),
      finite.length === 0 ? '-' : `${short(finite.reduce((a, b) => Math.max(a, b)))} at ${top}`,
      String(data.length - finite.length),
      data.slice(0, 5).map(short).join(' ') + (data.length > 5 ? ' …' : ''),
    ]);
  }
  print(table(['output', 'type', 'shape', 'min', 'max', 'not finite', 'values'], rows));
  times.sort((a, b) => a - b);
  print(
    `first run ${milliseconds(first)}` +
      (times.length === 0
        ? ''
        : `, median of ${times.length} more ${milliseconds(times[times.length >> 1]!)}`),
  );
  if (options.json !== undefined) {
    await writeBytes(options.json, new TextEncoder().encode(`${JSON.stringify(report)}\n`));
  }
}

async function collect(model: Model, options: RunOptions): Promise<Record<string, Tensor>> {
  const given = new Map<string, string>();
  for (const entry of options.input ?? []) {
    const at = entry.indexOf('=');
    const names = model.inputs.map((input) => input.name);
    // With one input the name may be left out.
    const [name, path] = at < 0 ? [names[0]!, entry] : [entry.slice(0, at), entry.slice(at + 1)];
    if (at < 0 && names.length !== 1)
      throw new UsageError(`--input needs NAME=FILE: the model has inputs ${names.join(', ')}`);
    if (!names.includes(name))
      throw new UsageError(
        `the model has no input ${JSON.stringify(name)}: it has ${names.join(', ')}`,
      );
    given.set(name, path);
  }
  const inputs: Record<string, Tensor> = {};
  for (const [k, input] of model.inputs.entries()) {
    const path = given.get(input.name);
    if (path !== undefined) inputs[input.name] = await readInput(path, input, options);
    else if (options.random === true) inputs[input.name] = randomInput(input, options, k);
    else
      throw new UsageError(
        `input ${input.name} ${shape(input.shape)} is missing: give --input ${input.name}=FILE or --random`,
      );
  }
  return inputs;
}

async function readInput(path: string, input: InputInfo, options: RunOptions): Promise<Tensor> {
  const file = await readFile(path);
  switch (extname(path).toLowerCase()) {
    case '.png': {
      const dims = input.shape ?? [];
      const [channels, height, width] = dims.slice(-3);
      if (channels !== 1 && channels !== 3) {
        throw new UsageError(
          `input ${input.name} ${shape(input.shape)} does not look like an image of 1 or 3 channels`,
        );
      }
      const fixed = typeof height === 'number' && typeof width === 'number';
      const image = pngToTensorArray(new Uint8Array(file), {
        channels,
        ...(fixed ? { size: [height, width] as const } : {}),
        ...(options.mean === undefined ? {} : { mean: options.mean }),
        ...(options.std === undefined ? {} : { std: options.std }),
        ...(options.invert === true ? { invert: true } : {}),
        name: path,
      });
      return tensor(image.data, { shape: image.shape });
    }
    case '.json': {
      let value: unknown;
      try {
        value = JSON.parse(file.toString('utf8'));
      } catch (error) {
        throw new UsageError(`${path} is not JSON: ${(error as Error).message}`);
      }
      const dtype = input.dtype !== undefined && isDType(input.dtype) ? input.dtype : 'float32';
      return tensor(value as NestedList, { dtype });
    }
    case '.pb': {
      const { data, shape: dims, dtype } = decodeTensor(new Uint8Array(file));
      if (!isDType(dtype) || !ArrayBuffer.isView(data))
        throw new UsageError(`${path} holds ${dtype}, which cannot be run`);
      return tensor(data, { shape: dims, dtype });
    }
    default:
      throw new UsageError(
        `${path}: inputs are read from .png, .json (nested lists) and .pb (TensorProto) files`,
      );
  }
}

/** Standard normal for real inputs, zeros for the others; free dimensions take the batch size. */
function randomInput(input: InputInfo, { batch = 1, seed = 0 }: RunOptions, k: number): Tensor {
  if (input.shape === undefined || input.dtype === undefined || !isDType(input.dtype)) {
    throw new UsageError(
      `input ${input.name} cannot be drawn at random: ${input.dtype} ${shape(input.shape)}`,
    );
  }
  const dims = input.shape.map((dim) => (typeof dim === 'number' ? dim : batch));
  return isFloat(input.dtype)
    ? random.normal(random.key(seed + k), dims, { dtype: input.dtype })
    : tensor(new Uint8Array(dims.reduce((a, b) => a * b, 1)), { shape: dims, dtype: input.dtype });
}
