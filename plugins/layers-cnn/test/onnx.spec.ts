/** Every layer and small models, exported and run in ONNX Runtime beside Hebb. */
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, treeLeaves } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { drawInputs } from '@hebb/conformance';
import { functional, recordCalls } from '@hebb/nn';
import type { Module } from '@hebb/nn';
import { toOnnx } from '@hebb/onnx';
import type { Runtime } from '@hebb/onnx';
import { onnxRuntime, verifyOnnx } from '@hebb/onnx/node';
import { BatchNorm2d } from '../src/index.ts';
import { catalogue } from './catalogue.ts';
import type { Entry } from './catalogue.ts';
import { small } from './small-models.ts';

let runtime: Runtime;
beforeAll(async () => {
  await init(cpu());
  runtime = await onnxRuntime();
});

/**
 * Gives batch normalisations the statistics of these inputs: as they start, deep models give next to
 * nothing in evaluation, and numbers near zero prove little.
 */
function calibrate(model: Module, inputs: readonly Tensor[]): void {
  const forward = model.forward as (...inputs: readonly Tensor[]) => unknown;
  const { calls } = recordCalls(model, () => forward(...inputs));
  for (const { module, inputs: given } of calls) {
    if (!(module instanceof BatchNorm2d)) continue;
    const [average, spread] = functional.varMean(given[0] as Tensor, [0, 2, 3]).reverse();
    module.runningMean!.value = average!;
    module.runningVar!.value = spread!;
  }
}

/** With the batch's size left open, at two sizes. */
async function verify({ make, inputs }: Pick<Entry, 'make' | 'inputs'>): Promise<void> {
  manualSeed(3);
  const layer = make();
  calibrate(layer, drawInputs(inputs));
  const named = (list: ReturnType<typeof drawInputs>) =>
    Object.fromEntries(list.map((x, i) => [`x${i}`, x]));
  const given = named(drawInputs(inputs));
  const input = Object.fromEntries(
    Object.entries(given).map(([name, { shape, dtype }]) => [
      name,
      { shape: ['batch', ...shape.slice(1)], dtype },
    ]),
  );
  const bytes = await toOnnx(layer, { input });
  const twice = Object.fromEntries(
    Object.entries(given).map(([name, x]) => [
      name,
      x
        .unsqueeze(0)
        .expand([2, ...x.shape])
        .reshape([2 * x.shape[0]!, ...x.shape.slice(1)]),
    ]),
  );
  const report = await verifyOnnx(bytes, layer, { runtime, cases: [given, twice] });
  const wrong = report.cases.flatMap(({ outputs }) => outputs.filter(({ ok }) => !ok));
  expect(wrong).toEqual([]);
  const forward = layer.eval().forward as (...inputs: readonly Tensor[]) => unknown;
  const largest = await treeLeaves(forward(...Object.values(given)))[0]!
    .abs()
    .max()
    .item();
  expect(Number(largest)).toBeGreaterThan(0.01);
}

describe('exported layers give the same in ONNX Runtime', () => {
  it.each(Object.entries(catalogue))('%s', (_, entry) => verify(entry));
});

describe('exported models give the same in ONNX Runtime', () => {
  it.each(Object.entries(small))('%s', (_, [make, input]) => verify({ make, inputs: [input] }));
});
