/** Handwritten digits by a vision transformer, beside the convolutional network of the demo. */
import { manualSeed, sizeOf, tensor } from '@hebb/core';
import { MNIST_NORMALIZATION, mapBatches, normalizeColumn, take } from '@hebb/data';
import { loadMnist } from '@hebb/data/node';
import { VisionTransformer } from '@hebb/layers-transformer';
import { Sequential, Softmax, crossEntropy } from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { AdamW, OneCycleLR, Trainer } from '@hebb/train';
import type { Dataset } from '@hebb/train';
import type { Example, Run } from '../common/example.ts';
import { integer } from '../common/options.ts';
import { ship } from '../common/ship.ts';
import { digitNet } from '../digits/model.ts';

/** Sixteen patches of 7 × 7. */
export const patches = (quick: boolean): VisionTransformer =>
  new VisionTransformer({
    imageSize: 28,
    patchSize: 7,
    inChannels: 1,
    numClasses: 10,
    layers: quick ? 2 : 4,
    heads: 4,
    width: quick ? 32 : 64,
    hidden: quick ? 64 : 128,
    dropout: quick ? 0 : 0.1,
  });

interface Trained {
  readonly accuracy: number;
  readonly seconds: number;
  readonly parameters: number;
}

async function learn(
  model: Layer,
  train: Dataset,
  test: Dataset,
  { epochs, lr, seed }: { epochs: number; lr: number; seed: number },
): Promise<Trained> {
  const batchSize = 64;
  const trainer = new Trainer({
    model,
    loss: crossEntropy,
    optimizer: new AdamW({ lr, weightDecay: 0.05 }),
    schedule: new OneCycleLR({
      maxLr: lr,
      totalSteps: epochs * Math.ceil(train.length / batchSize),
    }),
    metrics: ['accuracy'],
    seed,
  });
  const started = performance.now();
  await trainer.fit(train, { epochs, batchSize, progress: 'none' });
  const seconds = (performance.now() - started) / 1000;
  const { metrics } = await trainer.evaluate(test);
  trainer.dispose();
  const parameters = model.parameters().reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return { accuracy: 100 * metrics['accuracy']!, seconds, parameters };
}

async function compare(run: Run): Promise<void> {
  const { quick, seed, own } = run.options;
  const epochs =
    own['epochs'] === undefined ? (quick ? 6 : 8) : integer('epochs', own['epochs'], 1);
  const data = await loadMnist({ log: (line) => run.say(line) });
  const normalize = normalizeColumn('image', MNIST_NORMALIZATION);
  const chosen = quick ? take(data.train, 6000) : data.train;
  const held = quick ? take(data.test, 1000) : data.test;
  const train = mapBatches(chosen, normalize);
  const test = mapBatches(held, normalize);

  const transformer = patches(quick);
  const rows: [string, Trained][] = [
    [
      'patches, attention',
      await learn(transformer, train, test, { epochs, lr: quick ? 5e-3 : 2e-3, seed }),
    ],
  ];
  manualSeed(seed);
  rows.push([
    'convolutions',
    await learn(digitNet(), train, test, { epochs: quick ? 1 : 4, lr: 3e-3, seed }),
  ]);
  run.table(
    ['network', 'test accuracy', 'parameters', 'training'],
    rows.map(([name, { accuracy, parameters, seconds }]) => [
      name,
      `${accuracy.toFixed(2)} %`,
      parameters.toLocaleString('en'),
      `${seconds.toFixed(0)} s`,
    ]),
  );
  const [[, attention], [, convolution]] = rows as [[string, Trained], [string, Trained]];
  run.measure({
    what: 'test accuracy of the vision transformer',
    value: attention.accuracy,
    unit: '%',
    atLeast: quick ? 75 : 97,
  });
  run.measure({
    what: 'test accuracy of the convolutional network',
    value: convolution.accuracy,
    unit: '%',
  });
  await ship(run, {
    name: 'vit',
    model: new Sequential(transformer, new Softmax(1)).eval(),
    input: { image: ['batch', 1, 28, 28] },
    output: ['probabilities'],
    cases: [[0], [1], [2, 3, 4]].map((picked) => {
      const { image } = test.batch!(Int32Array.from(picked));
      return { image: tensor(image.data, { shape: image.shape, dtype: image.dtype }) };
    }),
    shapes: [{ batch: 1 }],
    opset: 23,
  });
}

export const vit: Example = {
  name: 'vit',
  summary: 'Handwritten digits by a vision transformer, beside a convolutional network',
  options: {
    epochs: { type: 'string', help: 'passes over the pictures (default 8; 6 with --quick)' },
  },
  run: compare,
};
