/**
 * Broken models by the thousand: whatever the file, the outcome is a result or a named error, in bounded
 * time and memory.
 */
import { writeFile } from 'node:fs/promises';
import { HebbError, isDType, tensor } from '@hebb/core';
import type { DType } from '@hebb/core';
import {
  OnnxFormatError,
  decodeModel,
  encodeModel,
  importOnnx,
  inferShapes,
  isExternal,
  tensorsOf,
} from '../../src/index.ts';
import type { ImportOptions, ModelProto, OnnxModel, RunInput } from '../../src/index.ts';
import { readModelFile } from '../../src/node.ts';
import { Draw } from './draw.ts';
import { mutateBytes, mutateModel } from './mutate.ts';
import { makeSandbox } from './sandbox.ts';
import type { Sandbox } from './sandbox.ts';

export const outcomeNames = [
  'refused as bytes',
  'refused as a model',
  'refused when run',
  'ran',
] as const;
export type Outcome = (typeof outcomeNames)[number];

export interface Finding {
  readonly seed: number;
  readonly problem: string;
  readonly bytes: Uint8Array;
}

export interface FuzzOptions {
  readonly models: readonly ModelProto[];
  readonly seed: number;
  /** Ends after so many files, or so much time. */
  readonly count?: number;
  readonly milliseconds?: number;
  readonly onFile?: (seed: number) => void;
  readonly onOutcome?: (outcome: Outcome) => void;
  readonly onFinding?: (finding: Finding) => void;
  readonly importOptions?: ImportOptions;
}

export interface FuzzReport {
  readonly count: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly findings: readonly Finding[];
  readonly slowest: { readonly seed: number; readonly milliseconds: number };
}

/** Milliseconds of processor time: a file that takes more is a finding. The clock goes on while others compute. */
export const slow = 8000;
/** Processor time of this process so far, in milliseconds. */
export const processorTime = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const maxElements = 1 << 18;

export async function fuzz({
  models,
  seed,
  count = Infinity,
  milliseconds = Infinity,
  onFile,
  onOutcome,
  onFinding,
  importOptions,
}: FuzzOptions): Promise<FuzzReport> {
  const outcomes = {
    'refused as bytes': 0,
    'refused as a model': 0,
    'refused when run': 0,
    ran: 0,
  };
  const findings: Finding[] = [];
  let slowest = { seed, milliseconds: 0 };
  const sandbox = await makeSandbox();
  const started = performance.now();
  let done = 0;
  for (; done < count && performance.now() - started < milliseconds; done++) {
    const own = seed + done;
    onFile?.(own);
    const bytes = fileOf(models, own);
    const begun = processorTime();
    let problem: string | undefined;
    try {
      const outcome = await outcomeOf(bytes, { sandbox, ...(importOptions && { importOptions }) });
      outcomes[outcome] += 1;
      onOutcome?.(outcome);
    } catch (error) {
      problem =
        error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error);
    }
    const took = processorTime() - begun;
    if (took > slowest.milliseconds) slowest = { seed: own, milliseconds: took };
    if (took > slow) problem ??= `took ${took.toFixed(0)} ms`;
    if (problem !== undefined) {
      const finding = { seed: own, problem, bytes };
      findings.push(finding);
      onFinding?.(finding);
    }
  }
  await sandbox.remove();
  return { count: done, outcomes, findings, slowest };
}

/** The file of a seed. */
export function fileOf(models: readonly ModelProto[], seed: number): Uint8Array {
  const draw = new Draw(seed);
  const model = draw.pick(models);
  if (draw.chance(0.3)) return mutateBytes(encodeModel(model), draw);
  try {
    return encodeModel(mutateModel(model, draw));
  } catch (error) {
    // What the encoder refuses is no file.
    if (error instanceof OnnxFormatError) return encodeModel(model);
    throw error;
  }
}

export interface TryOptions {
  readonly importOptions?: ImportOptions;
  /** Where files with external data are written and read. */
  readonly sandbox?: Sandbox;
  /** Told why a file is refused. */
  readonly onError?: (error: unknown) => void;
}

/** What a file comes to. Throws what no file may cause. */
export async function outcomeOf(
  bytes: Uint8Array,
  { importOptions, sandbox, onError }: TryOptions = {},
): Promise<Outcome> {
  const refused = (error: unknown): boolean => {
    onError?.(error);
    return error instanceof OnnxFormatError || error instanceof HebbError;
  };
  let proto: ModelProto;
  try {
    proto = decodeModel(bytes);
  } catch (error) {
    if (refused(error)) return 'refused as bytes';
    throw error;
  }
  let model: OnnxModel;
  try {
    if (sandbox !== undefined && [...tensorsOf(proto)].some(isExternal)) {
      proto = await readBeside(bytes, sandbox);
    }
    model = importOnnx(proto, { maxElements, ...importOptions });
  } catch (error) {
    if (refused(error)) return 'refused as a model';
    throw error;
  }
  inferShapes(model);
  try {
    await model.runValues(inputsOf(model), { timeoutMs: 100 });
    return 'ran';
  } catch (error) {
    if (refused(error)) return 'refused when run';
    throw error;
  }
}

async function readBeside(bytes: Uint8Array, sandbox: Sandbox): Promise<ModelProto> {
  await writeFile(sandbox.model, bytes);
  const proto = await readModelFile(sandbox.model);
  for (const { rawData, name = '' } of tensorsOf(proto)) {
    if (rawData !== undefined && sandbox.leaked(rawData)) {
      throw new Error(`${name} holds bytes from outside of the folder`);
    }
  }
  return proto;
}

/** Inputs that fit the declarations, as far as these are small. */
function inputsOf(model: OnnxModel): Record<string, RunInput> {
  const inputs: Record<string, RunInput> = {};
  for (const { name, kind, dtype = 'float32', shape = [] } of model.inputs) {
    if (kind !== 'tensor' && kind !== 'unknown') continue;
    const dims = shape.map((dim) => (typeof dim === 'number' ? dim : 2));
    const size = dims.reduce((a, b) => a * b, 1);
    if (!(size >= 0 && size <= maxElements) || dims.some((dim) => dim < 0)) continue;
    if (isDType(dtype)) inputs[name] = numbers(dtype, dims, size);
    else if (dtype === 'string') {
      inputs[name] = { dtype, shape: dims, data: new Array<string>(size).fill('a') };
    }
  }
  return inputs;
}

const numbers = (dtype: DType, shape: readonly number[], size: number) =>
  tensor(
    Float64Array.from({ length: size }, (_, i) => i % 3),
    { dtype, shape },
  );
