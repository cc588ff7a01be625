import { tensor } from '@hebb/core';
import { Parameter } from '@hebb/nn';
import { CyclicLR, SGD, SequentialLR, StepLR } from '../src/index.ts';

const optimizerAt = (lr: number) =>
  new SGD({ lr, momentum: 0.9 }).attach([new Parameter(tensor([1]))]);

// Rates and momenta are held against PyTorch's in packages/cli.

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
