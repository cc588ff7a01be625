/** One table for the words that go in and those that come out: Press and Wolf 2017, arXiv:1608.05859. */
import { cpu } from '@hebb/backend-cpu';
import { compile, init, manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { decodeModel, toOnnx } from '@hebb/onnx';
import { verifyOnnx } from '@hebb/onnx/node';
import { SGD } from '@hebb/train';
import { Embedding, Linear, Module, crossEntropy } from '../src/index.ts';

class Bigrams extends Module {
  readonly embedding: Embedding;
  readonly head: Linear;

  constructor(tied: boolean) {
    super();
    manualSeed(3);
    this.embedding = new Embedding(7, 4);
    this.head = new Linear(4, 7, { bias: false });
    if (tied) this.head.weight = this.embedding.weight;
  }
  forward(ids: Tensor): Tensor {
    return this.head.forward(this.embedding.forward(ids));
  }
}

const ids = tensor(Int32Array.from([1, 4, 4]));
const next = tensor(Int32Array.from([4, 0, 2]));
const listed = async (x: Tensor): Promise<number[]> => [...((await x.data()) as Float32Array)];

beforeAll(async () => {
  await init(cpu());
});

it('is one parameter, whose gradient is the sum of both uses', async () => {
  const tied = new Bigrams(true);
  expect([...tied.namedParameters().keys()]).toEqual(['embedding.weight']);
  const apart = new Bigrams(false);
  apart.head.weight.set(tied.embedding.weight.value.mul(1));
  apart.embedding.weight.set(tied.embedding.weight.value.mul(1));
  const before = await listed(tied.embedding.weight.value);

  const gradientsOf = async (model: Bigrams): Promise<number[][]> => {
    const optimizer = new SGD({ lr: 1 }).attach(model.parameters());
    const step = compile(() => {
      const grads = optimizer.gradients(crossEntropy(model.forward(ids), next));
      optimizer.step(grads);
      return grads;
    });
    return Promise.all((await step()).map(listed));
  };
  const [sum] = await gradientsOf(tied);
  const [input, output] = await gradientsOf(apart);
  sum!.forEach((x, i) => expect(x).toBeCloseTo(input![i]! + output![i]!, 5));
  const after = await listed(tied.head.weight.value);
  expect(after).toEqual(await listed(tied.embedding.weight.value));
  after.forEach((x, i) => expect(x).toBeCloseTo(before[i]! - sum![i]!, 5));
});

it('is saved under both names, loaded back, and exported once', async () => {
  const tied = new Bigrams(true);
  const state = await tied.stateDict();
  expect(Object.keys(state)).toEqual(['embedding.weight', 'head.weight']);
  const other = new Bigrams(true);
  other.embedding.weight.set(other.embedding.weight.value.mul(0));
  other.loadStateDict(state);
  expect(await listed(other.forward(ids))).toEqual(await listed(tied.forward(ids)));

  const bytes = await toOnnx(tied, { input: { ids: { shape: ['batch'], dtype: 'int32' } } });
  const tables = decodeModel(bytes).graph!.initializer.filter(({ dims }) => dims.length === 2);
  expect(tables).toHaveLength(1);
  const report = await verifyOnnx(bytes, tied, { cases: [{ ids }] });
  expect(report.ok).toBe(true);
});
