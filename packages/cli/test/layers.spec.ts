/** Every layer of every package leaves as ONNX that ONNX Runtime takes, and comes back the same. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { drawInputs } from '@hebb/conformance';
import { init, manualSeed } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Module } from '@hebb/nn';
import { importOnnx, toOnnx } from '@hebb/onnx';
import type { Exportable, Runtime } from '@hebb/onnx';
import { onnxRuntime, verifyOnnx } from '@hebb/onnx/node';
import { cases, notCalled, opsetsFrom, packages, tooLarge } from './fixtures/layers.ts';
import type { LayerCase } from './fixtures/layers.ts';

let runtime: Runtime;
beforeAll(async () => {
  await init(cpu());
  runtime = await onnxRuntime();
});

function prepared({ make, inputs, call }: LayerCase) {
  manualSeed(3);
  const layer = make().eval();
  const given = Object.fromEntries(drawInputs(inputs).map((x, i) => [`x${i}`, x]));
  const input = Object.fromEntries(
    Object.entries(given).map(([name, { shape, dtype }]) => [name, { shape, dtype }]),
  );
  const model: Exportable =
    call === undefined ? layer : (...tensors: Tensor[]) => call(layer, tensors);
  return { layer, model, given, input };
}

const oldest = 13;
/** Newest that onnxruntime-web has all operators of, and newest that is written. */
const judged = 23;
const newest = 28;

describe.each(Object.entries(cases))('%s', (name, entry) => {
  const from = opsetsFrom[name] ?? oldest;

  it(`runs in ONNX Runtime at opsets ${from} and ${judged}`, async () => {
    for (const opset of [from, judged]) {
      const { model, given, input } = prepared(entry);
      const report = await verifyOnnx(await toOnnx(model, { input, opset }), model, {
        runtime,
        cases: [given],
      });
      expect(report.cases[0]!.outputs.filter(({ ok }) => !ok)).toEqual([]);
    }
  });

  it('is the same file after coming back', async () => {
    for (const opset of [18, newest]) {
      const { model, input } = prepared(entry);
      const again = async (file: Uint8Array): Promise<Uint8Array> =>
        toOnnx(importOnnx(file), { input, opset });
      // What can be worked out beforehand is, on the first way round.
      const settled = await again(await again(await toOnnx(model, { input, opset })));
      expect(Buffer.compare(await again(settled), settled)).toBe(0);
    }
  });
});

describe('no layer is left out', () => {
  const tried = new Set(
    Object.values(cases).flatMap(({ make }) =>
      make()
        .modules()
        .map(({ constructor }) => constructor),
    ),
  );
  it.each(Object.entries(packages))('of %s', (_, exports) => {
    const missing = Object.entries(exports).filter(
      ([name, value]) =>
        typeof value === 'function' &&
        value.prototype instanceof Module &&
        !tried.has(value) &&
        ![...notCalled, ...tooLarge].includes(name),
    );
    expect(missing.map(([name]) => name)).toEqual([]);
  });

  it('and no package of layers', () => {
    const folder = fileURLToPath(new URL('../../../plugins/', import.meta.url));
    const found = readdirSync(folder).filter((name) => name.startsWith('layers-'));
    expect(found.filter((name) => !(name in packages))).toEqual([]);
  });
});
