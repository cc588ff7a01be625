/** Export as the operator LSTM, judged by ONNX Runtime, and back in. */
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, random, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Linear, Module } from '@hebb/nn';
import { decodeModel, importOnnx, toOnnx, verifyModel } from '@hebb/onnx';
import { onnxRuntime } from '@hebb/onnx/node';
import { LSTM } from '../src/index.ts';

class Tagger extends Module {
  readonly lstm = new LSTM(3, 4, { numLayers: 2, bidirectional: true, batchFirst: true });
  readonly fc = new Linear(8, 2);

  forward(x: Tensor, lengths: Tensor): Tensor[] {
    const [y, [h, c]] = this.lstm.forward(x, undefined, { lengths });
    return [this.fc.forward(y), h, c];
  }
}

const operators = (bytes: Uint8Array): string[] =>
  decodeModel(bytes).graph!.node.map(({ opType }) => opType ?? '');

beforeAll(async () => {
  await init(cpu());
});

it('a bidirectional two-layer LSTM with lengths agrees in ONNX Runtime', async () => {
  manualSeed(7);
  const model = new Tagger().eval();
  const run = (x: Tensor, lengths: Tensor): Tensor[] => model.forward(x, lengths);
  const bytes = await toOnnx(run, {
    input: {
      x: { shape: ['batch', 'steps', 3], dtype: 'float32' },
      lengths: { shape: ['batch'], dtype: 'int32' },
    },
  });
  const cases = [
    [2, 5, [5, 3]],
    [3, 4, [1, 4, 2]],
  ].map(([batch, steps, lengths]) => ({
    x: random.normal(random.key(Number(steps)), [Number(batch), Number(steps), 3]),
    lengths: tensor(Int32Array.from(lengths as number[])),
  }));
  const report = await verifyModel(bytes, run, {
    runtime: await onnxRuntime(),
    cases,
    rtol: 1e-4,
    atol: 1e-5,
  });
  expect(report.cases.flatMap(({ outputs }) => outputs.filter(({ ok }) => !ok))).toEqual([]);
  expect(operators(bytes).filter((name) => name === 'LSTM')).toHaveLength(2);
  expect(operators(bytes)).not.toContain('Scan');

  // Read back it gives the same and is written as the operator again.
  const back = importOnnx(bytes);
  const again = await toOnnx(back, {
    input: { x: { shape: [2, 5, 3] }, lengths: { shape: [2], dtype: 'int32' } },
  });
  expect(operators(again).filter((name) => name === 'LSTM')).toHaveLength(2);
  const second = await verifyModel(again, run, {
    runtime: await onnxRuntime(),
    cases: cases.slice(0, 1),
    rtol: 1e-4,
    atol: 1e-5,
  });
  expect(second.cases.flatMap(({ outputs }) => outputs.filter(({ ok }) => !ok))).toEqual([]);
});
