/** Runs the same inputs through an exported file elsewhere and through the model here. */
import { HebbError, compile, treeLeaves } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Module, withMode } from '@hebb/nn';
import type { TensorData } from '../codec/tensor.ts';
import { isTensor } from '../codec/value.ts';
import { toOnnxValue } from '../import/convert.ts';
import { OnnxModel } from '../import/model.ts';
import type { Exportable } from '../export/export.ts';
import { compareTensors } from './compare.ts';
import type { Comparison, Tolerance } from './compare.ts';
import type { Runtime } from './runtime.ts';

export interface VerifyOptions extends Partial<Tolerance> {
  /** The runtime to compare with, as `onnxRuntime()` gives it. */
  readonly runtime: Runtime;
  /** Inputs by name, one record a case. */
  readonly cases: readonly Readonly<Record<string, Tensor>>[];
}

export interface VerifiedOutput extends Comparison {
  readonly name: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly runtime: string;
  /** Largest absolute difference over all outputs of all cases. */
  readonly maxError: number;
  readonly cases: readonly { readonly ok: boolean; readonly outputs: readonly VerifiedOutput[] }[];
}

/**
 * Compares an exported model in another runtime with the module, function or imported model it stands
 * for. Tolerances default to rtol 1e-3 and atol 1e-5.
 */
export async function verifyModel(
  bytes: Uint8Array,
  model: Exportable | OnnxModel,
  { runtime, cases, rtol = 1e-3, atol = 1e-5, scale }: VerifyOptions,
): Promise<VerifyReport> {
  const session = await runtime.load(bytes);
  try {
    const reports: { ok: boolean; outputs: VerifiedOutput[] }[] = [];
    for (const inputs of cases) {
      const elsewhere: Record<string, TensorData> = {};
      for (const [name, x] of Object.entries(inputs)) elsewhere[name] = await read(x);
      const expected = await here(model, inputs);
      const actual = await session.run(elsewhere);
      const outputs: VerifiedOutput[] = [];
      for (const [i, name] of session.outputNames.entries()) {
        const wanted = expected[i];
        if (wanted === undefined) throw new HebbError(`gives no output ${name}`, { op: 'verify' });
        const result = compareTensors(actual[name]!, await read(wanted), {
          rtol,
          atol,
          ...(scale === undefined ? {} : { scale }),
        });
        outputs.push({ name, ...result });
      }
      reports.push({ ok: outputs.every((output) => output.ok), outputs });
    }
    const errors = reports.flatMap((report) => report.outputs.map((output) => output.maxError));
    return {
      ok: reports.every((report) => report.ok),
      runtime: runtime.name,
      maxError: Math.max(0, ...errors),
      cases: reports,
    };
  } finally {
    await session.release();
  }
}

async function here(
  model: Exportable | OnnxModel,
  inputs: Readonly<Record<string, Tensor>>,
): Promise<Tensor[]> {
  if (model instanceof OnnxModel) {
    const results = await model.run(inputs);
    return model.outputs.map(({ name }) => results[name]!);
  }
  const args = Object.values(inputs);
  if (!(model instanceof Module)) return treeLeaves(await compile(model)(...args));
  const forward = model.forward as (...args: Tensor[]) => unknown;
  // Evaluation mode is read while the graph is traced, which happens within the call.
  const evaluated = compile((...given: Tensor[]) =>
    withMode(model, false, () => forward(...given)),
  );
  return treeLeaves(await evaluated(...args));
}

async function read(x: Tensor): Promise<TensorData> {
  const value = await toOnnxValue(x);
  if (!isTensor(value)) throw new HebbError('is no tensor', { op: 'verify' });
  return value;
}
