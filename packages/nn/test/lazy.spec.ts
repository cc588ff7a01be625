/** Layers that learn the size of their input. */
import { cpu } from '@hebb/backend-cpu';
import { compile, init, random, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { SGD } from '@hebb/train';
import {
  BatchNorm2d,
  Conv2d,
  Flatten,
  LazyBatchNorm1d,
  LazyBatchNorm2d,
  LazyBatchNorm3d,
  LazyConv1d,
  LazyConv2d,
  LazyConv3d,
  LazyConvTranspose1d,
  LazyConvTranspose2d,
  LazyConvTranspose3d,
  LazyLinear,
  Linear,
  ReLU,
  Sequential,
  materialize,
  mseLoss,
} from '../src/index.ts';
import type { Module } from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

const shapes = (model: Module): Record<string, readonly number[]> =>
  Object.fromEntries([...model.namedState()].map(([name, { shape }]) => [name, shape]));
const net = () =>
  new Sequential(
    new LazyConv2d(4, 3, { groups: 2, padding: 1 }),
    new LazyBatchNorm2d(),
    new ReLU(),
    new Flatten(),
    new LazyLinear(3),
  );
const same = () =>
  new Sequential(
    new Conv2d(2, 4, 3, { groups: 2, padding: 1 }),
    new BatchNorm2d(4),
    new ReLU(),
    new Flatten(),
    new Linear(4 * 5 * 6, 3),
  );

it('takes the size from a shape, without computing', () => {
  const model = materialize(net(), [1, 2, 5, 6]);
  expect(shapes(model)).toEqual(shapes(same()));
  expect(model.modules().every((layer) => layer.training)).toBe(true);
  expect(String((model.at('4') as LazyLinear).module)).toBe('Linear(120, 3)');
});

it('takes the size from the first call, and keeps it', () => {
  const layer = new LazyLinear(2, { bias: false });
  expect(layer.materialized).toBe(false);
  expect(layer.forward(tensor([[1, 2, 3]])).shape).toEqual([1, 2]);
  expect(shapes(layer)).toEqual({ weight: [2, 3] });
  expect(() => layer.forward(tensor([[1, 2]]))).toThrow('linear');
});

it('takes the size from a state dict', async () => {
  const trained = same();
  const model = net();
  model.loadStateDict(await trained.stateDict());
  const x = random.normal(random.key(1), [2, 2, 5, 6]);
  const [got, want] = [model.eval().forward(x), trained.eval().forward(x)];
  expect(await got.toArray()).toEqual(await want.toArray());
});

it('trains like the layers it becomes', async () => {
  const model = materialize(net(), [1, 2, 5, 6]);
  const optimizer = new SGD({ lr: 0.05 }).attach(model.parameters());
  const x = random.normal(random.key(2), [4, 2, 5, 6]);
  const y = random.normal(random.key(3), [4, 3]);
  const step = compile((a: Tensor, b: Tensor) => {
    const loss = mseLoss(model.forward(a), b);
    optimizer.minimize(loss);
    return loss;
  });
  const losses: number[] = [];
  for (let k = 0; k < 20; k++) losses.push(Number(await (await step(x, y)).item()));
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
  // The mode reaches the layer: batch statistics moved only in training.
  const norm = (model.at('1') as LazyBatchNorm2d).module;
  const seen = await norm.numBatchesTracked!.value.item();
  model.eval();
  await model.forward(x).data();
  expect([seen, await norm.numBatchesTracked!.value.item()]).toEqual([20, 20]);
});

it('says what to do where weights are wanted too early', async () => {
  const model = net();
  const hint = 'LazyConv2d: has no weights before its first input: call `materialize';
  expect(() => new SGD({ momentum: 0.9 }).attach(model.parameters())).toThrow(hint);
  await expect(model.stateDict()).rejects.toThrow(hint);
  expect(() => (model.at('0') as LazyConv2d).module).toThrow('has had no input yet');
  expect(String(model)).toContain('LazyLinear(not materialized)');
  expect(() => new LazyConv2d(4, 3).forward(tensor(1))).toThrow('input has too few axes');
});

it.each<[Module, readonly number[], Record<string, readonly number[]>]>([
  [new LazyConv1d(4, 3), [1, 2, 8], { weight: [4, 2, 3], bias: [4] }],
  [new LazyConv3d(4, 1), [1, 2, 2, 2, 2], { weight: [4, 2, 1, 1, 1], bias: [4] }],
  [new LazyConvTranspose1d(4, 3), [1, 2, 8], { weight: [2, 4, 3], bias: [4] }],
  [new LazyConvTranspose2d(4, 3, { groups: 2 }), [1, 2, 8, 8], { weight: [2, 2, 3, 3], bias: [4] }],
  [new LazyConvTranspose3d(4, 1), [1, 2, 2, 2, 2], { weight: [2, 4, 1, 1, 1], bias: [4] }],
  [new LazyBatchNorm1d({ trackRunningStats: false }), [4, 3], { weight: [3], bias: [3] }],
  [
    new LazyBatchNorm3d({ affine: false }),
    [1, 3, 2, 2, 2],
    { running_mean: [3], running_var: [3], num_batches_tracked: [] },
  ],
])('%s', (layer, input, want) => {
  expect(shapes(materialize(layer, input))).toEqual(want);
});
