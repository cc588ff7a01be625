/** Runs test cases and says of each whether it passed. One bad case never stops the rest. */
import type { GraphProto } from '../codec/types.ts';
import { OnnxImportError } from '../import/error.ts';
import { OnnxModel } from '../import/model.ts';
import type { ImportOptions } from '../import/model.ts';
import type { TestCase, TestSet } from './case.ts';
import { compareValues, modelTolerance, suiteTolerance } from './compare.ts';
import type { Tolerance } from './compare.ts';
import { compareDraws, drawsNumbers } from './draws.ts';
import { exceptions } from './exceptions.ts';
import { findCases } from './find.ts';

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
  /** Every kind of operator in the model, with its domain where it is not ai.onnx. */
  readonly operators: readonly string[];
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
  /** How the models are imported: operators of your own, decoders of pictures. */
  readonly importOptions?: ImportOptions;
}

export interface CheckSummary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly results: readonly CaseResult[];
}

/** Checks every case in and below the folders, or in the files, on the current backend. */
export async function checkFolders(
  paths: readonly string[],
  options: CheckOptions = {},
): Promise<CheckSummary> {
  const results: CaseResult[] = [];
  for (const path of paths) {
    for await (const found of findCases(path)) {
      if (options.filter !== undefined && !options.filter(found.name)) continue;
      for (const result of await checkCase(found, options)) {
        results.push(result);
        options.onResult?.(result);
      }
    }
  }
  const count = (status: CaseStatus) => results.filter((r) => r.status === status).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped'), results };
}

async function checkCase(found: TestCase, options: CheckOptions): Promise<CaseResult[]> {
  const { name, folder, sets } = found;
  const started = performance.now();
  const listed = exceptions.find((entry) => entry.case === name);
  let model: OnnxModel;
  let operator = '';
  let operators: readonly string[] = [];
  try {
    const proto = await found.model();
    operator = summary(proto.graph?.node.map((node) => node.opType ?? '') ?? []);
    operators = [...new Set(operatorsOf(proto.graph))];
    const head = {
      name,
      folder,
      dataSet: '',
      operator,
      operators,
      status: 'skipped',
      milliseconds: 0,
    } as const;
    if (listed !== undefined) return [{ ...head, reason: listed.reason }];
    if (sets.length === 0) return [{ ...head, reason: 'no test data' }];
    model = new OnnxModel(proto, options.importOptions);
  } catch (error) {
    return [outcome({ name, folder, dataSet: '', operator, operators }, error, started)];
  }
  const timeoutMs = options.timeoutMs ?? 60_000;
  const results: CaseResult[] = [];
  for (const set of sets) {
    const label = sets.length === 1 ? name : `${name}/${set.name}`;
    const head = { name: label, folder, dataSet: set.name, operator, operators };
    const begun = performance.now();
    try {
      const tolerance = options.tolerance ?? defaultTolerance(model);
      const run = runSet(model, set, tolerance, timeoutMs);
      const result = await withTimeout(run, timeoutMs);
      results.push({ ...head, ...result, milliseconds: performance.now() - begun });
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

async function runSet(
  model: OnnxModel,
  set: TestSet,
  tolerance: Tolerance,
  timeoutMs: number,
): Promise<Pick<CaseResult, 'status' | 'reason' | 'maxError'>> {
  const { inputs, outputs: wanted } = await set.read(model);
  const outputs = await model.runValues(inputs, { timeoutMs });
  const random = drawsNumbers(model.program);
  let drawn = false;
  let maxError = 0;
  const problems: string[] = [];
  for (const [name, expected] of Object.entries(wanted)) {
    const actual = outputs[name]!;
    let result = compareValues(actual, expected, tolerance);
    if (!result.ok && random) {
      result = compareDraws(actual, expected);
      drawn = true;
    } else maxError = Math.max(maxError, result.maxError);
    if (!result.ok) {
      problems.push(`output ${name}: ${result.reason ?? `differs by ${show(result.maxError)}`}`);
    }
  }
  if (problems.length > 0) return { status: 'failed', reason: problems.join('; '), maxError };
  return drawn
    ? { status: 'passed', reason: 'draws random numbers: types, shapes and statistics agree' }
    : { status: 'passed', maxError };
}

type Head = Pick<CaseResult, 'name' | 'folder' | 'dataSet' | 'operator' | 'operators'>;

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

function* operatorsOf(graph: GraphProto | undefined): Generator<string> {
  for (const { opType = '', domain = '', attribute } of graph?.node ?? []) {
    yield domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`;
    for (const { g } of attribute) yield* operatorsOf(g);
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
