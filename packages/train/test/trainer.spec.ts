import { init, manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { ArrayDataset, ndarray } from '@hebb/data';
import {
  BCEWithLogitsLoss,
  Dropout,
  Linear,
  Module,
  ReLU,
  Sequential,
  crossEntropy,
  mseLoss,
} from '@hebb/nn';
import { AdamW, NonFiniteError, SGD, StepLR, Trainer, topKAccuracy } from '../src/index.ts';
import type { EpochRecord, Progress } from '../src/index.ts';

const backend = cpu();
beforeAll(async () => {
  await init(backend);
});

/** Two spirals would be hard; three clusters on a circle are not. */
function clusters(count: number, seed = 1) {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const x = new Float32Array(2 * count);
  const y = Uint8Array.from({ length: count }, (_, i) => i % 3);
  for (let i = 0; i < count; i++) {
    const angle = (2 * Math.PI * y[i]!) / 3;
    x[2 * i] = Math.cos(angle) + 0.6 * (random() - 0.5);
    x[2 * i + 1] = Math.sin(angle) + 0.6 * (random() - 0.5);
  }
  return new ArrayDataset({ x: ndarray(x, [count, 2]), y: ndarray(y) });
}

function network(...extra: Dropout[]) {
  manualSeed(7);
  return new Sequential(new Linear(2, 16), new ReLU(), ...extra, new Linear(16, 3));
}

const quiet = { progress: 'none' } as const;

describe('Trainer', () => {
  it('learns a separable problem', async () => {
    const model = network();
    const trainer = new Trainer({
      model,
      loss: crossEntropy,
      optimizer: new AdamW({ lr: 0.02 }),
      metrics: ['accuracy', topKAccuracy(2)],
    });
    const seen: Progress[] = [];
    const history = await trainer.fit(clusters(150), {
      epochs: 8,
      batchSize: 16,
      validation: clusters(60, 2),
      onProgress: (progress) => seen.push(progress),
      ...quiet,
    });
    expect(history.epochs).toHaveLength(8);
    const last = history.epochs.at(-1)!;
    expect(last.loss).toBeLessThan(history.epochs[0]!.loss / 4);
    expect(last.validation!.metrics.accuracy).toBeGreaterThan(0.98);
    expect(last.validation!.metrics.top2Accuracy).toBe(1);
    expect(last).toMatchObject({ epoch: 8, samples: 150, lr: 0.02 });
    expect(seen.at(-1)).toMatchObject({ epoch: 8, epochs: 8, step: 10, steps: 10 });
    expect(seen.at(-1)!.secondsLeft).toBe(0);
    expect(trainer.epoch).toBe(8);

    const evaluation = await trainer.evaluate(clusters(60, 2), { batchSize: 7 });
    expect(evaluation.samples).toBe(60);
    expect(evaluation.metrics.accuracy).toBeCloseTo(last.validation!.metrics.accuracy!, 12);
    expect(evaluation.loss).toBeCloseTo(last.validation!.loss, 5);

    const matrix = await trainer.confusionMatrix(clusters(60, 2), { labels: ['a', 'b', 'c'] });
    expect(matrix.total).toBe(60);
    expect(matrix.accuracy).toBeCloseTo(evaluation.metrics.accuracy!, 12);
    expect(matrix.counts.map((row) => row.reduce((sum, n) => sum + n))).toEqual([20, 20, 20]);
    expect(matrix.toString().split('\n')[0]).toMatch(/^ +a +b +c$/);

    const scores = await trainer.predict(clusters(60, 2), { batchSize: 25 });
    expect(scores.shape).toEqual([60, 3]);
    const right = (await scores.argmax(1).data()).filter((c, i) => c === i % 3).length;
    expect(right / 60).toBeCloseTo(evaluation.metrics.accuracy!, 12);
    expect(model.training).toBe(true);
    trainer.dispose();
  });

  it('regresses, with its own column names and several inputs', async () => {
    class Sum extends Module {
      readonly a = new Linear(1, 1, { bias: false });
      readonly b = new Linear(2, 1);
      forward(a: Tensor, b: Tensor): Tensor {
        return this.a.forward(a).add(this.b.forward(b));
      }
    }
    manualSeed(3);
    const count = 64;
    const values = Float32Array.from({ length: 2 * count }, (_, i) => Math.sin(i * 7.3));
    const set = new ArrayDataset({
      wanted: ndarray(
        Float32Array.from(
          { length: count },
          (_, i) => values[2 * i]! - 2 * values[2 * i + 1]! + 0.5,
        ),
        [count, 1],
      ),
      b: ndarray(values, [count, 2]),
      a: ndarray(new Float32Array(count), [count, 1]),
    });
    const trainer = new Trainer({
      model: new Sum(),
      loss: mseLoss,
      optimizer: new SGD({ lr: 0.1, momentum: 0.9 }),
      metrics: ['mae'],
      inputs: ['a', 'b'],
      target: 'wanted',
    });
    const { epochs } = await trainer.fit(set, { epochs: 30, batchSize: 16, ...quiet });
    expect(epochs.at(-1)!.metrics.mae).toBeLessThan(0.01);
  });

  it('classifies in two with a loss module', async () => {
    const base = clusters(60);
    const set = new ArrayDataset({
      x: base.columns.x,
      y: ndarray(
        Float32Array.from(base.columns.y.data as Uint8Array, (c) => (c === 0 ? 1 : 0)),
        [60, 1],
      ),
    });
    const trainer = new Trainer({
      model: new Linear(2, 1),
      loss: new BCEWithLogitsLoss(),
      optimizer: new AdamW({ lr: 0.3 }),
      metrics: ['binaryAccuracy'],
    });
    const { epochs } = await trainer.fit(set, { epochs: 10, ...quiet });
    expect(epochs.at(-1)!.metrics.binaryAccuracy).toBeGreaterThan(0.97);
  });

  it('gives the same weights bit for bit for the same seed, others for another', async () => {
    const weights = async (seed: number) => {
      const model = network(new Dropout(0.3));
      const trainer = new Trainer({
        model,
        loss: crossEntropy,
        optimizer: new AdamW({ lr: 0.01 }),
        seed,
      });
      await trainer.fit(clusters(50), { epochs: 2, batchSize: 8, ...quiet });
      return (await model.stateDict())['0.weight']!.data();
    };
    const first = await weights(5);
    expect(await weights(5)).toEqual(first);
    expect(await weights(6)).not.toEqual(first);
  });

  it('fits in two parts as in one', async () => {
    const run = async (...parts: number[]) => {
      const model = network(new Dropout(0.3));
      const trainer = new Trainer({
        model,
        loss: crossEntropy,
        optimizer: new AdamW({ lr: 0.01 }),
        schedule: new StepLR({ stepSize: 1, gamma: 0.5 }),
      });
      for (const epochs of parts)
        await trainer.fit(clusters(40), { epochs, batchSize: 8, ...quiet });
      return (await model.stateDict())['3.weight']!.data();
    };
    expect(await run(1, 2)).toEqual(await run(3));
  });

  it('follows its schedule and leaves frozen parameters alone', async () => {
    const model = network();
    (model.layers[0] as Linear).freeze();
    const before = await (await model.stateDict())['0.weight']!.data();
    const trainer = new Trainer({
      model,
      loss: crossEntropy,
      optimizer: new SGD({ lr: 1 }),
      schedule: new StepLR({ stepSize: 1, gamma: 0.5 }),
    });
    const { epochs } = await trainer.fit(clusters(20), { epochs: 3, ...quiet });
    expect(epochs.map(({ lr }) => lr)).toEqual([1, 0.5, 0.25]);
    const after = await model.stateDict();
    expect(await after['0.weight']!.data()).toEqual(before);
  });

  it('keeps memory flat', async () => {
    const trainer = new Trainer({
      model: network(new Dropout(0.1)),
      loss: crossEntropy,
      optimizer: new AdamW(),
      metrics: ['accuracy'],
      schedule: new StepLR({ stepSize: 1, interval: 'step', gamma: 0.999 }),
    });
    const live: number[] = [];
    await trainer.fit(clusters(80), {
      epochs: 13,
      batchSize: 1,
      validation: clusters(20),
      onEpoch: () => void live.push(backend.memory().buffers),
      ...quiet,
    });
    expect(live).toHaveLength(13);
    expect(live.at(-1)).toBeLessThanOrEqual(live[1]!);
  });

  it('stops when onEpoch says so, and when the signal does', async () => {
    const make = () =>
      new Trainer({ model: network(), loss: crossEntropy, optimizer: new SGD({ lr: 0.1 }) });
    const records: EpochRecord[] = [];
    const history = await make().fit(clusters(20), {
      epochs: 9,
      onEpoch: (record) => {
        records.push(record);
        return record.epoch < 2;
      },
      ...quiet,
    });
    expect(history.stopped).toBe(true);
    expect(history.epochs).toEqual(records);
    expect(records).toHaveLength(2);

    const controller = new AbortController();
    const trainer = make();
    const fit = trainer.fit(clusters(20), {
      epochs: 1000,
      signal: controller.signal,
      onEpoch: (record) => {
        if (record.epoch === 3) controller.abort(new Error('enough'));
      },
      ...quiet,
    });
    await expect(fit).rejects.toThrow('enough');
    expect(trainer.epoch).toBe(3);
  });

  describe('when the loss is no longer finite', () => {
    it('names epoch, step and layer, and keeps the last sound state', async () => {
      class Break extends Module {
        forward(x: Tensor): Tensor {
          // The logarithm of what is negative for large inputs only.
          return x.neg().add(100).log();
        }
      }
      manualSeed(1);
      const model = new Sequential({
        first: new Linear(2, 4),
        odd: new Break(),
        last: new Linear(4, 3),
      });
      const set = clusters(40);
      (set.columns.x.data as Float32Array).fill(1e6, 2 * 21, 2 * 22);
      const trainer = new Trainer({ model, loss: crossEntropy, optimizer: new SGD({ lr: 0.01 }) });
      const error: unknown = await trainer
        .fit(set, { epochs: 3, batchSize: 4, shuffle: false, ...quiet })
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(NonFiniteError);
      expect(error).toMatchObject({ epoch: 1, step: 6, layer: 'odd', parameter: 'last.bias' });
      expect(String(error)).toContain('the loss is NaN at epoch 1 of 3, step 6 of 10');
      expect(String(error)).toContain('layer odd (Break) is the first whose output is not finite');
      for (const value of Object.values(await model.stateDict())) {
        expect([...((await value.data()) as Float32Array)].every(Number.isFinite)).toBe(true);
      }
    });

    it('names the parameter that an infinite gradient has spoilt', async () => {
      class Root extends Module {
        forward(x: Tensor): Tensor {
          return x.mul(0).sqrt().add(x);
        }
      }
      manualSeed(1);
      const model = new Sequential(new Linear(2, 4), new Root(), new Linear(4, 3));
      const trainer = new Trainer({ model, loss: crossEntropy, optimizer: new SGD({ lr: 0.01 }) });
      const error: unknown = await trainer
        .fit(clusters(40), { batchSize: 8, ...quiet })
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ epoch: 1, step: 2, parameter: '0.bias' });
      expect(String(error)).toContain('parameter 0.bias (Linear) is no longer finite');
    });

    it('blames the loss function when every layer is sound', async () => {
      const trainer = new Trainer({
        model: network(),
        loss: (output, target) => crossEntropy(output, target).neg().log(),
        optimizer: new SGD({ lr: 0.01 }),
      });
      await expect(trainer.fit(clusters(8), quiet)).rejects.toThrow('the loss function itself');
    });
  });

  describe('refuses', () => {
    const make = (more: object = {}) =>
      new Trainer({ model: network(), loss: crossEntropy, optimizer: new SGD(), ...more });

    it('bad options', async () => {
      expect(() => make({ lr: 1 })).toThrow('Trainer: unknown option (got lr');
      expect(() => make({ metrics: ['acuracy'] })).toThrow('unknown metric (got acuracy');
      expect(() => make({ metrics: ['accuracy', 'accuracy'] })).toThrow(
        'two metrics have one name',
      );
      expect(() => make({ seed: -1 })).toThrow('seed is not usable');
      expect(() => make({ loss: 'mse' })).toThrow('loss is neither a function nor a module');
      await expect(make().fit(clusters(4), { epochs: 0 })).rejects.toThrow('epochs is not usable');
      await expect(make().fit(clusters(4), { epoch: 3 } as object)).rejects.toThrow(
        'Trainer.fit: unknown option (got epoch',
      );
      await expect(make({ target: 'label' }).fit(clusters(4), quiet)).rejects.toThrow(
        'there is no such column (got label, wanted x, y)',
      );
    });

    it('empty data and labels that are no class', async () => {
      await expect(make().fit(clusters(0), quiet)).rejects.toThrow('the data set is empty');
      await expect(make().fit(clusters(4), { validation: clusters(0), ...quiet })).rejects.toThrow(
        'the validation data set is empty',
      );
      const set = clusters(9);
      (set.columns.y.data as Uint8Array)[6] = 3;
      await expect(make().fit(set, { shuffle: false, batchSize: 4, ...quiet })).rejects.toThrow(
        'column "y" of sample 6 holds label 3, but the model has 3 classes, 0 to 2',
      );
      (set.columns.x.data as Float32Array)[3] = NaN;
      await expect(make().fit(set, quiet)).rejects.toThrow('column "x" of sample 1 holds NaN');
    });

    it('a model that does not fit the data, naming the layer', async () => {
      const wide = new Sequential({ encoder: new Sequential(new Linear(5, 3)) });
      await expect(make({ model: wide }).fit(clusters(4), quiet)).rejects.toThrow(
        'linear at encoder.0: input does not fit the weight',
      );
    });

    it('a loss that is not one number, and a second fit at a time', async () => {
      const trainer = make({ loss: (y: Tensor) => y });
      await expect(trainer.fit(clusters(4), quiet)).rejects.toThrow(
        'the loss is not one number: reduce it with mean or sum (got [4,3])',
      );
      const busy = make();
      const first = busy.fit(clusters(4), quiet);
      await expect(busy.fit(clusters(4), quiet)).rejects.toThrow('is already running');
      await first;
      // And after an error it can be used again.
      expect((await busy.fit(clusters(4), quiet)).epochs).toHaveLength(1);
    });
  });

  it('leaves tensors it was not given alone', async () => {
    const x = tensor([[1, 2]]);
    const model = new Linear(2, 3);
    const trainer = new Trainer({ model, loss: crossEntropy, optimizer: new SGD() });
    await trainer.fit(clusters(4), quiet);
    expect((await model.forward(x).data()).length).toBe(3);
    expect(await x.toArray()).toEqual([[1, 2]]);
  });
});
