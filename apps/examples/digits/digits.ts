/**
 * The whole road once: data, training, evaluation, ONNX, another runtime, an edge worker. `npm run demo`.
 */
import { readFile } from 'node:fs/promises';
import { tensor } from '@hebb/core';
import { MNIST_NORMALIZATION, mapBatches, normalizeColumn, take } from '@hebb/data';
import { loadMnist } from '@hebb/data/node';
import { crossEntropy } from '@hebb/nn';
import { AdamW, OneCycleLR, Trainer } from '@hebb/train';
import type { Example, Run } from '../common/example.ts';
import { between, integer } from '../common/options.ts';
import { exportChecked } from '../common/ship.ts';
import { classifier, digitNet } from './model.ts';
import { askAboutDigits } from './serve.ts';

const seconds = (from: number): string => `${((performance.now() - from) / 1000).toFixed(1)} s`;
const kilobytes = (n: number): string => `${(n / 1024).toFixed(1)} KiB`;

async function demo(run: Run): Promise<void> {
  const { quick, seed, backend, worker, own } = run.options;
  const epochs =
    own['epochs'] === undefined ? (quick ? 1 : 4) : integer('epochs', own['epochs'], 1);
  const batchSize = integer('batch', own['batch'], 1);
  const lr = between('lr', own['lr'], 0, Infinity);
  const samples =
    own['samples'] === undefined
      ? quick
        ? 16_000
        : undefined
      : integer('samples', own['samples'], 10);

  const data = await loadMnist({ log: (line) => run.say(line) });
  const normalize = normalizeColumn('image', MNIST_NORMALIZATION);
  const chosen = samples === undefined ? data.train : take(data.train, samples);
  const held = quick ? take(data.test, 2000) : data.test;
  const train = mapBatches(chosen, normalize);
  const test = mapBatches(held, normalize);

  const net = digitNet();
  const parameters = net.parameters().reduce((sum, p) => sum + p.value.size, 0);
  run.say(`Training on ${train.length} images, ${parameters} parameters, backend ${backend}.`);
  const trainer = new Trainer({
    model: net,
    loss: crossEntropy,
    optimizer: new AdamW({ lr }),
    schedule: new OneCycleLR({
      maxLr: lr,
      totalSteps: epochs * Math.ceil(train.length / batchSize),
    }),
    metrics: ['accuracy'],
    seed,
  });
  const started = performance.now();
  await trainer.fit(train, { epochs, batchSize, validation: test });
  run.note(
    'training',
    `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'} of ${train.length} images in ${seconds(started)}`,
  );

  const matrix = await trainer.confusionMatrix(test);
  run.say();
  run.say(
    `Confusion matrix of ${matrix.total} images not trained on (rows: what it is, columns: what was seen)`,
  );
  run.say(matrix.toString());
  run.say();
  run.measure({
    what: 'test accuracy',
    value: 100 * matrix.accuracy,
    unit: '%',
    atLeast: quick ? 96 : samples === undefined ? 98.5 : 90,
  });
  run.note('test images', `${matrix.total} (${data.source})`);

  const model = classifier(net).eval();
  const cases = [1, 3, 8].map((n) => {
    const { image } = test.batch!(Int32Array.from({ length: n }, (_, i) => i));
    return { image: tensor(image.data, { shape: image.shape, dtype: image.dtype }) };
  });
  const file = await exportChecked(run, {
    name: 'digits',
    model,
    input: { image: ['batch', 1, 28, 28] },
    output: ['probabilities'],
    cases,
    rtol: 1e-4,
  });
  if (!worker) return;

  run.say('Starting the edge worker on local workerd and asking it about test images …');
  const report = await askAboutDigits(await readFile(file), model, held, quick ? 20 : 100);
  run.note(
    'edge worker',
    `${kilobytes(report.script)} of script (${kilobytes(report.scriptGzip)} gzip), up in ${(report.startMs / 1000).toFixed(1)} s`,
  );
  run.note(
    'worker latency',
    `first ${report.firstMs.toFixed(0)} ms, median ${report.medianMs.toFixed(1)} ms, 95 % within ${report.p95Ms.toFixed(1)} ms`,
  );
  run.note(
    'worker answers',
    `${report.agree} of ${report.asked} agree with Node (largest difference ${report.largestDifference.toExponential(1)}), ${report.correct} are right`,
  );
  run.check(
    report.agree === report.asked && report.largestDifference < 1e-5,
    'the worker and Node disagree',
  );
  run.check(
    report.correct >= 0.85 * report.asked,
    `the worker was right about ${report.correct} of ${report.asked}`,
  );
}

export const digits: Example = {
  name: 'digits',
  summary:
    'Trains a CNN on handwritten digits, exports it to ONNX, checks it in another runtime and asks an edge worker',
  options: {
    epochs: { type: 'string', help: 'passes over the training images (default 4; 1 with --quick)' },
    samples: { type: 'string', help: 'use only the first N training images' },
    batch: { type: 'string', default: '64', help: 'images a step (default 64)' },
    lr: { type: 'string', default: '0.005', help: 'peak learning rate (default 0.005)' },
  },
  run: demo,
};
