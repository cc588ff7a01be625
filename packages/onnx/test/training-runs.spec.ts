/**
 * Whole training runs by ONNX Runtime: graphs with their gradients, start weights, batches, losses and
 * final weights. They must come out the same, through the gradients in the file and through ours.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { compile, init, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { readNpz } from '@hebb/data';
import type { NDArray } from '@hebb/data';
import { crossEntropy } from '@hebb/ops';
import { SGD } from '@hebb/train';
import { importOnnx, makeValueInfo, tensorToProto } from '../src/index.ts';
import { importOnnxFile, readModelFile } from '../src/node.ts';

const root = fileURLToPath(new URL('../../../../shared/data/training-runs/', import.meta.url));
// The data folder lies beside the repository.
const withData = existsSync(root) ? it : it.skip;

beforeAll(async () => {
  await init(cpu());
});

const arrays = (file: string): Record<string, NDArray> => readNpz(readFileSync(root + file));
const asTensor = ({ data, shape, dtype }: NDArray): Tensor => tensor(data, { shape, dtype });
const tolerance = 1e-5;

async function expectClose(actual: Tensor, wanted: NDArray): Promise<void> {
  expect(actual.shape).toEqual(wanted.shape);
  const got = Array.from(await actual.data(), Number);
  const gap = got.map((value, i) => Math.abs(value - Number(wanted.data[i])));
  expect(Math.max(...gap)).toBeLessThan(tolerance);
}

describe.each(['ConvGrad', 'LayerNormGrad'])('%s', (name) => {
  withData('gives the gradients that were recorded', async () => {
    const model = await importOnnxFile(`${root}${name}/network.onnx`);
    const inputs = Object.entries(arrays(`${name}/inputs.npz`));
    const outputs = Object.entries(arrays(`${name}/outputs.npz`));
    const results = await model.run(
      // The arrays stand in the order of the inputs, under names of their own.
      Object.fromEntries(model.inputs.map((input, i) => [input.name, asTensor(inputs[i]![1])])),
    );
    for (const [i, { name: output }] of model.outputs.entries()) {
      await expectClose(results[output]!, outputs[i]![1]);
    }
  });
});

describe('SimpleMLP', () => {
  const file = (name: string): string => `${root}SimpleMLP/simplemlp_${name}`;
  const batches = (inputs: Record<string, NDArray>): { x: Tensor; label: Tensor }[] =>
    ['', 'mb1_', 'mb2_', 'mb3_'].map((prefix) => ({
      x: asTensor(inputs[`${prefix}arr_0000`]!),
      label: asTensor(inputs[`${prefix}arr_0001`]!),
    }));

  withData('loses and ends as recorded, by the gradients in the file', async () => {
    const train = await importOnnxFile(`${file('train')}/network.onnx`);
    const optimizer = await importOnnxFile(`${file('optimizer')}/network.onnx`);
    const inputs = arrays('SimpleMLP/simplemlp_train/inputs.npz');
    let weights = [asTensor(inputs['arr_0002']!), asTensor(inputs['arr_0003']!)];
    const sums = weights.map((w) => w.mul(0));
    // Each batch is a step: the sums start anew.
    const reset = tensor([true], { dtype: 'bool' });
    const losses: number[] = [];
    for (const { x, label } of batches(inputs)) {
      const given = [x, label, ...weights, ...sums, reset];
      const results = await train.run(byName(train.inputs, given));
      const [loss, ...grads] = train.outputs.map(({ name }) => results[name]!);
      losses.push(Number((await loss!.data())[0]));
      const pairs = weights.flatMap((w, i) => [w, grads[i]!]);
      const updated = await optimizer.run(byName(optimizer.inputs, pairs));
      weights = optimizer.outputs.map(({ name }) => updated[name]!);
    }
    await expectRun(losses, weights);
  });

  withData('loses and ends as recorded, as a trainable module', async () => {
    const { graph, ...rest } = await readModelFile(`${file('train')}/network.onnx`);
    const inputs = arrays('SimpleMLP/simplemlp_train/inputs.npz');
    // The forward part of the graph alone, its weights as initialisers.
    const names = ['fc1_weight', 'fc2_weight'];
    const initializer = names.map((name, i) => {
      const { data, shape } = inputs[`arr_000${2 + i}`]!;
      return tensorToProto({ name, dtype: 'float32', shape, data: data as Float32Array });
    });
    const model = importOnnx({
      ...rest,
      graph: {
        ...graph!,
        node: graph!.node.slice(0, 4),
        input: graph!.input.slice(0, 1),
        output: [makeValueInfo('output', 'float32', [1, 10])],
        initializer,
      },
    });
    expect([...model.namedParameters().keys()]).toEqual(names);
    const optimizer = new SGD({ lr: 0.001 }).attach(model.parameters());
    const step = compile((x: Tensor, label: Tensor) => {
      const loss = crossEntropy(model.forward(x) as Tensor, label);
      optimizer.minimize(loss);
      return loss;
    });
    const losses: number[] = [];
    for (const { x, label } of batches(inputs)) {
      losses.push(Number((await (await step(x, label.to('int32'))).data())[0]));
    }
    await expectRun(
      losses,
      model.parameters().map(({ value }) => value),
    );
  });

  async function expectRun(losses: readonly number[], weights: readonly Tensor[]): Promise<void> {
    const wanted = arrays('SimpleMLP/simplemlp_train/outputs.npz');
    const gaps = losses.map((loss, k) => Math.abs(loss - Number(wanted['loss']!.data[k])));
    expect(gaps).toHaveLength(4);
    expect(Math.max(...gaps)).toBeLessThan(tolerance);
    await expectClose(weights[0]!, wanted['fc1_weight']!);
    await expectClose(weights[1]!, wanted['fc2_weight']!);
  }
});

const byName = (
  infos: readonly { readonly name: string }[],
  values: readonly Tensor[],
): Record<string, Tensor> => Object.fromEntries(infos.map(({ name }, i) => [name, values[i]!]));
