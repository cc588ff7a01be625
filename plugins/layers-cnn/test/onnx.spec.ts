/** Every layer and small models, exported and run in ONNX Runtime beside Hebb. */
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed } from '@hebb/core';
import { drawInputs } from '@hebb/conformance';
import { toOnnx } from '@hebb/onnx';
import type { Runtime } from '@hebb/onnx';
import { onnxRuntime, verifyOnnx } from '@hebb/onnx/node';
import { catalogue } from './catalogue.ts';
import type { Entry } from './catalogue.ts';
import { small } from './small-models.ts';

let runtime: Runtime;
beforeAll(async () => {
  await init(cpu());
  runtime = await onnxRuntime();
});

/** With the batch's size left open, at two sizes. */
async function verify({ make, inputs }: Pick<Entry, 'make' | 'inputs'>): Promise<void> {
  manualSeed(3);
  const layer = make();
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
}

describe('exported layers give the same in ONNX Runtime', () => {
  it.each(Object.entries(catalogue))('%s', (_, entry) => verify(entry));
});

describe('exported models give the same in ONNX Runtime', () => {
  it.each(Object.entries(small))(
    '%s',
    (_, [make, input]) => verify({ make, inputs: [input] }),
    30_000,
  );
});
