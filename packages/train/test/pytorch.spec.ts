/** Optimizers, schedules and averages that no stored case covers, against values printed by PyTorch. */
import { compile, init, random, tensor } from '@hebb/core';
import type { NestedList, Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { BatchNorm1d, Linear, Parameter, Sequential, mseLoss } from '@hebb/nn';
import {
  ASGD,
  Adam,
  ChainedScheduler,
  ConstantLR,
  CyclicLR,
  ExponentialLR,
  LBFGS,
  MultiplicativeLR,
  OneCycleLR,
  ReduceLROnPlateau,
  Rprop,
  SGD,
  SWALR,
  StepLR,
  StochasticWeightAverage,
  updateBatchNorm,
} from '../src/index.ts';
import type { LBFGSOptions, Optimizer, Scheduler } from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

const t = (data: NestedList): Tensor => tensor(data, { dtype: 'float64' });
const numbers = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);
/** To seven digits: PyTorch keeps some rates in single precision. */
function close(got: readonly number[], want: readonly number[], digits = 7): void {
  expect(got).toHaveLength(want.length);
  got.forEach((value, i) => expect(value).toBeCloseTo(want[i]!, digits));
}

describe('an optimizer', () => {
  const x = t([
    [1, 2],
    [0.5, -1],
    [-1.5, 0.25],
    [2, 1],
  ]);
  const y = t([[1], [-2], [0.5], [3]]);
  async function fiveSteps(optimizer: Optimizer): Promise<[number[], Parameter[]]> {
    const w = new Parameter(t([[0.5], [-0.25]]));
    const b = new Parameter(t([0.125]));
    optimizer.attach([w, b]);
    const step = compile(() => {
      optimizer.minimize(mseLoss(x.matmul(w.value).add(b.value).tanh().mul(2), y));
    });
    for (let k = 0; k < 5; k++) await step();
    return [
      [...(await numbers(w.value)), ...(await numbers(b.value))],
      [w, b],
    ];
  }

  it.each<[string, Optimizer, number[]]>([
    ['Rprop', new Rprop(), [0.425584, -0.175584, 0.199416]],
    [
      'Rprop with settings',
      new Rprop({ lr: 0.5, etas: [0.4, 1.5], stepSizes: [0.01, 0.6] }),
      [0.5, 2.65, 0.125],
    ],
    [
      'ASGD',
      new ASGD({ lr: 0.1, lambd: 0.01, t0: 2, weightDecay: 0.1 }),
      [0.1354141043772195, 0.8517512522488498, 0.08631108681378924],
    ],
    [
      'ASGD uphill',
      new ASGD({ lr: 0.1, lambd: 0.01, t0: 0, maximize: true }),
      [0.22701323656152592, -1.9380048202190343, -0.46268617137990836],
    ],
    [
      'Adam uphill',
      new Adam({ lr: 0.1, maximize: true, weightDecay: 0.1 }),
      [0.35142737477201585, -0.7518139504568521, -0.35699337680775606],
    ],
  ])('%s', async (_, optimizer, want) => {
    close((await fiveSteps(optimizer))[0], want);
  });

  it('ASGD averages from t0 on', async () => {
    const optimizer = new ASGD({ lr: 0.1, lambd: 0.01, t0: 2, weightDecay: 0.1 });
    await fiveSteps(optimizer);
    const state = await optimizer.stateDict();
    close(await numbers(state['0.ax']!), [0.13752801045526358, 0.8054705365042542]);
    close(await numbers(state['1.ax']!), [0.07904382995889113]);
  });

  it('Rprop wants factors that shrink and grow', () => {
    expect(() => new Rprop({ etas: [1.2, 0.5] })).toThrow('Rprop: etas[0] is not usable');
    expect(() => new Rprop({ stepSizes: [1, 0.5] })).toThrow('Rprop: stepSizes[1] is not usable');
  });
});

describe('L-BFGS', () => {
  /** Rosenbrock's valley in three dimensions. */
  const valley = (p: Parameter): Tensor => {
    const [a, b] = [p.value.narrow(0, 0, 2), p.value.narrow(0, 1, 2)];
    const [miss, off] = [b.sub(a.mul(a)), a.neg().add(1)];
    return miss.mul(miss).mul(100).add(off.mul(off)).sum();
  };
  const start = [-1.2, 1, 0.7];

  it.each<[string, LBFGSOptions, [before: number, after: number[]][]]>([
    [
      'fixed steps',
      { lr: 0.1, maxIter: 4 },
      [
        [33.2, [-1.089327280262478, 0.9685674461193321, 0.7420087719946403]],
        [12.967650375679256, [-1.0474053262332286, 0.9503150221369263, 0.7703546486050846]],
        [8.109781658205371, [-1.01751509840677, 0.9388235345612813, 0.7930832638667706]],
      ],
    ],
    [
      'line search',
      { lineSearchFn: 'strong_wolfe', maxIter: 5 },
      [
        [33.2, [-0.940036801697566, 0.8938267547291966, 0.8026836362515016]],
        [3.7867449470455106, [-0.89439282004841, 0.7982277055800837, 0.6135497038244928]],
        [3.6855087905679214, [-0.6957158595510392, 0.4823395193487475, 0.209438157445919]],
      ],
    ],
    [
      'short history',
      { lineSearchFn: 'strong_wolfe', historySize: 2, lr: 0.5 },
      [
        [33.2, [-0.6134193212056809, 0.36821084894252065, 0.1331305494919831]],
        [3.009395428589793, [0.5672928699965991, 0.3018943503626227, 0.07393257577132753]],
        [0.7439051224131303, [0.9964183329536684, 0.9929275418300955, 0.9857575269949003]],
      ],
    ],
    ['defaults', {}, [[33.2, [-0.5087281863308328, 0.2645950059986564, 0.06721677641915283]]]],
  ])('follows PyTorch: %s', async (_, options, steps) => {
    const p = new Parameter(t(start));
    const optimizer = new LBFGS(options).attach([p]);
    for (const [before, after] of steps) {
      expect(await optimizer.step(() => valley(p))).toBeCloseTo(before, 6);
      close(await numbers(p.value), after, 6);
    }
  });

  it('fits several parameters of a layer and stays at the minimum', async () => {
    const layer = new Linear(2, 1);
    const x = random.normal(random.key(1), [16, 2]);
    const y = x.matmul(tensor([[2], [-3]])).add(0.5);
    const optimizer = new LBFGS({ lineSearchFn: 'strong_wolfe' }).attach(layer.parameters());
    for (let k = 0; k < 3; k++) await optimizer.step(() => mseLoss(layer.forward(x), y));
    close(await numbers(layer.weight.value), [2, -3], 4);
    close(await numbers(layer.bias!.value), [0.5], 4);
  });

  it('refuses what it cannot use', async () => {
    expect(() => new LBFGS({ maxIter: 0 })).toThrow('LBFGS: maxIter is not usable');
    expect(() => new LBFGS({ lineSearchFn: 'wolfe' as 'strong_wolfe' })).toThrow(
      'unknown line search (got wolfe',
    );
    expect(() => new LBFGS().attach([])).toThrow('there are no parameters');
    await expect(new LBFGS().step(() => t(1))).rejects.toThrow('call attach');
  });
});

describe('a schedule', () => {
  it.each<[string, () => Scheduler, number[], number[]]>([
    [
      'MultiplicativeLR',
      () => new MultiplicativeLR((k) => (k % 2 === 1 ? 0.95 : 0.5)),
      [0.5, 0.475, 0.2375, 0.225625, 0.1128125, 0.107171875, 0.053585937, 0.050906641],
      [],
    ],
    [
      'ChainedScheduler',
      () =>
        new ChainedScheduler([
          new ConstantLR({ factor: 0.1, totalIters: 2 }),
          new ExponentialLR({ gamma: 0.9 }),
        ]),
      [0.05, 0.045, 0.405, 0.3645, 0.32805, 0.295245, 0.2657205, 0.23914845],
      [],
    ],
    [
      'SWALR',
      () => new SWALR({ swaLr: 0.05, annealEpochs: 4 }),
      [0.5, 0.434099026, 0.275, 0.115900974, 0.05, 0.05, 0.05, 0.05],
      [],
    ],
    [
      'SWALR in a line',
      () => new SWALR({ swaLr: 0.05, annealEpochs: 4, annealStrategy: 'linear' }),
      [0.5, 0.3875, 0.275, 0.1625, 0.05, 0.05, 0.05, 0.05],
      [],
    ],
    [
      'OneCycleLR in three phases',
      () =>
        new OneCycleLR({
          maxLr: 0.5,
          totalSteps: 9,
          pctStart: 0.4,
          threePhase: true,
          annealStrategy: 'linear',
          divFactor: 10,
          finalDivFactor: 5,
        }),
      [
        0.05, 0.223076923, 0.396153846, 0.430769231, 0.257692308, 0.084615385, 0.038571429,
        0.024285714,
      ],
      [0.95, 0.911538462, 0.873076923, 0.865384615, 0.903846154, 0.942307692, 0.95, 0.95],
    ],
  ])('%s', (_, make, rates, momenta) => {
    const { lr, momentum } = follow(make(), 0.5);
    close(lr, rates);
    if (momenta.length > 0) close(momentum, momenta);
  });

  function follow(schedule: Scheduler, initial: number): { lr: number[]; momentum: number[] } {
    const optimizer = new SGD({ lr: initial, momentum: 0.9 }).attach([new Parameter(tensor([1]))]);
    schedule.attach(optimizer);
    const [lr, momentum]: [number[], number[]] = [[], []];
    for (let k = 0; k < 8; k++) {
      lr.push(optimizer.lr);
      momentum.push(optimizer.groups[0]!.momentum);
      schedule.step();
    }
    return { lr, momentum };
  }

  it('CyclicLR turns the momentum the other way, or scales its peaks by a function', () => {
    const cycle = new CyclicLR({
      maxLr: 0.5,
      stepSizeUp: 2,
      stepSizeDown: 3,
      baseMomentum: 0.7,
      maxMomentum: 0.95,
      mode: 'triangular2',
    });
    const { lr, momentum } = follow(cycle, 0.1);
    close(lr, [0.1, 0.3, 0.5, 0.366666667, 0.233333333, 0.1, 0.2, 0.3]);
    close(momentum, [0.95, 0.825, 0.7, 0.783333333, 0.866666667, 0.95, 0.8875, 0.825]);
    const own = new CyclicLR({
      maxLr: 0.5,
      stepSizeUp: 2,
      scaleFn: (k) => 1 / k,
      cycleMomentum: false,
    });
    const scaled = follow(own, 0.1);
    close(scaled.lr, [0.1, 0.3, 0.5, 0.3, 0.1, 0.2, 0.3, 0.2]);
    close(scaled.momentum, new Array<number>(8).fill(0.9));
  });

  it('refuses settings it does not know', () => {
    const unknown = { stepSize: 1, gama: 0.1 };
    expect(() => new StepLR(unknown)).toThrow('StepLR: unknown option (got gama');
    const other = { maxLr: 1, totalSteps: 3, anneal: 'cos' };
    expect(() => new OneCycleLR(other)).toThrow('OneCycleLR: unknown option (got anneal');
    expect(() => new ReduceLROnPlateau({ patience: 1, ...{ verbose: true } })).toThrow(
      'ReduceLROnPlateau: unknown option (got verbose',
    );
  });
});

describe('stochastic weight averaging', () => {
  it('is the mean of the values it has seen', async () => {
    const p = new Parameter(t([0, 1]));
    const average = new StochasticWeightAverage([p]);
    const update = compile(() => average.update());
    for (const value of [
      [0, 1],
      [3, 2],
      [6, 6],
    ]) {
      p.value = t(value);
      await update();
    }
    close(await numbers(average.of(p).value), [3, 3]);
    await average.during(async () => close(await numbers(p.value), [3, 3]));
    close(await numbers(p.value), [6, 6]);
  });

  it('gathers the statistics of batches anew', async () => {
    const norm = new BatchNorm1d(1, { dtype: 'float64' });
    const model = new Sequential(norm);
    model.forward(t([[100], [200]]));
    model.eval();
    await updateBatchNorm(model, [t([[1], [3]]), t([[2], [8]])]);
    // Means 2 and 5, variances (unbiased) 2 and 18.
    close(await numbers(norm.runningMean!.value), [3.5]);
    close(await numbers(norm.runningVar!.value), [10]);
    expect(norm.momentum).toBe(0.1);
    expect(norm.training).toBe(false);
  });
});
