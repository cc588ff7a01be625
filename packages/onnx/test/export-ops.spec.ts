/**
 * Every sample of every op record, exported alone and run in ONNX Runtime beside Hebb. The other runtime
 * reads a file that it did not write, so operators, attributes and types must be as the standard has them.
 */
import { cpu } from '@hebb/backend-cpu';
import { init, primitives } from '@hebb/core';
import type { Op, Tensor } from '@hebb/core';
import { operators } from '@hebb/ops';
import { OnnxExportError, toOnnx, verifyModel } from '../src/index.ts';
import type { Runtime } from '../src/index.ts';
import { onnxRuntime } from '../src/node.ts';
import { sampleCall } from './samples.ts';

/** Ops that the standard has no form for, with the first opset that does. */
const without: Readonly<Record<string, string>> = {
  randomBits: 'ONNX has random numbers, but no counter-based generator whose bits could agree',
  bitcast: 'ONNX has BitCast from opset 26 on, which onnxruntime-web does not read yet',
};

let runtime: Runtime;
beforeAll(async () => {
  await init(cpu());
  runtime = await onnxRuntime();
});

async function check(op: Op, opset: number): Promise<void> {
  for (const sample of op.samples) {
    // Random bits have no form (see below).
    if (Number(sample.attrs?.['dropout'] ?? 0) > 0) continue;
    const { inputs, call } = sampleCall(op, sample);
    const fn = (...given: Tensor[]): Tensor[] => call(given);
    const input = Object.fromEntries(
      inputs.map(({ shape, dtype }, i) => [`x${i}`, { shape, dtype }]),
    );
    const bytes = await toOnnx(fn, { input, opset });
    const given = Object.fromEntries(inputs.map((x, i) => [`x${i}`, x]));
    const report = await verifyModel(bytes, fn, {
      runtime,
      cases: [given],
      rtol: 1e-3,
      atol: 1e-5,
    });
    // Named in the message: samples of one op share a test.
    expect({ sample, outputs: report.cases[0]!.outputs.filter(({ ok }) => !ok) }).toEqual({
      sample,
      outputs: [],
    });
  }
}

const all: readonly Op[] = [...primitives, ...operators];

describe('every op in ONNX Runtime at opset 18', () => {
  const exported = all.filter((op) => !Object.hasOwn(without, op.name) && op.samples.length > 0);
  it.each(exported.map((op) => [op.name, op] as const))('%s', (_, op) => check(op, 18));

  it.each(Object.entries(without))('%s is refused: %s', async (name) => {
    const op = primitives.find((record) => record.name === name)!;
    await expect(check(op, 18)).rejects.toThrow(OnnxExportError);
  });
});

describe('operators that changed between opsets', () => {
  const names = [
    'sum',
    'prod',
    'max',
    'reshape',
    'softmax',
    'layerNorm',
    'batchNorm',
    'conv2d',
    'gelu',
    'scaledDotProductAttention',
    'rotaryEmbedding',
    'rmsNorm',
  ];
  const chosen = all.filter((op) => names.includes(op.name));
  const cases = [13, 15, 17, 20, 21, 23].flatMap((opset) =>
    chosen.map((op) => [op.name, opset, op] as const),
  );
  // Reshaping to an empty tensor needs `allowzero`, which came with opset 14.
  const possible = cases.filter(([name, opset]) => name !== 'reshape' || opset > 13);
  it.each(possible)('%s at opset %d', (_, opset, op) => check(op, opset));
});
