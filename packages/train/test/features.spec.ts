import { compile, init, manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { ArrayDataset, ndarray } from '@hebb/data';
import type { NDArray } from '@hebb/data';
import { Linear, Module, Parameter, ReLU, Sequential, crossEntropy, mseLoss } from '@hebb/nn';
import {
  AdamW,
  BalancedSampler,
  EarlyStopping,
  ExponentialMovingAverage,
  LossScaler,
  SGD,
  StepLR,
  Trainer,
  autocast,
  composeCallbacks,
  f1Score,
  memoryStore,
  rocAuc,
} from '../src/index.ts';
import type { Callback, Dataset, EpochRecord, Logger, TrainerOptions } from '../src/index.ts';
import { clusters } from './run.ts';

const backend = cpu();
beforeAll(async () => {
  await init(backend);
});

function network(): Sequential {
  manualSeed(7);
  return new Sequential(new Linear(2, 16), new ReLU(), new Linear(16, 3));
}
const trainerOf = (more: Partial<TrainerOptions> = {}): Trainer =>
  new Trainer({ model: network(), loss: crossEntropy, optimizer: new SGD({ lr: 0.1 }), ...more });
const quiet = { progress: 'none' } as const;
const weights = async (trainer: Trainer) =>
  Array.from(await (await trainer.model.stateDict())['0.weight']!.data(), Number);
const close = (got: readonly number[], want: readonly number[], digits = 6): void => {
  expect(got).toHaveLength(want.length);
  got.forEach((value, i) => expect(value).toBeCloseTo(want[i]!, digits));
};

describe('gradient accumulation', () => {
  it('updates as one batch of all the samples, the last group and smaller batches included', async () => {
    const data = clusters(50);
    const train = async (batchSize: number, accumulate: number) => {
      const trainer = trainerOf({
        accumulate,
        schedule: new StepLR({ stepSize: 2, interval: 'step' }),
      });
      await trainer.fit(data, { epochs: 2, batchSize, shuffle: false, ...quiet });
      return trainer;
    };
    const [large, small] = [await train(20, 1), await train(5, 4)];
    expect(small.updates).toBe(large.updates);
    expect(small.optimizer.lr).toBe(large.optimizer.lr);
    close(await weights(small), await weights(large));
    // 7, 7, 7 | 7, 7, 7 | 7, 1: other sizes within a group.
    close(await weights(await train(7, 3)), await weights(await train(21, 1)));
  });

  it('clips the whole gradient', async () => {
    const train = async (batchSize: number, accumulate: number) => {
      const trainer = trainerOf({ accumulate, clipGradNorm: 0.05, optimizer: new SGD({ lr: 1 }) });
      await trainer.fit(clusters(24), { batchSize, shuffle: false, ...quiet });
      return weights(trainer);
    };
    close(await train(4, 3), await train(12, 1));
  });

  it('leaves the accumulated gradients out when a loss is not finite', async () => {
    const set = clusters(12) as ArrayDataset<{ x: NDArray; y: NDArray }>;
    (set.columns.x.data as Float32Array).fill(1e30, 14, 16); // the third batch
    const make = () =>
      trainerOf({ accumulate: 2, loss: (y, t) => crossEntropy(y, t).neg().add(1e6).log() });
    const trainer = make();
    await expect(trainer.fit(set, { batchSize: 3, shuffle: false, ...quiet })).rejects.toThrow(
      /the loss is (NaN|-Infinity) at epoch 1 of 1, step 3 of 4/,
    );
    const half = make();
    const first: Dataset = { length: 6, get: (i) => set.get(i) };
    await half.fit(first, { batchSize: 3, shuffle: false, ...quiet });
    expect(await weights(trainer)).toEqual(await weights(half));
  });
});

describe('the running average of weights', () => {
  it('copies at first, then follows', async () => {
    const p = new Parameter(tensor([1, 2], { dtype: 'float64' }));
    const ema = new ExponentialMovingAverage([p], { decay: 0.75 });
    const step = compile(() => {
      p.value = p.value.mul(2);
      ema.update();
    });
    const seen: number[] = [];
    for (let i = 0; i < 3; i++) {
      await step();
      seen.push((await ema.of(p).peek().data())[0] as number);
    }
    // 2; 2 + (4 - 2) / 4; 2.5 + (8 - 2.5) / 4
    expect(seen).toEqual([2, 2.5, 3.875]);
    await ema.during(async () => {
      expect(await p.value.toArray()).toEqual([3.875, 7.75]);
      await ema.during(async () => expect(await p.value.toArray()).toEqual([3.875, 7.75]));
    });
    expect(await p.value.toArray()).toEqual([8, 16]);
    await expect(ema.during(() => Promise.reject(new Error('inside')))).rejects.toThrow('inside');
    expect(await p.value.toArray()).toEqual([8, 16]);
    await ema.apply();
    expect(await p.value.toArray()).toEqual([3.875, 7.75]);
    await step();
    expect(await p.value.toArray()).toEqual([7.75, 15.5]);
    expect((await ema.of(p).peek().data())[0]).toBe(3.875 + (7.75 - 3.875) / 4);
    const rising = new ExponentialMovingAverage([p], { decay: 0.9, warmup: true });
    rising.update();
    p.value = tensor([0, 0], { dtype: 'float64' });
    rising.update();
    // The second update keeps (1 + 1) / (10 + 1).
    expect((await rising.of(p).value.data())[0]).toBeCloseTo((7.75 * 2) / 11, 6);
    expect(() => new ExponentialMovingAverage([], {})).toThrow('there are no parameters');
    expect(() => new ExponentialMovingAverage([p], { decay: 2 })).toThrow('decay is not usable');
  });

  it('is what a trainer evaluates, and leaves the training alone', async () => {
    const plain = trainerOf();
    await plain.fit(clusters(40), { epochs: 2, batchSize: 8, ...quiet });
    const trainer = trainerOf({ ema: { decay: 0.9 } });
    const live: number[] = [];
    await trainer.fit(clusters(40), {
      epochs: 4,
      batchSize: 8,
      validation: clusters(20, 2),
      onEpoch: ({ epoch }) => {
        live.push(backend.memory().buffers);
        if (epoch === 2) return undefined;
      },
      ...quiet,
    });
    expect(live.at(-1)).toBeLessThanOrEqual(live[1]!);
    const short = trainerOf({ ema: { decay: 0.9 } });
    const { epochs } = await short.fit(clusters(40), {
      epochs: 2,
      batchSize: 8,
      validation: clusters(20, 2),
      ...quiet,
    });
    expect(await weights(short)).toEqual(await weights(plain));
    const averaged = await short.evaluate(clusters(20, 2));
    const trained = await short.evaluate(clusters(20, 2), { average: false });
    expect(averaged.loss).toBe(epochs.at(-1)!.validation!.loss);
    expect(averaged.loss).not.toBe(trained.loss);
    expect(trained.loss).toBe((await plain.evaluate(clusters(20, 2))).loss);
    const scores = await short.predict(clusters(20, 2));
    const own = await short.predict(clusters(20, 2), { average: false });
    expect(await scores.data()).not.toEqual(await own.data());
  });
});

describe('early stopping', () => {
  const record = (epoch: number, loss: number): EpochRecord => ({
    epoch,
    loss: 9,
    metrics: {},
    validation: { loss, metrics: { accuracy: -loss } },
    lr: 1,
    samples: 1,
    seconds: 1,
    samplesPerSecond: 1,
  });
  const until = async (stopping: EarlyStopping, losses: number[]): Promise<number> => {
    const trainer = trainerOf();
    for (const [i, loss] of losses.entries()) {
      if (!(await stopping.epochEnd(record(i + 1, loss), trainer))) return i + 1;
    }
    return Infinity;
  };

  it('waits for patience, improvement by delta, a target', async () => {
    expect(await until(new EarlyStopping({ patience: 2 }), [3, 2, 2, 2, 1])).toBe(4);
    expect(await until(new EarlyStopping({ patience: 0 }), [3, 2, 2])).toBe(3);
    expect(await until(new EarlyStopping({ patience: 2 }), [3, 2, NaN, NaN])).toBe(4);
    expect(await until(new EarlyStopping({ patience: 2, minDelta: 0.5 }), [3, 2.9, 2.8, 2.4])).toBe(
      3,
    );
    expect(await until(new EarlyStopping({ patience: 2, startFrom: 2 }), [1, 1, 3, 2, 2, 2])).toBe(
      6,
    );
    expect(await until(new EarlyStopping({ target: 1.5 }), [3, 2, 1.5, 1])).toBe(3);
    // Accuracies rise.
    expect(await until(new EarlyStopping({ patience: 1, monitor: 'accuracy' }), [3, 2, 2])).toBe(3);
    await expect(until(new EarlyStopping({ monitor: 'f1' }), [1])).rejects.toThrow(
      'EarlyStopping: the metric it watches is not there (got f1, wanted loss, accuracy)',
    );
    expect(() => new EarlyStopping({ mode: 'up' as 'min' })).toThrow('unknown mode (got up');
  });

  it('ends a run and puts the best weights back', async () => {
    const stopping = new EarlyStopping({ patience: 2 });
    const states: number[][] = [];
    const trainer = trainerOf({
      optimizer: new SGD({ lr: 8 }),
      callbacks: [stopping, { epochEnd: async (_, self) => void states.push(await weights(self)) }],
    });
    const history = await trainer.fit(clusters(60), {
      epochs: 40,
      batchSize: 8,
      validation: clusters(30, 2),
      ...quiet,
    });
    expect(history.stopped).toBe(true);
    const losses = history.epochs.map(({ validation }) => validation!.loss);
    const best = losses.indexOf(Math.min(...losses));
    expect(losses.length).toBe(best + 3);
    expect(stopping.best).toEqual({ value: losses[best], epoch: best + 1 });
    expect(await weights(trainer)).toEqual(states[best]);
    // And training goes on from there.
    await trainer.fit(clusters(60), { batchSize: 8, ...quiet });
    expect(trainer.epoch).toBe(losses.length + 1);
  });
});

describe('callbacks', () => {
  const noting = (name: string, notes: string[], more: Callback = {}): Callback => ({
    name,
    fitStart: ({ epochs, resumed }) => void notes.push(`${name} start ${epochs} ${resumed}`),
    epochStart: ({ epoch }) => void notes.push(`${name} epoch ${epoch}`),
    stepEnd: ({ updates, lr, batch }) => void notes.push(`${name} ${updates} ${lr} ${batch.size}`),
    epochEnd: ({ epoch }) => void notes.push(`${name} end ${epoch}`),
    fitEnd: ({ epochs }) => void notes.push(`${name} done ${epochs.length}`),
    fitFailed: (error) => void notes.push(`${name} ${String(error)}`),
    ...more,
  });

  it('are called in order', async () => {
    const notes: string[] = [];
    const trainer = trainerOf({ callbacks: [noting('a', notes), noting('b', notes)] });
    await trainer.fit(clusters(8), { batchSize: 4, ...quiet });
    expect(notes).toEqual(
      ['start 1 false', 'epoch 1', '1 0.1 4', '2 0.1 4', 'end 1', 'done 1'].flatMap((note) => [
        `a ${note}`,
        `b ${note}`,
      ]),
    );
  });

  it('compose, end the run and hear of failures', async () => {
    const notes: string[] = [];
    const both = composeCallbacks(
      noting('a', notes, { epochEnd: ({ epoch }) => epoch < 2 }),
      noting('b', notes),
    );
    expect(both.name).toBe('a+b');
    const history = await trainerOf({ callbacks: [both] }).fit(clusters(8), {
      epochs: 5,
      batchSize: 8,
      ...quiet,
    });
    expect(history).toMatchObject({ stopped: true });
    expect(notes.filter((note) => note.includes('end'))).toEqual(['b end 1', 'b end 2']);
    notes.length = 0;
    const failing = trainerOf({
      callbacks: [
        both,
        {
          stepEnd: () => {
            throw new Error('no more');
          },
        },
      ],
    });
    await expect(failing.fit(clusters(8), quiet)).rejects.toThrow('no more');
    expect(notes.slice(-2)).toEqual(['a Error: no more', 'b Error: no more']);
    expect(composeCallbacks({ name: 'x' }).stepEnd).toBeUndefined();
  });

  it('take their state through a checkpoint, composed or not', async () => {
    const counter = (name: string) => {
      const own = { count: 0 };
      const callback: Callback = {
        name,
        epochEnd: () => void (own.count += 1),
        save: () => ({ values: { ...own }, tensors: { seen: tensor([own.count]) } }),
        restore: async ({ values, tensors }) => {
          own.count = (values as { count: number }).count;
          expect(await tensors!.seen!.item()).toBe(own.count);
        },
      };
      return { own, callback };
    };
    const [a, b, c] = [counter('n'), counter('n'), counter('m')];
    const make = (x: Callback, y: Callback, z: Callback) =>
      trainerOf({ callbacks: [x, composeCallbacks(y, z)] });
    const first = make(a.callback, b.callback, c.callback);
    await first.fit(clusters(8), { epochs: 3, ...quiet });
    b.own.count = 40;
    const [d, e, f] = [counter('n'), counter('n'), counter('m')];
    const second = make(d.callback, e.callback, f.callback);
    await second.load(await first.save());
    expect([d.own.count, e.own.count, f.own.count]).toEqual([3, 40, 3]);
    expect(second.epoch).toBe(3);
  });
});

describe('a logger', () => {
  it('gets the numbers of epochs and steps, and distributions', async () => {
    const scalars: { values: Readonly<Record<string, number>>; step: number }[] = [];
    const histograms: [string, number, number][] = [];
    let flushed = 0;
    const logger: Logger = {
      scalars: (values, step) => void scalars.push({ values, step }),
      histogram: (tag, values, step) => void histograms.push([tag, values.length, step]),
      flush: () => void (flushed += 1),
    };
    const trainer = trainerOf({ logger: { to: logger, histograms: 2 }, metrics: ['accuracy'] });
    const { epochs } = await trainer.fit(clusters(24), {
      epochs: 2,
      batchSize: 8,
      validation: clusters(12, 2),
      ...quiet,
    });
    const ends = scalars.filter(({ values }) => 'loss/train' in values);
    expect(ends.map(({ step }) => step)).toEqual([3, 6]);
    expect(ends[1]!.values).toMatchObject({
      'loss/train': epochs[1]!.loss,
      'accuracy/train': epochs[1]!.metrics.accuracy,
      'loss/validation': epochs[1]!.validation!.loss,
      'accuracy/validation': epochs[1]!.validation!.metrics.accuracy,
      lr: 0.1,
      epoch: 2,
    });
    const steps = scalars.filter(({ values }) => 'step/loss' in values);
    expect(steps.length).toBeGreaterThanOrEqual(2);
    for (const { values } of steps) expect(values['step/loss']).toBeGreaterThan(0);
    expect(histograms).toEqual([
      ['parameters/0.weight', 32, 6],
      ['parameters/0.bias', 16, 6],
      ['parameters/2.weight', 48, 6],
      ['parameters/2.bias', 3, 6],
    ]);
    expect(flushed).toBeGreaterThanOrEqual(3);
  });
});

describe('mixed precision', () => {
  it('computes products in 16 bits and gives back float32', async () => {
    manualSeed(1);
    const layer = new Linear(64, 32);
    const x = tensor(
      Float32Array.from({ length: 640 }, (_, i) => Math.sin(i)),
      { shape: [10, 64] },
    );
    const exact = await layer.forward(x).data();
    const graph = compile(() => autocast([layer.forward(x)], { dtype: 'float16' })[0]!);
    const text = graph.graph().toString();
    expect(text).toMatch(/float16\[10,32\] = linear/);
    expect(text).toMatch(/float32\[10,32\] = cast/);
    const half = await (await graph()).data();
    half.forEach((value, i) => {
      expect(Math.abs(Number(value) - Number(exact[i]))).toBeLessThan(5e-3);
    });
    expect([...half]).not.toEqual([...exact]);
  });

  it.each(['float16', 'bfloat16', { dtype: 'float16', lossScale: false }] as const)(
    'trains in %j about as well',
    async (precision) => {
      const train = async (more: Partial<TrainerOptions>) => {
        const trainer = trainerOf({
          optimizer: new AdamW({ lr: 0.02 }),
          metrics: ['accuracy'],
          ...more,
        });
        const { epochs } = await trainer.fit(clusters(60), { epochs: 3, batchSize: 8, ...quiet });
        expect(trainer.model.parameters().every(({ dtype }) => dtype === 'float32')).toBe(true);
        return { trainer, last: epochs.at(-1)! };
      };
      const full = await train({});
      const half = await train({ precision });
      expect(half.last.loss).not.toBe(full.last.loss);
      expect(Math.abs(half.last.loss - full.last.loss)).toBeLessThan(0.02);
      expect(half.last.lossScale).toBe(precision === 'float16' ? 65536 : undefined);
      expect((await half.trainer.evaluate(clusters(30, 2))).metrics.accuracy).toBeGreaterThan(0.9);
    },
  );

  it('leaves a step out whose gradients overflow, and lowers the scale', async () => {
    const scaler = new LossScaler({ initial: 1024, interval: 2 });
    const p = new Parameter(tensor([1]));
    const optimizer = new SGD({ lr: 1 }).attach([p]);
    const step = compile((factor: Tensor) => {
      const loss = p.value.mul(factor).sum();
      const grads = scaler.unscaled(optimizer.gradients(scaler.scaled(loss)));
      const before = p.value;
      const good = scaler.judge(grads, tensor(true));
      optimizer.step(grads);
      p.value = p.value.where(good, before);
    });
    const run = async (factor: number) => {
      await step(tensor([factor]));
      const state = [scaler.scale, scaler.sound, scaler.skipped].map((v) => v.peek().item());
      return [(await p.value.data())[0], ...(await Promise.all(state))];
    };
    expect(await run(0.25)).toEqual([0.75, 1024, 1, 0]);
    expect(await run(0.25)).toEqual([0.5, 2048, 0, 0]);
    // 3e38 · 2048 is no float32.
    expect(await run(3e38)).toEqual([0.5, 1024, 0, 1]);
    expect(await run(0.5)).toEqual([0, 1024, 1, 1]);
  });

  it('moves its scale as GradScaler of PyTorch does', async () => {
    // `_amp_update_scale_` in words: an overflow multiplies by the backoff and starts the count anew; the
    // count reaching the interval multiplies by the growth, unless that is infinite.
    const model = { scale: 2 ** 126, count: 0, skipped: 0 };
    const scaler = new LossScaler({ initial: 2 ** 126, interval: 3 });
    const judge = compile((g: Tensor, counts: Tensor) => scaler.judge([g, g.mul(0)], counts));
    const finite = [1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1];
    for (const [i, good] of finite.entries()) {
      const bad = i % 2 === 0 ? NaN : -Infinity;
      expect(await (await judge(tensor([0.5, good === 1 ? 2 : bad]), tensor(true))).item()).toBe(
        good,
      );
      if (good === 0) {
        model.scale *= 0.5;
        model.count = 0;
        model.skipped += 1;
      } else if (++model.count === 3) {
        if (model.scale * 2 < 2 ** 128) model.scale *= 2;
        model.count = 0;
      }
      const [scale, count, skipped] = await Promise.all(
        [scaler.scale, scaler.sound, scaler.skipped].map((v) => v.peek().item()),
      );
      expect({ scale, count, skipped }).toEqual(model);
    }
    // A call that only accumulates moves nothing.
    await judge(tensor([NaN, 1]), tensor(false));
    expect(await scaler.scale.peek().item()).toBe(model.scale);
    const { scale } = new LossScaler();
    expect(await scale.peek().item()).toBe(65536);
  });

  it('ends a run whose gradients are never finite', async () => {
    class Root extends Module {
      forward(x: Tensor): Tensor {
        return x.mul(0).sqrt().add(x);
      }
    }
    manualSeed(1);
    const model = new Sequential(new Linear(2, 4), new Root(), new Linear(4, 3));
    const trainer = trainerOf({ model, precision: 'float16' });
    const before = await weights(trainer);
    await expect(trainer.fit(clusters(60), { batchSize: 1, ...quiet })).rejects.toThrow(
      'the gradients are not finite at any loss scale at epoch 1 of 1',
    );
    expect(await weights(trainer)).toEqual(before);
  });

  it('says so where the backend cannot', async () => {
    const { dtypes } = backend.capabilities;
    const plain = Object.create(backend, {
      capabilities: {
        value: {
          ...backend.capabilities,
          dtypes: new Set([...dtypes].filter((d) => d !== 'float16')),
        },
      },
    }) as typeof backend;
    await init(plain);
    try {
      await expect(trainerOf({ precision: 'float16' }).fit(clusters(8), quiet)).rejects.toThrow(
        'backend cpu does not compute in float16',
      );
    } finally {
      await init(backend);
    }
    expect(() => trainerOf({ precision: 'float8' as 'float16' })).toThrow(
      'unknown precision (got float8',
    );
  });
});

describe('probes', () => {
  it('find a learning rate and put everything back', async () => {
    const trainer = trainerOf({ metrics: ['accuracy'] });
    await trainer.fit(clusters(60), { batchSize: 8, ...quiet });
    const before = await trainer.save();
    const curve = await trainer.findLearningRate(clusters(60), {
      batchSize: 10,
      low: 1e-4,
      high: 1e4,
    });
    expect(curve.rates).toHaveLength(100);
    expect(curve.losses).toHaveLength(100);
    expect(curve.suggestion).toBeGreaterThan(1e-4);
    expect(curve.suggestion).toBeLessThan(10);
    expect(Buffer.compare(Buffer.from(await trainer.save()), Buffer.from(before))).toBe(0);
    const exploding = new Trainer({
      model: new Linear(2, 1),
      loss: (y, t) => mseLoss(y, t.to('float32').unsqueeze(1)),
      optimizer: new SGD(),
    });
    const short = await exploding.findLearningRate(clusters(60), { high: 1e3 });
    expect(short.diverged).toBe(true);
    expect(short.rates.length).toBeLessThan(100);
    // The rate it names is one to train with.
    const { epochs } = await trainerOf({ optimizer: new SGD({ lr: curve.suggestion! }) }).fit(
      clusters(60),
      { epochs: 4, batchSize: 10, ...quiet },
    );
    expect(epochs.at(-1)!.loss).toBeLessThan(epochs[0]!.loss);
    await expect(trainer.findLearningRate(clusters(8), { low: 1, high: 0.1 })).rejects.toThrow(
      'needs 0 < low < high',
    );
  });

  it('learn one batch by heart, or say what to look at', async () => {
    const trainer = trainerOf({ optimizer: new AdamW({ lr: 0.05 }) });
    const before = await weights(trainer);
    const result = await trainer.overfitBatch(clusters(60));
    expect(result.passed).toBe(true);
    expect(result.losses).toHaveLength(100);
    expect(result.message).toMatch(/^over 100 steps on 8 samples the loss went from 1\.\d+ to /);
    expect(await weights(trainer)).toEqual(before);
    const frozen = network();
    frozen.layers.forEach((layer) => layer.freeze());
    (frozen.layers[2] as Linear).bias!.requiresGrad = true;
    const stuck = await trainerOf({ model: frozen }).overfitBatch(clusters(60));
    expect(stuck.passed).toBe(false);
    expect(stuck.message).toContain('look at the learning rate');
    const bad = await trainerOf({ loss: (y, t) => crossEntropy(y, t).neg().log() }).overfitBatch(
      clusters(60),
    );
    expect(bad).toMatchObject({ passed: false, losses: [NaN] });
  });
});

describe('a trainer', () => {
  it('collects exact metrics in evaluation, NaN where they are not defined', async () => {
    const trainer = trainerOf({ metrics: ['accuracy', f1Score(), rocAuc()] });
    const { epochs } = await trainer.fit(clusters(60), {
      epochs: 4,
      batchSize: 8,
      validation: clusters(30, 2),
      ...quiet,
    });
    const last = epochs.at(-1)!;
    expect(Object.keys(last.metrics)).toEqual(['accuracy', 'f1']);
    expect(last.validation!.metrics.rocAuc).toBeGreaterThan(0.9);
    expect(last.validation!.metrics.f1).toBeGreaterThan(0.8);
    const one = clusters(3);
    const single: Dataset = { length: 2, get: () => one.get(1) };
    expect((await trainer.evaluate(single)).metrics.rocAuc).toBeNaN();
  });

  it('takes a sampler and tells how long steps waited', async () => {
    const data = clusters(60);
    const labels = Array.from({ length: 60 }, (_, i) => Number(data.get(i).y!.data[0]));
    const trainer = trainerOf();
    const { epochs } = await trainer.fit(data, {
      batchSize: 8,
      sampler: new BalancedSampler(labels, { count: 20 }),
      ...quiet,
    });
    expect(epochs[0]).toMatchObject({ samples: 20, updates: 3 });
    expect(epochs[0]!.waiting).toBeGreaterThanOrEqual(0);
    expect(epochs[0]!.waiting).toBeLessThan(1);
  });

  it('gives the same history for the same seed, to the last bit', async () => {
    const run = async () => {
      const { epochs } = await trainerOf({ metrics: ['accuracy'] }).fit(clusters(600), {
        epochs: 2,
        batchSize: 1,
        onProgress: () => undefined,
        ...quiet,
      });
      return epochs.map(({ loss, metrics }) => [loss, metrics.accuracy]);
    };
    expect(await run()).toEqual(await run());
  });

  it('regresses one output with checkpoints in memory', async () => {
    const x = Float32Array.from({ length: 32 }, (_, i) => Math.sin(i));
    const set = new ArrayDataset({
      x: ndarray(x, [32, 1]),
      y: ndarray(
        x.map((v) => 3 * v),
        [32, 1],
      ),
    });
    const store = memoryStore();
    const trainer = new Trainer({
      model: new Linear(1, 1),
      loss: mseLoss,
      optimizer: new SGD({ lr: 0.3 }),
      metrics: ['rmse'],
      checkpoint: { store },
      earlyStopping: 3,
    });
    const { epochs } = await trainer.fit(set, { epochs: 20, batchSize: 8, resume: true, ...quiet });
    expect(epochs.at(-1)!.metrics.rmse).toBeLessThan(0.01);
    expect((await store.list()).length).toBe(3);
  });
});
