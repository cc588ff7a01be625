/** Values of PyTorch 1.13 in float64. */
import { cpu } from '@hebb/backend-cpu';
import { compile, gradients, init, tensor, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import {
  gradientPenalty,
  hingeLoss,
  leastSquaresLoss,
  minimaxLoss,
  nonSaturatingLoss,
  r1Penalty,
  wassersteinLoss,
} from '../src/index.ts';
import type { AdversarialLoss } from '../src/index.ts';

beforeAll(() => init(cpu()));

const f64 = (data: number[], shape: number[]): Tensor => tensor(data, { shape, dtype: 'float64' });
const close = async (got: Tensor, wanted: readonly number[], digits = 7): Promise<void> => {
  const data = [...(await got.data())].map(Number);
  expect(data).toHaveLength(wanted.length);
  data.forEach((x, i) => expect(x).toBeCloseTo(wanted[i]!, digits));
};

interface Case {
  readonly loss: AdversarialLoss;
  readonly d: number;
  readonly g: number;
  readonly dReal: number[];
  readonly dFake: number[];
  readonly gFake: number[];
}
const entropies = {
  d: 1.502419193,
  dReal: [-0.094385167, -0.182764645, -0.029800731, -0.117197657],
  dFake: [0.109455875, 0.169794675, 0.204393619, 0.011856468],
};
const quarter = [-0.25, -0.25, -0.25, -0.25];
const cases: readonly Case[] = [
  {
    loss: minimaxLoss(),
    ...entropies,
    g: -0.865702764,
    gFake: [-0.109455875, -0.169794675, -0.204393619, -0.011856468],
  },
  {
    loss: nonSaturatingLoss(),
    ...entropies,
    g: 1.115702764,
    gFake: [-0.140544125, -0.080205325, -0.045606381, -0.238143532],
  },
  {
    loss: nonSaturatingLoss({ realLabel: 0.9, fakeLabel: 0.1 }),
    d: 1.568044193,
    g: 1.115702764,
    dReal: [-0.069385167, -0.157764645, -0.004800731, -0.092197657],
    dFake: [0.084455875, 0.144794675, 0.179393619, -0.013143532],
    gFake: [-0.140544125, -0.080205325, -0.045606381, -0.238143532],
  },
  {
    loss: leastSquaresLoss(),
    d: 2.236328125,
    g: 2.234375,
    dReal: [-0.125, -0.5, 0.25, -0.21875],
    dFake: [-0.0625, 0.1875, 0.375, -0.75],
    gFake: [-0.3125, -0.0625, 0.125, -1],
  },
  {
    loss: hingeLoss(),
    d: 2.09375,
    g: 0.25,
    dReal: [-0.25, -0.25, 0, -0.25],
    dFake: [0.25, 0.25, 0.25, 0],
    gFake: quarter,
  },
  {
    loss: wassersteinLoss(),
    d: -0.65625,
    g: 0.25,
    dReal: quarter,
    dFake: [0.25, 0.25, 0.25, 0.25],
    gFake: quarter,
  },
];

it.each(cases.map((each) => [each.loss.name, each] as const))(
  '%s and its gradients are PyTorch’s',
  async (_name, { loss, d, g, dReal, dFake, gFake }) => {
    // Patches: the mean is over all scores whatever their shape.
    const run = compile((real: Tensor, fake: Tensor) => {
      const [forD, forG] = [loss.discriminator(real, fake), loss.generator(fake)];
      return [forD, forG, ...gradients(forD, [real, fake]), ...gradients(forG, [fake])];
    });
    const got = await run(
      f64([0.5, -1, 2, 0.125], [2, 2, 1]),
      f64([-0.25, 0.75, 1.5, -3], [2, 2, 1]),
    );
    await close(got[0]!, [d]);
    await close(got[1]!, [g]);
    await close(got[2]!, dReal);
    await close(got[3]!, dFake);
    await close(got[4]!, gFake);
  },
);

it('labels lie between 0 and 1, and other options do not exist', () => {
  expect(() => nonSaturatingLoss({ realLabel: 1.1 })).toThrow('got 1.1, wanted 0 to 1');
  expect(() => minimaxLoss({ smoothing: 0.1 } as object)).toThrow('unknown option');
});

describe('penalties on slopes, with the gradients of the critic’s weights', () => {
  const weights = () =>
    [
      f64([0.5, -0.25, 0.75, 0.125, -1, 0.375], [3, 2]),
      f64([0.25, -0.5, 0.125], [3]),
      f64([0.5, -0.75, 1.25], [1, 3]),
    ] as const;
  const criticOf =
    ([w1, b1, w2]: readonly Tensor[]) =>
    (x: Tensor): Tensor =>
      x
        .matmul(w1!.permute([1, 0]))
        .add(b1!)
        .tanh()
        .matmul(w2!.permute([1, 0]));
  const real = () => f64([1, 0.5, -0.25, 2, 0, -1], [3, 2]);
  const fake = () => f64([-0.5, 0.25, 0.75, -1.5, 1, 1], [3, 2]);

  it('WGAN-GP', async () => {
    const run = compile((ws: Tensor[], x: Tensor, y: Tensor, mix: Tensor) => {
      const penalty = gradientPenalty(criticOf(ws), x, y, { mix });
      return [penalty, ...gradients(penalty, ws)];
    });
    const got = await run([...weights()], real(), fake(), f64([0.25, 0.5, 0.875], [3]));
    await close(got[0]!, [1.9432056629498986]);
    await close(
      got[1]!,
      [-3.51982381, 0.41433699, 5.5735095, -1.26622768, -9.41926526, -0.06369476],
      6,
    );
    await close(got[2]!, [1.21938377, 2.90762671, 0.65792767], 6);
    await close(got[3]!, [-4.04272689, -5.11915024, 8.46924375], 6);
  });
  it('R1', async () => {
    const run = compile((ws: Tensor[], x: Tensor) => {
      const penalty = r1Penalty(criticOf(ws), x);
      return [penalty, ...gradients(penalty, ws)];
    });
    const got = await run([...weights()], real());
    await close(got[0]!, [6.226684989989963]);
    await close(
      got[1]!,
      [-3.24064322, -0.74382908, 5.00152787, -1.44983433, -5.19755464, -2.63858189],
      6,
    );
    await close(got[2]!, [1.33823181, 1.6246532, 5.07961566], 6);
    await close(got[3]!, [-4.33980374, -6.25679983, 7.94453758], 6);
  });
  it('a flat critic has a finite penalty and gradient', async () => {
    const w = zeros([1, 2], 'float64');
    const run = compile((flat: Tensor) => {
      const penalty = gradientPenalty((x) => x.mul(flat).sum(1), real(), fake());
      return [penalty, ...gradients(penalty, [flat])];
    });
    const [penalty, slope] = await run(w);
    await close(penalty!, [10], 4);
    await close(slope!, [0, 0], 4);
  });
  it('samples of another shape are refused', () => {
    expect(() => gradientPenalty((x) => x, real(), f64([1, 2], [1, 2]))).toThrow(
      'got [1,2], wanted [3,2]',
    );
    expect(() => gradientPenalty((x) => x, real(), fake(), { mix: f64([1], [1]) })).toThrow(
      'mix is not one number a sample',
    );
  });
});
