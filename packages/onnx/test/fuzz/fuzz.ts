/**
 * Broken models by the thousand: whatever the file, the outcome is a result or a named error, in bounded
 * time and memory.
 */
import { HebbError, isDType, tensor } from '@hebb/core';
import type { DType } from '@hebb/core';
import {
  OnnxFormatError,
  decodeModel,
  encodeModel,
  importOnnx,
  inferShapes,
} from '../../src/index.ts';
import type { ModelProto, OnnxModel, RunInput } from '../../src/index.ts';
import { Draw } from './draw.ts';
import { mutateBytes, mutateModel } from './mutate.ts';

export type Outcome = 'refused as bytes' | 'refused as a model' | 'refused when run' | 'ran';

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
  readonly onFinding?: (finding: Finding) => void;
}

export interface FuzzReport {
  readonly count: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly findings: readonly Finding[];
  readonly slowest: { readonly seed: number; readonly milliseconds: number };
}

/** A file that takes longer is a finding. */
const slow = 8000;
const maxElements = 1 << 18;

export async function fuzz({
  models,
  seed,
  count = Infinity,
  milliseconds = Infinity,
  onFinding,
}: FuzzOptions): Promise<FuzzReport> {
  const outcomes = {
    'refused as bytes': 0,
    'refused as a model': 0,
    'refused when run': 0,
    ran: 0,
  };
  const findings: Finding[] = [];
  let slowest = { seed, milliseconds: 0 };
  const started = performance.now();
  let done = 0;
  for (; done < count && performance.now() - started < milliseconds; done++) {
    const own = seed + done;
    const bytes = fileOf(models, own);
    const begun = performance.now();
    let problem: string | undefined;
    try {
      outcomes[await outcomeOf(bytes)] += 1;
    } catch (error) {
      problem =
        error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error);
    }
    const took = performance.now() - begun;
    if (took > slowest.milliseconds) slowest = { seed: own, milliseconds: took };
    if (took > slow) problem ??= `took ${took.toFixed(0)} ms`;
    if (problem !== undefined) {
      const finding = { seed: own, problem, bytes };
      findings.push(finding);
      onFinding?.(finding);
    }
  }
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

const named = (error: unknown): boolean =>
  error instanceof OnnxFormatError || error instanceof HebbError;

async function outcomeOf(bytes: Uint8Array): Promise<Outcome> {
  let proto: ModelProto;
  try {
    proto = decodeModel(bytes);
  } catch (error) {
    if (error instanceof OnnxFormatError) return 'refused as bytes';
    throw error;
  }
  let model: OnnxModel;
  try {
    model = importOnnx(proto, { maxElements });
  } catch (error) {
    if (named(error)) return 'refused as a model';
    throw error;
  }
  inferShapes(model);
  try {
    await model.runValues(inputsOf(model), { timeoutMs: 500 });
    return 'ran';
  } catch (error) {
    if (named(error)) return 'refused when run';
    throw error;
  }
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
