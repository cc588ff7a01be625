/** Every layer exported and run in ONNX Runtime beside Hebb. */
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed } from '@hebb/core';
import { drawInputs } from '@hebb/conformance';
import { toOnnx } from '@hebb/onnx';
import { onnxRuntime, verifyOnnx } from '@hebb/onnx/node';
import type { Runtime } from '@hebb/onnx';
import { catalogue } from './catalogue.ts';
import type { Entry } from './catalogue.ts';

let runtime: Runtime;
beforeAll(async () => {
  await init(cpu());
  runtime = await onnxRuntime();
});

async function verify({ make, inputs }: Entry): Promise<void> {
  manualSeed(3);
  const layer = make();
  const given = Object.fromEntries(drawInputs(inputs).map((x, i) => [`x${i}`, x]));
  const input = Object.fromEntries(
    Object.entries(given).map(([name, { shape, dtype }]) => [name, { shape, dtype }]),
  );
  const bytes = await toOnnx(layer, { input });
  const report = await verifyOnnx(bytes, layer, { runtime, cases: [given] });
  expect(report.cases[0]!.outputs.filter(({ ok }) => !ok)).toEqual([]);
}

describe('exported layers give the same in ONNX Runtime', () => {
  it.each(Object.entries(catalogue))('%s', (_, entry) => verify(entry));
});
