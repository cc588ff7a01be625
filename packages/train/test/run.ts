/** A training run with everything in it that has state; used in one process and in children. */
import { Generator, full, manualSeed, random, scalar } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { ArrayDataset, ndarray } from '@hebb/data';
import { Dropout, Linear, Module, ModuleBuffer, ReLU, Sequential, crossEntropy } from '@hebb/nn';
import { AdamW, CosineAnnealingLR, ReduceLROnPlateau, Trainer } from '../src/index.ts';
import type { Dataset, TrainerOptions } from '../src/index.ts';

/** Keeps a running mean, as batch normalisation does, and counts its calls in a hidden buffer. */
class Running extends Module {
  readonly mean = new ModuleBuffer(full([8], 0));
  readonly calls = new ModuleBuffer(scalar(0, 'int32'), { persistent: false });
  forward(x: Tensor): Tensor {
    if (this.training) {
      this.mean.value = this.mean.value.mul(0.9).add(x.sum(0).mul(0.1 / x.shape[0]!));
      this.calls.value = this.calls.value.add(1);
    }
    return x.sub(this.mean.value);
  }
}

/** Adds noise from a generator that no parameter or buffer tells of. */
class Noise extends Module {
  readonly #generator = new Generator(99);
  forward(x: Tensor): Tensor {
    return this.training ? x.add(random.normal(this.#generator.next(), x.shape).mul(0.1)) : x;
  }
}

export function network(): Sequential {
  manualSeed(7);
  return new Sequential(
    new Linear(2, 8),
    new Running(),
    new ReLU(),
    new Dropout(0.2),
    new Dropout(0.1, { generator: new Generator(5) }),
    new Noise(),
    new Linear(8, 3),
  );
}

export function clusters(count: number, seed = 1): Dataset {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const x = new Float32Array(2 * count);
  const y = Uint8Array.from({ length: count }, (_, i) => i % 3);
  for (let i = 0; i < count; i++) {
    const angle = (2 * Math.PI * y[i]!) / 3;
    x[2 * i] = Math.cos(angle) + 0.6 * (next() - 0.5);
    x[2 * i + 1] = Math.sin(angle) + 0.6 * (next() - 0.5);
  }
  return new ArrayDataset({ x: ndarray(x, [count, 2]), y: ndarray(y) });
}

/** Batches 6, 6, 6, 6, 6, 6, 2 in updates of three; 3 updates an epoch. */
export const samples = 38;
export const batchSize = 6;

export function trainerOf(more: Partial<TrainerOptions> = {}): Trainer {
  return new Trainer({
    model: network(),
    loss: crossEntropy,
    optimizer: new AdamW({ lr: 0.02 }),
    metrics: ['accuracy'],
    schedule: new CosineAnnealingLR({ tMax: 20, interval: 'step' }),
    accumulate: 3,
    ema: { decay: 0.8 },
    clipGradNorm: 1,
    seed: 3,
    ...more,
  });
}
export const plateau = () => new ReduceLROnPlateau({ patience: 0, factor: 0.5, threshold: 0.2 });

/** Every number that a run leaves behind. */
export async function stateOf(trainer: Trainer): Promise<Record<string, number[]>> {
  const numbers = async (tensors: Readonly<Record<string, Tensor>>, prefix: string) =>
    Promise.all(
      Object.entries(tensors).map(
        async ([name, t]) => [prefix + name, Array.from(await t.data(), Number)] as const,
      ),
    );
  return Object.fromEntries([
    ...(await numbers(await trainer.model.stateDict(), '')),
    ...(await numbers(await trainer.evaluatedState(), 'ema ')),
    ...(await numbers(await trainer.optimizer.stateDict(), 'optimizer ')),
    ['updates', [trainer.updates, trainer.epoch]],
    [
      'records',
      trainer.records.flatMap(({ loss, metrics, lr, validation }) => [
        loss,
        metrics.accuracy!,
        lr,
        ...(validation ? [validation.loss, validation.metrics.accuracy!] : []),
      ]),
    ],
  ]);
}
