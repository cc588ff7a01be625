import { compile, init, random, stack, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { Parameter } from '@hebb/nn';
import { Adam, AdamW, Lion, Muon, SGD, orthogonalize } from '../src/index.ts';
import type { LionOptions, MuonOptions } from '../src/index.ts';
import others from './fixtures/optimizers.json' with { type: 'json' };
import { expectClose } from './reference.ts';

beforeAll(async () => {
  await init(cpu());
});

// PyTorch's own optimizers, schedules and clipping are held against its values in packages/cli.

describe(`Lion and Muon follow ${others.source}`, () => {
  it.each(others.cases.map((each, i) => [`${each.optimizer} ${i}`, each] as const))(
    '%s',
    async (_, { optimizer: name, settings, start, grads, values }) => {
      // Optax's matrices are [in, out], ours [out, in].
      const turn = (rows: number[][]) =>
        name === 'lion' ? rows : rows[0]!.map((_, i) => rows.map((row) => row[i]!));
      const p = new Parameter(tensor(turn(start), { dtype: 'float64' }));
      const optimizer =
        name === 'lion'
          ? new Lion(settings as LionOptions)
          : new Muon({ ...settings, nesterov: false, eps: 1e-12 } as MuonOptions);
      optimizer.attach([p]);
      const step = compile((g: Tensor) => {
        optimizer.step([g]);
      });
      for (const [k, g] of grads.entries()) {
        await step(tensor(turn(g), { dtype: 'float64' }));
        const got = (await p.value.data()) as Float64Array;
        expectClose(got, turn(values[k]!).flat(), { rtol: 1e-9, atol: 1e-10 });
      }
    },
  );
});

describe('Muon', () => {
  it('makes a matrix nearly orthogonal', async () => {
    for (const shape of [
      [4, 6],
      [6, 4],
    ]) {
      const x = orthogonalize(random.normal(random.key(1), shape));
      const gram = await x
        .matmul(x, shape[0]! < shape[1]! ? { transposeB: true } : { transposeA: true })
        .toArray();
      (gram as number[][]).forEach((row, i) =>
        row.forEach((value, k) => {
          // Singular values between 0.68 and 1.14 squared, and little beside the diagonal.
          if (i === k) expect(value).toBeGreaterThan(0.4);
          expect(Math.abs(value - (i === k ? 1 : 0))).toBeLessThan(0.55);
        }),
      );
    }
    expect(() => orthogonalize(tensor([1, 2]))).toThrow('not a matrix (got [2]');
  });

  it('looks ahead with Nesterov, as PyTorch writes it', async () => {
    // lerp(g, buffer, momentum): of a constant gradient the direction is that of the gradient.
    const g = tensor(
      [
        [3, 0],
        [0, 0.5],
      ],
      { dtype: 'float64' },
    );
    const move = async (options: MuonOptions) => {
      const p = new Parameter(
        tensor(
          [
            [0, 0],
            [0, 0],
          ],
          { dtype: 'float64' },
        ),
      );
      const optimizer = new Muon({ weightDecay: 0, ...options }).attach([p]);
      optimizer.step([g]);
      return (await p.value.data()) as Float64Array;
    };
    const plain = await move({ nesterov: false });
    const ahead = await move({ nesterov: true });
    for (const i of [0, 3]) expect(ahead[i]).toBeCloseTo(plain[i]!, 9);
    const wide = await move({ adjustLr: 'match_rms_adamw' });
    expect(wide[0]! / plain[0]!).toBeCloseTo(0.2 * Math.SQRT2, 9);
  });

  it('gives biases and chosen groups to AdamW, at a rate of their own', async () => {
    const make = () => [
      new Parameter(tensor([[1, 2]], { dtype: 'float64' })),
      new Parameter(tensor([1, 2], { dtype: 'float64' })),
    ];
    const grads = [tensor([[1, -1]], { dtype: 'float64' }), tensor([1, -2], { dtype: 'float64' })];
    const [matrix, bias] = make();
    const muon = new Muon({ lr: 0.1, adamLr: 0.01, weightDecay: 0.1, method: 'auto' });
    muon.attach([
      { parameters: [matrix!], method: 'adamw' },
      { parameters: [bias!], lr: 0.2, adamLr: 0.01 },
    ]);
    const [wantedMatrix, wantedBias] = make();
    const adamw = new AdamW({ lr: 0.01, betas: [0.9, 0.95], weightDecay: 0.1 });
    adamw.attach([wantedMatrix!, wantedBias!]);
    for (let i = 0; i < 3; i++) {
      muon.step(grads);
      adamw.step(grads);
    }
    for (const [got, want] of [
      [matrix!, wantedMatrix!],
      [bias!, wantedBias!],
    ] as const) {
      expectClose(
        (await got.value.data()) as Float64Array,
        [...((await want.value.data()) as Float64Array)],
        { rtol: 1e-12, atol: 1e-14 },
      );
    }
    expect(Object.keys(await muon.stateDict())).toContain('0.exp_avg_sq');
    expect(() => new Muon({ method: 'muon' }).attach([make()[1]!])).toThrow(
      'a parameter is no matrix',
    );
    expect(() => new Muon({ adjustLr: 'x' as 'original' })).toThrow(
      'adjustLr is not usable (got x',
    );
  });
});

describe('an optimizer', () => {
  const parameter = () => new Parameter(tensor([1, 2, 3]));

  it('refuses settings that make no sense and names that do not exist', () => {
    expect(() => new SGD({ lr: -1 })).toThrow('SGD: lr is not usable (got -1');
    expect(() => new SGD({ nesterov: true })).toThrow('nesterov needs momentum');
    expect(() => new Adam({ betas: [0.9, 1] })).toThrow('betas[1] is not usable (got 1');
    expect(() => new Adam({ learningRate: 1 } as object)).toThrow(
      'Adam: unknown option (got learningRate, wanted lr, betas',
    );
    expect(() => new SGD().attach([])).toThrow('no parameters');
    const p = parameter();
    expect(() => new SGD().attach([p, p])).toThrow('given twice');
    expect(() => new SGD().attach([{ parameters: [p], momentumm: 1 } as never])).toThrow(
      'unknown option (got momentumm',
    );
  });

  it('leaves frozen parameters alone', async () => {
    const [a, b] = [parameter(), parameter()];
    a.requiresGrad = false;
    const optimizer = new SGD({ lr: 1 }).attach([a, b]);
    const grads = optimizer.minimize(stack([a.value, b.value], 0).sum());
    expect(grads).toHaveLength(1);
    expect(await a.value.toArray()).toEqual([1, 2, 3]);
    expect(await b.value.toArray()).toEqual([0, 1, 2]);
  });

  it('changes its rate without compiling again', async () => {
    const p = parameter();
    const optimizer = new SGD({ lr: 1 }).attach([p]);
    const step = compile(() => {
      optimizer.minimize(p.value.sum());
    });
    await step();
    optimizer.lr = 0.5;
    await step();
    expect(await p.value.toArray()).toEqual([-0.5, 0.5, 1.5]);
    expect(step.signatures).toBe(1);
  });

  it('goes on from its state dict as if nothing had happened', async () => {
    const make = () => {
      const p = parameter();
      const optimizer = new Adam({ lr: 0.1, amsgrad: true }).attach([p]);
      const step = compile(() => {
        optimizer.minimize(p.value.mul(p.value).sum());
      });
      return { p, optimizer, step };
    };
    const first = make();
    for (let i = 0; i < 3; i++) await first.step();
    const second = make();
    const state = await first.optimizer.stateDict();
    expect(Object.keys(state)).toEqual([
      'step',
      '0.exp_avg',
      '0.exp_avg_sq',
      '0.max_exp_avg_sq',
      'group.0.lr',
      'group.0.momentum',
    ]);
    second.p.value = tensor((await first.p.value.data()) as Float32Array);
    await second.optimizer.loadStateDict(state);
    for (let i = 0; i < 3; i++) {
      await first.step();
      await second.step();
    }
    expect(await second.p.value.data()).toEqual(await first.p.value.data());
    // The state that was handed over is the caller's still.
    expect(await state['0.exp_avg']!.data()).toHaveLength(3);
    await expect(second.optimizer.loadStateDict({ step: tensor(1) })).rejects.toThrow(
      'missing 0.exp_avg, 0.exp_avg_sq',
    );
  });
});
