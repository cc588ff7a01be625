/**
 * Runs folders in the format of the ONNX test suite: `model.onnx` beside `test_data_set_N` with
 * `input_K.pb` and `output_K.pb`. One bad case never stops the rest.
 */
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { OnnxFormatError } from '../codec/errors.ts';
import type { OnnxValue } from '../codec/value.ts';
import { decodeValue, isTensor } from '../codec/value.ts';
import { readModelFile } from '../files.ts';
import { OnnxImportError } from '../import/error.ts';
import { OnnxModel } from '../import/model.ts';
import type { Program } from '../import/program.ts';
import { compareValues, modelTolerance, suiteTolerance } from './compare.ts';
import type { Tolerance } from './compare.ts';

export type CaseStatus = 'passed' | 'failed' | 'skipped';

export interface CaseResult {
  /** Folder name; with the data set's number where there are several. */
  readonly name: string;
  readonly folder: string;
  readonly dataSet: string;
  readonly status: CaseStatus;
  /** Why it failed or was skipped. */
  readonly reason?: string;
  /** The operators the model is made of; the one at fault where that is known. */
  readonly operator: string;
  /** Largest absolute difference over all outputs, where there were numbers to compare. */
  readonly maxError?: number;
  readonly milliseconds: number;
}

export interface CheckOptions {
  readonly onResult?: (result: CaseResult) => void;
  readonly tolerance?: Tolerance;
  /** A case that takes longer counts as failed. Default a minute. */
  readonly timeoutMs?: number;
  /** Cases whose name this accepts are checked; all by default. */
  readonly filter?: (name: string) => boolean;
}

export interface CheckSummary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly results: readonly CaseResult[];
}

/** Checks every case in and below the folders, on the current backend. */
export async function checkFolders(
  folders: readonly string[],
  options: CheckOptions = {},
): Promise<CheckSummary> {
  const results: CaseResult[] = [];
  for (const folder of folders) {
    for await (const found of caseFolders(folder, 0)) {
      if (options.filter !== undefined && !options.filter(basename(found))) continue;
      for (const result of await checkCase(found, options)) {
        results.push(result);
        options.onResult?.(result);
      }
    }
  }
  const count = (status: CaseStatus) => results.filter((r) => r.status === status).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped'), results };
}

/** Links are not followed, and nesting is bounded, so that a cycle of folders cannot trap the walk. */
const maxNesting = 16;

async function* caseFolders(folder: string, depth: number): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  if (entries.some((entry) => entry.isFile() && entry.name === 'model.onnx')) {
    yield folder;
    return;
  }
  if (depth >= maxNesting) return;
  const inner = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  for (const name of inner.sort()) yield* caseFolders(join(folder, name), depth + 1);
}

async function checkCase(folder: string, options: CheckOptions): Promise<CaseResult[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const sets = entries
    .filter((entry) => entry.isDirectory() && entry.name.startsWith('test_data_set'))
    .map((entry) => entry.name)
    .sort(byNumber);
  const name = basename(folder);
  const started = performance.now();
  let model: OnnxModel;
  let operators = '';
  try {
    const proto = await readModelFile(join(folder, 'model.onnx'));
    operators = summary(proto.graph?.node.map((node) => node.opType ?? '') ?? []);
    model = new OnnxModel(proto);
  } catch (error) {
    return [outcome({ name, folder, dataSet: '', operator: operators }, error, started)];
  }
  if (sets.length === 0) {
    const operator = operators;
    return [
      {
        name,
        folder,
        dataSet: '',
        operator,
        status: 'skipped',
        reason: 'no test data',
        milliseconds: 0,
      },
    ];
  }
  const timeoutMs = options.timeoutMs ?? 60_000;
  const results: CaseResult[] = [];
  for (const dataSet of sets) {
    const label = sets.length === 1 ? name : `${name}/${dataSet}`;
    const head = { name: label, folder, dataSet, operator: operators };
    const begun = performance.now();
    try {
      const run = runDataSet(
        model,
        join(folder, dataSet),
        options.tolerance ?? defaultTolerance(model),
        timeoutMs,
      );
      const found = await withTimeout(run, timeoutMs);
      results.push({ ...head, ...found, milliseconds: performance.now() - begun });
    } catch (error) {
      results.push(outcome(head, error, begun));
    }
  }
  return results;
}

/** Cases of single operators have a handful of nodes. */
const networkSize = 8;

function defaultTolerance(model: OnnxModel): Tolerance {
  return model.program.nodes.length > networkSize ? modelTolerance : suiteTolerance;
}

async function runDataSet(
  model: OnnxModel,
  folder: string,
  tolerance: Tolerance,
  timeoutMs: number,
): Promise<Pick<CaseResult, 'status' | 'reason' | 'maxError'>> {
  const files = await readdir(folder);
  const inputFiles = files.filter((file) => /^input_\d+\.pb$/.test(file)).sort(byNumber);
  const outputFiles = files.filter((file) => /^output_\d+\.pb$/.test(file)).sort(byNumber);
  const infos =
    inputFiles.length > model.inputs.length
      ? model.program.inputInfo
      : model.program.inputInfo.filter((info) => model.program.inputs.includes(info.name ?? ''));
  const inputs: Record<string, OnnxValue> = {};
  for (const file of inputFiles) {
    const info = infos[numberOf(file)];
    if (info?.name === undefined) throw new OnnxFormatError(`${file}: the model has no such input`);
    inputs[info.name] = decodeValue(await readFile(join(folder, file)), info.type ?? {});
  }
  const outputs = await model.runValues(inputs, { timeoutMs });
  const random = drawsNumbers(model.program);
  let drawn = false;
  let maxError = 0;
  const problems: string[] = [];
  for (const file of outputFiles) {
    const info = model.program.outputInfo[numberOf(file)];
    if (info?.name === undefined)
      throw new OnnxFormatError(`${file}: the model has no such output`);
    const expected = decodeValue(await readFile(join(folder, file)), info.type ?? {});
    const result = compareValues(outputs[info.name]!, expected, tolerance);
    if (!result.ok && random && sameType(outputs[info.name]!, expected)) {
      drawn = true;
      continue;
    }
    maxError = Math.max(maxError, result.maxError);
    if (!result.ok) {
      problems.push(
        `output ${info.name}: ${result.reason ?? `differs by ${show(result.maxError)}`}`,
      );
    }
  }
  if (problems.length === 0 && drawn) {
    return { status: 'passed', reason: 'draws random numbers: types and shapes agree' };
  }
  return problems.length === 0
    ? { status: 'passed', maxError }
    : { status: 'failed', reason: problems.join('; '), maxError };
}

/** No two implementations draw the same numbers. */
const randomOperators = new Set(
  'RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial Dropout'.split(
    ' ',
  ),
);

function drawsNumbers(program: Program): boolean {
  return program.nodes.some(
    ({ op, body, graphs }) =>
      randomOperators.has(op) ||
      (body.kind === 'function' && drawsNumbers(body.program)) ||
      [...graphs.values()].some(drawsNumbers),
  );
}

function sameType(a: OnnxValue, b: OnnxValue): boolean {
  if (!isTensor(a) || !isTensor(b)) return false;
  return a.dtype === b.dtype && a.shape.join() === b.shape.join();
}

type Head = Pick<CaseResult, 'name' | 'folder' | 'dataSet' | 'operator'>;

/** Only what the bridge does not support at all is skipped; everything else that stops a case fails it. */
function outcome(head: Head, error: unknown, started: number): CaseResult {
  const skipped = error instanceof OnnxImportError && error.kind === 'unsupported';
  const message = error instanceof Error ? error.message : String(error);
  return {
    ...head,
    operator: error instanceof OnnxImportError ? error.op : head.operator,
    status: skipped ? 'skipped' : 'failed',
    reason: message,
    milliseconds: performance.now() - started,
  };
}

async function withTimeout<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`took longer than ${milliseconds} ms`)),
      milliseconds,
    );
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Distinct operator names, the rarest first: that is what a case is about. */
function summary(operators: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const op of operators) counts.set(op, (counts.get(op) ?? 0) + 1);
  const names = [...counts].sort((a, b) => a[1] - b[1]).map(([op]) => op);
  return names.slice(0, 4).join(', ') + (names.length > 4 ? ', ...' : '');
}

const show = (error: number): string =>
  Number.isFinite(error) ? error.toPrecision(3) : 'NaN or infinity';
const numberOf = (name: string): number => Number(/(\d+)(?:\.pb)?$/.exec(name)?.[1] ?? 0);
const byNumber = (a: string, b: string): number => numberOf(a) - numberOf(b);
