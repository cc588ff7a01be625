/** Training steps: forward, backward, update. */
import type { Layers } from '../models/layers.ts';
import { decoder, gruClassifier, lstmClassifier } from '../models/sequence.ts';
import type { TransformerSizes } from '../models/sequence.ts';
import { discriminator, generator, leNet, mlp, resNet8 } from '../models/vision.ts';
import { adam, sgd } from './case.ts';
import type { OptimizerSettings, TrainCase } from './case.ts';

/** A classifier: inputs are data and labels. */
export function classifier(
  name: string,
  shape: readonly number[],
  model: <T>(l: Layers<T>, x: T) => T,
  optimizer: OptimizerSettings,
): TrainCase {
  return {
    family: 'train',
    name,
    inputs: { x: { shape }, labels: { shape: [shape[0]!], below: 10 } },
    tolerance: 1e-3,
    phases: [
      {
        name: 'loss',
        prefix: '',
        optimizer,
        loss: (l, [x, labels]) => l.crossEntropy(model(l, x!), labels!),
      },
    ],
  };
}

/** Predicts each next token: inputs are tokens and those that follow. */
export function languageModel(
  name: string,
  { batch, time, vocabulary }: { batch: number; time: number; vocabulary: number },
  sizes: TransformerSizes,
): TrainCase {
  const model = decoder(sizes, vocabulary);
  return {
    family: 'train',
    name,
    inputs: {
      tokens: { shape: [batch, time], below: vocabulary },
      next: { shape: [batch * time], below: vocabulary },
    },
    tolerance: 1e-3,
    phases: [
      {
        name: 'loss',
        prefix: '',
        optimizer: adam(1e-3),
        loss: (l, [tokens, next]) =>
          l.crossEntropy(l.reshape(model(l, tokens!), [batch * time, vocabulary]), next!),
      },
    ],
  };
}

/** Parameters of the case that does nothing but update them. */
export const adamCount = 10_000_000;

export const train: readonly TrainCase[] = [
  classifier('mlp', [64, 784], mlp, sgd(0.05)),
  classifier('lenet', [32, 1, 28, 28], leNet, adam(1e-3)),
  classifier('resnet8', [32, 3, 32, 32], resNet8, adam(1e-3)),
  classifier('lstm', [16, 64, 64], lstmClassifier, adam(1e-3)),
  classifier('gru', [16, 64, 64], gruClassifier, adam(1e-3)),
  languageModel(
    'decoder',
    { batch: 8, time: 64, vocabulary: 65 },
    { layers: 4, heads: 4, width: 128 },
  ),
  {
    family: 'train',
    name: 'dcgan',
    inputs: { real: { shape: [32, 1, 28, 28] }, noise: { shape: [32, 100] } },
    tolerance: 2e-3,
    shared: (l, [, noise]) => generator(l, noise!),
    phases: [
      {
        name: 'discriminator',
        prefix: 'd.',
        optimizer: adam(2e-4, 0.5),
        detached: true,
        loss: (l, [real], fake) =>
          l.add(
            l.binaryCrossEntropy(discriminator(l, real!), 1),
            l.binaryCrossEntropy(discriminator(l, fake!), 0),
          ),
      },
      {
        name: 'generator',
        prefix: 'g.',
        optimizer: adam(2e-4, 0.5),
        loss: (l, _inputs, fake) => l.binaryCrossEntropy(discriminator(l, fake!), 1),
      },
    ],
  },
  {
    family: 'train',
    name: 'adam-10m',
    inputs: {},
    // Ten million squares, which some add up one after the other in float32.
    tolerance: 2e-2,
    // The cheapest gradient: all that is left is the update, which memory bounds.
    phases: [
      {
        name: 'loss',
        prefix: '',
        optimizer: adam(1e-3),
        loss: (l) => l.sumSquares(l.weights('w', { shape: [adamCount] })),
      },
    ],
  },
];
