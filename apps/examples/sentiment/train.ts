/** Both classifiers, trained on one part of the reviews and judged on another. */
import { manualSeed } from '@hebb/core';
import type { Vocabulary } from '@hebb/data';
import { Linear, crossEntropy } from '@hebb/nn';
import { AdamW, CosineAnnealingLR, Trainer } from '@hebb/train';
import { Bags, sequences, vocabularyOf } from './features.ts';
import type { Review } from './features.ts';
import { SentimentNet } from './model.ts';

export interface Split {
  readonly train: readonly Review[];
  readonly test: readonly Review[];
}

export interface BagPlan {
  readonly epochs: number;
  readonly minCount: number;
  readonly most: number;
}

/** Logistic regression over tf-idf; the share of the test part that it has right. */
export async function bagAccuracy(
  { train, test }: Split,
  plan: BagPlan,
  seed: number,
): Promise<number> {
  manualSeed(seed);
  const bags = new Bags(train, plan);
  const batchSize = 32;
  const steps = plan.epochs * Math.ceil(train.length / batchSize);
  const trainer = new Trainer({
    model: new Linear(bags.size, 2),
    loss: crossEntropy,
    // The penalty on the weights is what keeps thousands of words from being learned by heart.
    optimizer: new AdamW({ lr: 1e-2, weightDecay: 0.1 }),
    schedule: new CosineAnnealingLR({ tMax: steps }),
    metrics: ['accuracy'],
    seed,
  });
  await trainer.fit(bags.dataset(train), { epochs: plan.epochs, batchSize, progress: 'none' });
  const { metrics } = await trainer.evaluate(bags.dataset(test));
  trainer.dispose();
  return metrics['accuracy']!;
}

export interface NetPlan {
  readonly epochs: number;
  readonly minCount: number;
  readonly most: number;
  readonly embedding: number;
  readonly hidden: number;
  readonly dropout: number;
  readonly lr: number;
  /** Most words that are read of a review. */
  readonly length: number;
}

export interface TrainedNet {
  readonly model: SentimentNet;
  readonly vocabulary: Vocabulary;
  readonly accuracy: number;
}

export async function trainNet(
  { train, test }: Split,
  plan: NetPlan,
  seed: number,
): Promise<TrainedNet> {
  manualSeed(seed);
  const vocabulary = vocabularyOf(train, plan);
  const model = new SentimentNet({ ...plan, words: vocabulary.size });
  const batchSize = 32;
  const steps = plan.epochs * Math.ceil(train.length / batchSize);
  const trainer = new Trainer({
    model,
    loss: crossEntropy,
    optimizer: new AdamW({ lr: plan.lr, weightDecay: 1e-2 }),
    schedule: new CosineAnnealingLR({ tMax: steps }),
    metrics: ['accuracy'],
    clipGradNorm: 1,
    inputs: ['ids', 'length'],
    target: 'label',
    seed,
  });
  const data = sequences(train, vocabulary, plan.length);
  await trainer.fit(data, { epochs: plan.epochs, batchSize, progress: 'none' });
  const { metrics } = await trainer.evaluate(sequences(test, vocabulary, plan.length));
  trainer.dispose();
  return { model, vocabulary, accuracy: metrics['accuracy']! };
}
