/** Inputs of a model from the command line: files, or random numbers. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { isDType, isFloat, random, tensor } from '@hebb/core';
import type { NestedList, Tensor } from '@hebb/core';
import { pngToTensorArray } from '@hebb/data';
import { decodeTensor } from '@hebb/onnx';
import type { OnnxModel } from '@hebb/onnx';
import { UsageError } from './errors.ts';
import { shape } from './format.ts';
import { checkFile } from './paths.ts';

export interface InputOptions {
  /** `name=file`; the name may be left out when there is one input. */
  readonly input?: readonly string[];
  /** Draw what is not given. */
  readonly random?: boolean;
  readonly seed?: number;
  /** Size of free dimensions of random inputs. */
  readonly batch?: number;
  readonly mean?: number;
  readonly std?: number;
  readonly invert?: boolean;
}

type InputInfo = OnnxModel['inputs'][number];

/** @throws UsageError for what is missing, unknown, or in a file that is not read. */
export async function collectInputs(
  model: Pick<OnnxModel, 'inputs'>,
  options: InputOptions,
): Promise<Record<string, Tensor>> {
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

async function readInput(path: string, input: InputInfo, options: InputOptions): Promise<Tensor> {
  await checkFile(path, `a .png, .json or .pb file for input ${input.name}`);
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
      try {
        return tensor(value as NestedList, { dtype });
      } catch (error) {
        throw new UsageError(
          `${path} holds no nested list of numbers: ${(error as Error).message}`,
        );
      }
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
function randomInput(input: InputInfo, { batch = 1, seed = 0 }: InputOptions, k: number): Tensor {
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
