import { compile, init, ones, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { SGD } from '@hebb/train';
import {
  Linear,
  Parametrization,
  Sequential,
  isParametrized,
  parametrize,
  removeParametrizations,
  spectralNorm,
  weightNorm,
} from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

/** Rows of [[3, 4], [0, 2]] have lengths 5 and 2; its singular values are 5.2... and 1.1... */
const matrix = [
  [3, 4],
  [0, 2],
];
const layer = (): Linear => {
  const made = new Linear(2, 2, { bias: false });
  made.weight.value = tensor(matrix);
  return made;
};
/** Largest singular value of the matrix: √ of the larger eigenvalue of W Wᵀ = [[25, 8], [8, 4]]. */
const sigma = Math.sqrt((29 + Math.sqrt(29 ** 2 - 4 * 36)) / 2);
const close = (values: readonly number[][]) =>
  values.map((row) => row.map((x) => expect.closeTo(x, 4)));

describe('weightNorm', () => {
  it('keeps the weight and learns its length and direction apart', async () => {
    const made = weightNorm(layer());
    expect(await made.weight.value.toArray()).toEqual(close(matrix));
    const state = await made.stateDict();
    expect(Object.keys(state)).toEqual([
      'parametrizations.weight.original0',
      'parametrizations.weight.original1',
    ]);
    expect(await state['parametrizations.weight.original0']!.toArray()).toEqual([[5], [2]]);
    made.loadStateDict({ ...state, 'parametrizations.weight.original0': tensor([[10], [1]]) });
    expect(await made.forward(tensor([1, 1])).toArray()).toEqual([
      expect.closeTo(14, 4),
      expect.closeTo(1, 4),
    ]);
  });

  it('takes the states of the older weight_norm, at any depth', async () => {
    const model = new Sequential({ head: weightNorm(layer()) });
    model.loadStateDict({ 'head.weight_g': tensor([[5], [4]]), 'head.weight_v': ones([2, 2]) });
    const r = Math.SQRT1_2;
    expect(await model.forward(ones([1, 2])).toArray()).toEqual(close([[10 * r, 8 * r]]));
    expect(() => model.loadStateDict({ 'head.weight_g': tensor([[5], [4]]) })).toThrow(
      'missing head.parametrizations.weight.original1',
    );
  });

  it('trains: the optimizer sees the parts', async () => {
    const made = weightNorm(layer());
    const optimizer = new SGD({ lr: 0.1 }).attach(made.parameters());
    const step = compile((x: Tensor) => {
      const loss = made.forward(x).square().sum();
      optimizer.minimize(loss);
      return loss;
    });
    const losses: number[] = [];
    for (let i = 0; i < 3; i++) losses.push(Number(await (await step(tensor([0.1, 0.2]))).item()));
    expect(losses[1]).toBeLessThan(losses[0]!);
    expect(losses[2]).toBeLessThan(losses[1]!);
  });
});

describe('spectralNorm', () => {
  it('divides by the largest singular value and follows it', async () => {
    const made = spectralNorm(layer());
    const wanted = close(matrix.map((row) => row.map((x) => x / sigma)));
    expect(
      await made
        .forward(
          tensor([
            [1, 0],
            [0, 1],
          ]),
        )
        .toArray(),
    ).toEqual(wanted[0]!.map((_, i) => wanted.map((row) => row[i])));
    made.eval();
    expect(await made.weight.value.toArray()).toEqual(wanted);
    expect(Object.keys(await made.stateDict())).toEqual([
      'parametrizations.weight.original',
      'parametrizations.weight.0._u',
      'parametrizations.weight.0._v',
    ]);
    // The weight changes under the old vectors: calls in training find the new ones.
    const original = made.parameters()[0]!;
    original.value = tensor([
      [1, 0],
      [0, 7],
    ]);
    made.train();
    for (let i = 0; i < 30; i++) await made.forward(ones([2])).data();
    expect(await made.eval().weight.value.toArray()).toEqual(
      close([
        [1 / 7, 0],
        [0, 1],
      ]),
    );
  });

  it('takes the states of the older spectral_norm', async () => {
    const made = spectralNorm(layer()).eval();
    made.loadStateDict({
      weight_orig: tensor([
        [2, 0],
        [0, 1],
      ]),
      weight_u: tensor([1, 0]),
      weight_v: tensor([1, 0]),
    });
    expect(await made.weight.value.toArray()).toEqual([
      [1, 0],
      [0, 0.5],
    ]);
  });

  it('normalises a weight of one axis exactly', async () => {
    const made = new Linear(2, 2);
    made.bias!.value = tensor([3, 4]);
    spectralNorm(made, { name: 'bias' });
    expect(await made.eval().bias!.value.toArray()).toEqual([
      expect.closeTo(0.6, 5),
      expect.closeTo(0.8, 5),
    ]);
    expect(() => spectralNorm(layer(), { dim: 2 })).toThrow('dim is no axis of the weight (got 2');
  });
});

class Symmetric extends Parametrization {
  override forward(x: Tensor): Tensor {
    return x.add(x.transpose()).div(2);
  }
}
class Doubled extends Parametrization {
  override forward(x: Tensor): Tensor {
    return x.mul(2);
  }
  override rightInverse(weight: Tensor): Tensor {
    return weight.div(2);
  }
}
class Flat extends Parametrization {
  override forward(x: Tensor): Tensor {
    return x.reshape([x.size]);
  }
}

describe('rules of your own', () => {
  it('apply in order, freeze with the layer and come off again', async () => {
    const made = parametrize(layer(), 'weight', new Symmetric());
    parametrize(made, 'weight', new Doubled());
    expect([isParametrized(made), isParametrized(made, 'weight')]).toEqual([true, true]);
    expect(await made.weight.value.toArray()).toEqual([
      [3, 2],
      [2, 2],
    ]);
    expect([...made.namedState()].map(([name]) => name)).toEqual([
      'parametrizations.weight.original',
    ]);
    made.freeze();
    expect(made.weight.requiresGrad).toBe(false);
    removeParametrizations(made, 'weight');
    expect([...made.namedParameters().keys()]).toEqual(['weight']);
    expect(made.weight.requiresGrad).toBe(false);
    expect(await made.weight.value.toArray()).toEqual([
      [3, 2],
      [2, 2],
    ]);
  });

  it('setting the weight sets what it is computed from', async () => {
    const made = parametrize(layer(), 'weight', new Doubled());
    made.weight.value = ones([2, 2]);
    expect(await made.parameters()[0]!.value.toArray()).toEqual([
      [0.5, 0.5],
      [0.5, 0.5],
    ]);
  });

  it('are refused where they do not fit', () => {
    expect(() => parametrize(layer(), 'weight', new Flat())).toThrow(
      'the rule makes another kind of weight (got float32[4], wanted float32[2,2])',
    );
    expect(() => weightNorm(layer(), { name: 'weights' })).toThrow(
      'Linear has no parameter of that name (got weights, wanted weight)',
    );
    expect(() => removeParametrizations(layer(), 'weight')).toThrow('is not parametrised');
  });
});
