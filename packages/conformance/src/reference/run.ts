/** Runs reference cases on the current backend. */
import { gradients, isFloat, mul, realize, sum, tensor, Tensor } from '@hebb/core';
import type { DType } from '@hebb/core';
import { Computed, SkipCase } from './case.ts';
import type {
  FamilyTables,
  Outputs,
  ReferenceCase,
  StoredTensor,
  Tensors,
  Tolerance,
} from './case.ts';
import { compareTensor } from './compare.ts';
import type { Mismatch } from './compare.ts';

export type Verdict = 'passed' | 'failed' | 'skipped';

export interface CaseResult {
  readonly family: string;
  readonly case: string;
  readonly op: string;
  readonly verdict: Verdict;
  /** Why it was skipped, or what went wrong. */
  readonly reason?: string;
  readonly mismatches?: readonly Mismatch[];
}

export interface RunOptions {
  /** Float type of inputs and computation; default float64. */
  readonly dtype?: 'float64' | 'float32';
  readonly tables: FamilyTables;
}

/** A stored tensor as the backend gets it: floats in the run's type, integers as int32. */
export function fromStored(stored: StoredTensor, dtype: DType = 'float64'): Tensor {
  const type: DType =
    stored.dtype === 'float64' ? dtype : stored.dtype === 'bool' ? 'bool' : 'int32';
  return tensor(Float64Array.from(stored.data, Number), { shape: stored.shape, dtype: type });
}

function entries<T>(record: { readonly [name: string]: T } | null | undefined): [string, T][] {
  return Object.entries(record ?? {});
}

const named = (outputs: Outputs): Tensors =>
  outputs instanceof Tensor ? { output: outputs } : outputs;
const computed = (result: Outputs | Computed): Computed =>
  result instanceof Computed ? result : new Computed(named(result));

/** Computes one case and compares outputs, loss and gradients. */
export async function runCase(given: ReferenceCase, options: RunOptions): Promise<CaseResult> {
  const { family, case: name, op } = given;
  const result = { family, case: name, op };
  const compute = options.tables[family]?.[op];
  if (compute === undefined) {
    const reason =
      options.tables[family] === undefined
        ? `family ${family} has no table yet`
        : `op ${op} has no entry in the table of ${family}`;
    return { ...result, verdict: 'skipped', reason };
  }
  try {
    const mismatches = await compareCase(given, compute, options.dtype ?? 'float64');
    if (mismatches.length === 0) return { ...result, verdict: 'passed' };
    return { ...result, verdict: 'failed', mismatches };
  } catch (error) {
    if (error instanceof SkipCase) return { ...result, verdict: 'skipped', reason: error.message };
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { ...result, verdict: 'failed', reason };
  }
}

async function compareCase(
  given: ReferenceCase,
  compute: FamilyTables[string][string],
  dtype: 'float64' | 'float32',
): Promise<Mismatch[]> {
  const tensors: Record<string, Tensor> = {};
  for (const [key, stored] of [...entries(given.inputs), ...entries(given.params)]) {
    tensors[key] = fromStored(stored, dtype);
  }
  const result = computed(await compute!(tensors, given.attrs, given, { dtype }));
  const { outputs, tolerances } = result;
  const checks: Check[] = entries(given.outputs).map(([key, want]) => ({
    what: key,
    got: outputs[key],
    want,
    ...(tolerances[key] && { tolerance: tolerances[key] }),
  }));
  checks.push(...lossChecks(given, tensors, result));
  // All in one program, after the gradients are there: a computed tensor forgets where it came from.
  await realize(...checks.flatMap(({ got }) => (got === undefined ? [] : [got])));
  const found: Mismatch[] = [];
  for (const { what, got, want, tolerance = given.tolerance } of checks) {
    const mismatch =
      got === undefined
        ? { what, message: 'was not computed', error: Number.NaN }
        : await compareTensor(what, got, want, tolerance);
    if (mismatch !== undefined) found.push(mismatch);
  }
  return found;
}

interface Check {
  readonly what: string;
  readonly got: Tensor | undefined;
  readonly want: StoredTensor;
  readonly tolerance?: Tolerance;
}

/** The loss and its gradients. */
function lossChecks(
  given: ReferenceCase,
  tensors: Tensors,
  { outputs, grads: own }: Computed,
): Check[] {
  const pairs = entries(given.cotangents).flatMap(([key, stored]) => {
    const output = outputs[key];
    return output === undefined ? [] : [{ output, cotangent: fromStored(stored, output.dtype) }];
  });
  if (pairs.length === 0) {
    // Cases of several steps list the gradients that were used on the way.
    return entries(given.grads).map(([key, want]) => ({
      what: `grad ${key}`,
      got: own[key],
      want,
    }));
  }
  if (given.loss === null) return [];
  const checks: Check[] = [];
  if (given.loss_value !== null) {
    const loss = pairs
      .map(({ output, cotangent }) => sum(mul(output, cotangent)))
      .reduce((a, b) => a.add(b));
    const want: StoredTensor = { shape: [], dtype: 'float64', data: [given.loss_value] };
    checks.push({ what: 'loss', got: loss, want });
  }
  const wanted = entries(given.grads);
  const sources = wanted.map(([key]) => tensors[key]);
  const present = sources.filter((x) => x !== undefined);
  const differentiable = pairs.filter(({ output }) => isFloat(output.dtype));
  const grads = gradients(
    differentiable.map(({ output }) => output),
    present,
    { cotangents: differentiable.map(({ cotangent }) => cotangent) },
  );
  wanted.forEach(([key, want], i) => {
    const source = sources[i];
    const got = source === undefined ? undefined : grads[present.indexOf(source)];
    checks.push({ what: `grad ${key}`, got, want });
  });
  return checks;
}
