/** The part of family `optimisers` that is about learning rates. */
import { tensor } from '@hebb/core';
import { attrs as read } from '@hebb/conformance/reference';
import type { CaseAttrs, CaseFunction, CaseTable } from '@hebb/conformance/reference';
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
} from '@hebb/train';
import type { Scheduler } from '@hebb/train';
import { settingsOf } from './settings.ts';

const { num, ints } = read;
type Options<T extends new (options: never) => Scheduler> = ConstructorParameters<T>[0];

const makers: Readonly<Record<string, (attrs: CaseAttrs) => Scheduler>> = {
  lr_constant: ({ factor, total_iters: total }) =>
    new ConstantLR({ factor: num(factor), totalIters: num(total) }),
  lr_cosine: ({ T_max: max, eta_min: min }) =>
    new CosineAnnealingLR({ tMax: num(max), etaMin: num(min) }),
  lr_cosine_restarts: ({ T_0: first, T_mult: factor, eta_min: min }) =>
    new CosineAnnealingWarmRestarts({ t0: num(first), tMult: num(factor), etaMin: num(min) }),
  lr_cyclic: (attrs) => new CyclicLR(settingsOf<Options<typeof CyclicLR>>(attrs, 'base_lr')),
  lr_exponential: ({ gamma }) => new ExponentialLR({ gamma: num(gamma) }),
  lr_multistep: ({ milestones, gamma }) =>
    new MultiStepLR({ milestones: ints(milestones), gamma: num(gamma) }),
  lr_onecycle: ({ anneal, ...attrs }) =>
    new OneCycleLR(
      settingsOf<Options<typeof OneCycleLR>>(
        anneal === undefined ? attrs : { ...attrs, anneal_strategy: anneal },
        'base_lr',
      ),
    ),
  lr_plateau: (attrs) =>
    new ReduceLROnPlateau(settingsOf<Options<typeof ReduceLROnPlateau>>(attrs, 'base_lr')),
  lr_polynomial: ({ total_iters: total, power }) =>
    new PolynomialLR({ totalIters: num(total), power: num(power) }),
  lr_step: ({ step_size: size, gamma }) => new StepLR({ stepSize: num(size), gamma: num(gamma) }),
  lr_warmup_cosine: ({ start_factor: start, warmup, T_max: max, eta_min: min }) =>
    new SequentialLR(
      [
        new LinearLR({ startFactor: num(start), totalIters: num(warmup) }),
        new CosineAnnealingLR({ tMax: num(max), etaMin: num(min) }),
      ],
      [num(warmup)],
    ),
  lr_warmup_linear: ({ start_factor: start, end_factor: end, total_iters: total }) =>
    new LinearLR({ startFactor: num(start), endFactor: num(end), totalIters: num(total) }),
  lr_warmup_linear_decay: ({ warmup, total }) => {
    const [rise, all] = [num(warmup), num(total)];
    return new LambdaLR((t) => (t < rise ? t / rise : Math.max(0, (all - t) / (all - rise))));
  },
};

/** Rate and momentum in force at each step. */
const follow =
  (make: (attrs: CaseAttrs) => Scheduler): CaseFunction =>
  (_, attrs, { inputs, outputs }, { dtype }) => {
    const parameter = new Parameter(tensor([1], { dtype }));
    const optimizer = new SGD({ lr: num(attrs['base_lr']), momentum: 0.9 }).attach([parameter]);
    const schedule = make(attrs).attach(optimizer);
    const metric = inputs['metric']?.data.map(Number);
    const rows = outputs['lr']!.data.map((_row, i) => {
      const now = { lr: optimizer.lr, momentum: optimizer.groups[0]!.momentum };
      schedule.step(metric?.[i]);
      return now;
    });
    const column = (name: 'lr' | 'momentum') =>
      tensor(
        Float64Array.from(rows, (row) => row[name]),
        { dtype },
      );
    return { lr: column('lr'), momentum: column('momentum') };
  };

export const schedules: CaseTable = Object.fromEntries(
  Object.entries(makers).map(([name, make]) => [name, follow(make)]),
);
