import { tensor } from '@hebb/core';
import { Parameter } from '@hebb/nn';
import {
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  MultiStepLR,
  OneCycleLR,
  PolynomialLR,
  ReduceLROnPlateau,
  SGD,
  SequentialLR,
  StepLR,
} from '../src/index.ts';
import type { Scheduler } from '../src/index.ts';
import { casesOf, eachCase, expectClose, numbers } from './reference.ts';
import type { Case } from './reference.ts';

const optimizerAt = (lr: number) =>
  new SGD({ lr, momentum: 0.9 }).attach([new Parameter(tensor([1]))]);

const schedules: Readonly<Record<string, (a: Record<string, never>) => Scheduler>> = {
  lr_constant: (a) => new ConstantLR({ factor: a.factor!, totalIters: a.total_iters! }),
  lr_cosine: (a) => new CosineAnnealingLR({ tMax: a.T_max!, etaMin: a.eta_min! }),
  lr_cosine_restarts: (a) =>
    new CosineAnnealingWarmRestarts({ t0: a.T_0!, tMult: a.T_mult!, etaMin: a.eta_min! }),
  lr_cyclic: (a) =>
    new CyclicLR({
      maxLr: a.max_lr!,
      stepSizeUp: a.step_size_up!,
      stepSizeDown: a.step_size_down!,
      mode: a.mode!,
    }),
  lr_exponential: (a) => new ExponentialLR({ gamma: a.gamma! }),
  lr_multistep: (a) => new MultiStepLR({ milestones: a.milestones!, gamma: a.gamma! }),
  lr_onecycle: (a) =>
    new OneCycleLR({
      maxLr: a.max_lr!,
      totalSteps: a.total_steps!,
      pctStart: a.pct_start!,
      anneal: a.anneal!,
      divFactor: a.div_factor!,
      finalDivFactor: a.final_div_factor!,
      baseMomentum: a.base_momentum!,
      maxMomentum: a.max_momentum!,
    }),
  lr_plateau: (a) =>
    new ReduceLROnPlateau({
      mode: a.mode!,
      factor: a.factor!,
      patience: a.patience!,
      threshold: a.threshold!,
      thresholdMode: a.threshold_mode!,
      cooldown: a.cooldown!,
      minLr: a.min_lr!,
      eps: a.eps!,
    }),
  lr_polynomial: (a) => new PolynomialLR({ totalIters: a.total_iters!, power: a.power! }),
  lr_step: (a) => new StepLR({ stepSize: a.step_size!, gamma: a.gamma! }),
  lr_warmup_cosine: (a) =>
    new SequentialLR(
      [
        new LinearLR({ startFactor: a.start_factor!, totalIters: a.warmup! }),
        new CosineAnnealingLR({ tMax: a.T_max!, etaMin: a.eta_min! }),
      ],
      [a.warmup!],
    ),
  lr_warmup_linear: (a) =>
    new LinearLR({
      startFactor: a.start_factor!,
      endFactor: a.end_factor!,
      totalIters: a.total_iters!,
    }),
  lr_warmup_linear_decay: ({ warmup, total }) =>
    new LambdaLR((t) =>
      t < warmup! ? t / warmup! : Math.max(0, (total! - t) / (total! - warmup!)),
    ),
};

async function follow({ op, attrs, inputs, outputs, tolerance }: Case): Promise<void> {
  const optimizer = optimizerAt(Number(attrs.base_lr));
  const schedule = schedules[op]!(attrs as Record<string, never>).attach(optimizer);
  const want = numbers(outputs.lr!);
  const metric = inputs.metric === undefined ? undefined : numbers(inputs.metric);
  const got = want.map((_, i) => {
    const now = { lr: optimizer.lr, momentum: optimizer.groups[0]!.momentum };
    schedule.step(metric?.[i]);
    return now;
  });
  expectClose(
    got.map(({ lr }) => lr),
    want,
    tolerance,
    'lr',
  );
  if (outputs.momentum !== undefined) {
    const momentum = got.map((each) => each.momentum);
    expectClose(momentum, numbers(outputs.momentum), tolerance, 'momentum');
  }
}

const all = await casesOf('optimisers');
describe('schedules follow PyTorch', () => {
  eachCase(
    all.filter(({ op }) => op.startsWith('lr_')),
    follow,
  );
});

describe('a schedule', () => {
  it('scales each group from its own rate', () => {
    const [a, b] = [new Parameter(tensor([1])), new Parameter(tensor([1]))];
    const optimizer = new SGD().attach([
      { parameters: [a], lr: 1 },
      { parameters: [b], lr: 0.1 },
    ]);
    const schedule = new StepLR({ stepSize: 1, gamma: 0.5 }).attach(optimizer);
    schedule.step();
    expect(optimizer.groups.map(({ lr }) => lr)).toEqual([0.5, 0.05]);
  });

  it('refuses bad settings and to drive two optimizers', () => {
    expect(() => new StepLR({ stepSize: 0 })).toThrow('StepLR: stepSize is not usable (got 0');
    expect(() => new SequentialLR([new StepLR({ stepSize: 1 })], [3])).toThrow(
      'one milestone less',
    );
    expect(() => new CyclicLR({ maxLr: 1, mode: 'square' as 'triangular' })).toThrow(
      'unknown mode (got square, wanted triangular, triangular2, exp_range)',
    );
    const schedule = new StepLR({ stepSize: 1 }).attach(optimizerAt(1));
    expect(() => schedule.attach(optimizerAt(1))).toThrow('already drives');
    expect(() => new StepLR({ stepSize: 1 }).step()).toThrow('drives no optimizer yet');
  });
});
