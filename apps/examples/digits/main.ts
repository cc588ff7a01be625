/**
 * The whole road once: data, training, evaluation, ONNX, another runtime, an edge worker. `npm run demo`.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { wasm } from '@hebb/backend-wasm';
import { init, manualSeed, tensor } from '@hebb/core';
import { MNIST_NORMALIZATION, mapBatches, normalizeColumn, take } from '@hebb/data';
import { loadMnist } from '@hebb/data/node';
import { crossEntropy } from '@hebb/nn';
import { exportOnnx, verifyOnnx } from '@hebb/onnx/node';
import { AdamW, OneCycleLR, Trainer } from '@hebb/train';
import Table from 'cli-table3';
import { classifier, digitNet } from './model.ts';
import { UsageError, parseOptions } from './options.ts';
import type { DemoOptions } from './options.ts';
import { askWorker } from './serve.ts';

const here = dirname(fileURLToPath(import.meta.url));
const started = performance.now();

function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

const seconds = (from: number): string => `${((performance.now() - from) / 1000).toFixed(1)} s`;
const kilobytes = (n: number): string => `${(n / 1024).toFixed(1)} KiB`;

/** Runs the demo; returns whether every check held. */
async function demo(options: DemoOptions): Promise<boolean> {
  const rows: [string, string][] = [];
  const failures: string[] = [];
  const check = (ok: boolean, what: string): void => {
    if (!ok) failures.push(what);
  };
  const { name: backend } = await init(options.backend === 'wasm' ? wasm() : cpu());
  manualSeed(options.seed);

  const data = await loadMnist({ log: say });
  const normalize = normalizeColumn('image', MNIST_NORMALIZATION);
  const chosen = options.samples === undefined ? data.train : take(data.train, options.samples);
  const held = options.quick ? take(data.test, 2000) : data.test;
  const train = mapBatches(chosen, normalize);
  const test = mapBatches(held, normalize);

  const net = digitNet();
  const parameters = net.parameters().reduce((sum, p) => sum + p.value.size, 0);
  say(`Training on ${train.length} images, ${parameters} parameters, backend ${backend}.`);
  const steps = options.epochs * Math.ceil(train.length / options.batchSize);
  const trainer = new Trainer({
    model: net,
    loss: crossEntropy,
    optimizer: new AdamW({ lr: options.lr }),
    schedule: new OneCycleLR({ maxLr: options.lr, totalSteps: steps }),
    metrics: ['accuracy'],
    seed: options.seed,
  });
  const trainingStarted = performance.now();
  await trainer.fit(train, {
    epochs: options.epochs,
    batchSize: options.batchSize,
    validation: test,
  });
  rows.push([
    'training',
    `${options.epochs} ${options.epochs === 1 ? 'epoch' : 'epochs'} of ${train.length} images in ${seconds(trainingStarted)}`,
  ]);

  const matrix = await trainer.confusionMatrix(test);
  say();
  say(
    `Confusion matrix of ${matrix.total} images not trained on (rows: what it is, columns: what was seen)`,
  );
  say(matrix.toString());
  say();
  const wanted = options.quick ? 0.96 : options.samples === undefined ? 0.985 : 0.9;
  rows.push([
    'test accuracy',
    `${(100 * matrix.accuracy).toFixed(2)} % of ${matrix.total} images (${data.source})`,
  ]);
  check(matrix.accuracy >= wanted, `accuracy ${matrix.accuracy} is below ${wanted}`);

  const model = classifier(net).eval();
  const out = join(here, '../out');
  await mkdir(out, { recursive: true });
  const file = join(out, 'digits.onnx');
  const size = await exportOnnx(model, file, {
    name: 'digits',
    input: { image: ['batch', 1, 28, 28] },
    output: ['probabilities'],
  });
  rows.push(['ONNX file', `${relative(process.cwd(), file)}, ${kilobytes(size.bytes)}`]);

  const cases = [1, 3, 8].map((n) => {
    const { image } = test.batch!(Int32Array.from({ length: n }, (_, i) => i));
    return { image: tensor(image.data, { shape: image.shape, dtype: image.dtype }) };
  });
  const verified = await verifyOnnx(file, model, { cases, rtol: 1e-4, atol: 1e-5 });
  rows.push([
    verified.runtime,
    `agrees at batch 1, 3 and 8, largest difference ${verified.maxError.toExponential(1)}`,
  ]);
  check(verified.ok, `${verified.runtime} disagrees by ${verified.maxError}`);

  if (options.worker) {
    say('Starting the edge worker on local workerd and asking it about test images …');
    const asked = options.quick ? 20 : 100;
    const report = await askWorker(await readFile(file), model, held, asked);
    rows.push(
      [
        'edge worker',
        `${kilobytes(report.script)} of script (${kilobytes(report.scriptGzip)} gzip), up in ${(report.startMs / 1000).toFixed(1)} s`,
      ],
      [
        'worker latency',
        `first ${report.firstMs.toFixed(0)} ms, median ${report.medianMs.toFixed(1)} ms, 95 % within ${report.p95Ms.toFixed(1)} ms`,
      ],
      [
        'worker answers',
        `${report.agree} of ${report.asked} agree with Node (largest difference ${report.largestDifference.toExponential(1)}), ${report.correct} are right`,
      ],
    );
    check(
      report.agree === report.asked && report.largestDifference < 1e-5,
      'the worker and Node disagree',
    );
    check(
      report.correct >= 0.85 * report.asked,
      `the worker was right about ${report.correct} of ${report.asked}`,
    );
  }
  rows.push(['total time', seconds(started)]);

  const table = new Table({ style: { head: [], border: [], compact: true } });
  table.push(...rows);
  say();
  say(table.toString());
  for (const failure of failures) say(`FAILED: ${failure}`);
  return failures.length === 0;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options !== undefined && !(await demo(options))) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
