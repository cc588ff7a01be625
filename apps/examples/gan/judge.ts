/** How good drawn digits are, by a network that has learned to read real ones. */
import { compile, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { crossEntropy, withMode } from '@hebb/nn';
import { AdamW, OneCycleLR, Trainer, classQuality, frechetDistance } from '@hebb/train';
import type { ClassQuality, Dataset, GanTrainer } from '@hebb/train';
import { Reader, numClasses } from './model.ts';

const batchSize = 100;

/** What the reader makes of images: its 64 features a sample and the digits it reads. */
export interface Reading {
  readonly features: { readonly data: Float64Array; readonly shape: readonly number[] };
  readonly digits: Int32Array;
}

export interface Judgement extends ClassQuality {
  /** Between features of drawn and of real samples. */
  readonly frechet: number;
}

export class Judge {
  readonly #reader = new Reader();
  readonly #read = compile((x: Tensor) =>
    withMode(this.#reader, false, () => {
      const features = this.#reader.features.forward(x);
      return { features, digits: this.#reader.head.forward(features).argmax(1) };
    }),
  );

  /** Learns to read; returns the share of right answers on data it has not seen. */
  async learn(train: Dataset, test: Dataset, epochs: number, seed: number): Promise<number> {
    const totalSteps = epochs * Math.ceil(train.length / 64);
    const trainer = new Trainer({
      model: this.#reader,
      loss: crossEntropy,
      optimizer: new AdamW({ lr: 4e-3 }),
      schedule: new OneCycleLR({ maxLr: 4e-3, totalSteps }),
      metrics: ['accuracy'],
      seed,
    });
    await trainer.fit(train, { epochs, batchSize: 64 });
    const { metrics } = await trainer.evaluate(test);
    trainer.dispose();
    return metrics['accuracy']!;
  }

  async read(images: readonly Tensor[]): Promise<Reading> {
    const features: number[] = [];
    const digits: number[] = [];
    for (const batch of images) {
      const seen = await this.#read(batch);
      for (const value of await seen.features.data()) features.push(Number(value));
      for (const value of await seen.digits.data()) digits.push(Number(value));
    }
    const data = Float64Array.from(features);
    return {
      features: { data, shape: [digits.length, data.length / digits.length] },
      digits: Int32Array.from(digits),
    };
  }

  /** The first `count` real samples. */
  async readReal(data: Dataset, count: number): Promise<Reading> {
    const images: Tensor[] = [];
    for (let from = 0; from < Math.min(count, data.length); from += batchSize) {
      const rows = Math.min(batchSize, data.length - from);
      const { image } = await data.batch!(Int32Array.from({ length: rows }, (_, i) => from + i));
      images.push(tensor(image!.data, { shape: image!.shape, dtype: 'float32' }));
    }
    return this.read(images);
  }

  /** Between two sets of samples. */
  distance(a: Reading, b: Reading): number {
    return frechetDistance(a.features, b.features);
  }

  /** Asks for as many of each digit, and compares with real ones. */
  async judge(trainer: GanTrainer, count: number, real: Reading, seed: number): Promise<Judgement> {
    const asked = Int32Array.from({ length: count }, (_, i) => i % numClasses);
    const latents = await trainer.latents(count, seed).data();
    const width = latents.length / count;
    const images: Tensor[] = [];
    for (let from = 0; from < count; from += batchSize) {
      const to = Math.min(count, from + batchSize);
      const z = Float32Array.from(latents.slice(from * width, to * width), Number);
      images.push(
        await trainer.generate(tensor(z, { shape: [to - from, width] }), {
          conditions: [tensor(asked.slice(from, to), { dtype: 'int32' })],
        }),
      );
    }
    const drawn = await this.read(images);
    return {
      ...classQuality(asked, drawn.digits, numClasses),
      frechet: frechetDistance(real.features, drawn.features),
    };
  }
}
