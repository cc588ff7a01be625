/** A network that draws the digit it is asked for, judged by one that reads, and served as pictures. */
import { join } from 'node:path';
import { tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { mapBatches, normalizeColumn, take } from '@hebb/data';
import { loadMnist } from '@hebb/data/node';
import { nonSaturatingLoss } from '@hebb/layers-gan';
import { Adam, GanTrainer, LinearLR, imageGrid } from '@hebb/train';
import { checkpointFolder, encodeImage, pictureFolder, writeReport } from '@hebb/train/node';
import type { Example, Run } from '../common/example.ts';
import { integer } from '../common/options.ts';
import { ship } from '../common/ship.ts';
import { drawOnWorker } from './draw.ts';
import { Judge } from './judge.ts';
import { digitDiscriminator, digitGenerator, latentSize, numClasses } from './model.ts';

const batchSize = 64;
const each = (count: number): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => i % numClasses);
const digitsOf = (list: Int32Array): Tensor => tensor(list, { dtype: 'int32' });
const pictureOf = async (images: Tensor): Promise<Uint8Array> =>
  encodeImage(imageGrid({ shape: images.shape, data: await images.data() }));

async function run(run: Run): Promise<void> {
  const { quick, seed, own } = run.options;
  const epochs =
    own['epochs'] === undefined ? (quick ? 1 : 5) : integer('epochs', own['epochs'], 1);
  const data = await loadMnist({ log: (line) => run.say(line) });
  const toRange = normalizeColumn('image', { mean: 0.5, std: 0.5 });
  const train = mapBatches(quick ? take(data.train, 3200) : data.train, toRange);
  const test = mapBatches(quick ? take(data.test, 1000) : data.test, toRange);

  const judge = new Judge();
  run.say('a network learns to read, to judge what is drawn');
  const accuracy = await judge.learn(train, test, quick ? 2 : 1, seed);
  run.measure({
    what: 'reader: accuracy on real test images',
    value: 100 * accuracy,
    unit: '%',
    ...(quick ? {} : { atLeast: 98 }),
  });
  const count = quick ? 500 : 2000;
  const real = await judge.readReal(test, 5000);

  const totalIters = epochs * Math.floor(train.length / batchSize);
  const decay = (): LinearLR =>
    new LinearLR({ startFactor: 1, endFactor: 0.1, totalIters, interval: 'step' });
  const generator = digitGenerator();
  const betas = [0.5, 0.999] as const;
  const trainer = new GanTrainer({
    generator,
    discriminator: digitDiscriminator(),
    latentSize,
    // One-sided smoothing: the discriminator must not get too sure.
    loss: nonSaturatingLoss({ realLabel: 0.9 }),
    // Networks of half the usual width, at twice and three times the usual pace.
    optimizers: {
      generator: new Adam({ lr: 6e-4, betas }),
      discriminator: new Adam({ lr: 4e-4, betas }),
    },
    schedules: { generator: decay(), discriminator: decay() },
    ema: { decay: 0.995, warmup: true },
    seed,
    grids: {
      to: pictureFolder(join(run.out, 'samples')),
      conditions: [{ data: each(100), shape: [100], dtype: 'int32' }],
    },
    metrics: async (now) => {
      const { recognised, frechet } = await judge.judge(now, 500, real, seed + 1);
      return { recognised, frechet };
    },
    checkpoint: { store: checkpointFolder(join(run.out, 'checkpoints')) },
  });
  run.say(`${epochs} epochs of ${train.length} digits`);
  const { epochs: records } = await trainer.fit(train, {
    epochs,
    batchSize,
    resume: own['resume'] === true,
  });
  const seconds = records.reduce((sum, record) => sum + record.seconds, 0);
  run.note(
    'training',
    `${epochs} epochs, ${trainer.updates} steps of ${batchSize} in ${seconds.toFixed(0)} s, ` +
      `${((trainer.updates * batchSize) / seconds).toFixed(0)} samples/s`,
  );

  const found = await judge.judge(trainer, count, real, seed + 2);
  const diversity = records.at(-1)!.metrics['diversity'] ?? NaN;
  const bound = quick ? {} : { atLeast: 95 };
  run.measure({
    what: 'drawn digits read as the one asked for',
    value: 100 * found.recognised,
    unit: '%',
    ...bound,
  });
  run.measure({ what: 'worst digit', value: 100 * Math.min(...found.byClass), unit: '%' });
  run.measure({
    what: 'digits covered',
    value: found.covered,
    digits: 0,
    ...(quick ? {} : { atLeast: numClasses }),
  });
  run.measure({ what: 'evenness of digits', value: found.evenness, digits: 3 });
  run.measure({ what: 'diversity within a digit, real = 1', value: diversity });
  run.measure({ what: 'Fréchet distance to test images', value: found.frechet });
  const others = await judge.readReal(train, 5000);
  run.measure({
    what: 'the same of real training images',
    value: judge.distance(real, others),
  });

  const grid = await trainer.generate(trainer.latents(100), { conditions: [digitsOf(each(100))] });
  await run.write('digits.png', await pictureOf(grid), {
    alt: 'a hundred drawn digits, a row for each',
  });
  const from = trainer.latents(numClasses, seed + 3);
  const ways = await trainer.interpolate(from, trainer.latents(numClasses, seed + 4), {
    conditions: [digitsOf(Int32Array.from({ length: 100 }, (_, i) => Math.floor(i / 10)))],
  });
  await run.write('interpolation.png', await pictureOf(ways));
  await writeReport(join(run.out, 'report.html'), {
    title: 'A network that draws digits',
    history: records,
    evaluation: {
      metrics: { recognised: found.recognised, frechet: found.frechet, diversity },
      samples: count,
    },
    pictures: trainer.grids,
    settings: { epochs, batchSize, seed, loss: 'non-saturating' },
  });

  await trainer.ema!.apply();
  const model = generator.eval();
  const cases = [1, 3].map((n) => ({ z: trainer.latents(n), digit: digitsOf(each(n)) }));
  const shipped = await ship(run, {
    name: 'generator',
    model,
    input: { z: ['batch', latentSize], digit: { shape: ['batch'], dtype: 'int32' } },
    output: ['image'],
    cases,
    shapes: [{ batch: 1 }],
  });
  if (!run.options.worker) return;
  const drawn = await drawOnWorker(shipped.file, shipped.folder, run.out, 20);
  await run.write('draw-7.png', drawn.png);
  run.note(
    'GET /draw',
    `${drawn.same} of ${drawn.asked} pictures are Node's, pixel for pixel; median ${drawn.medianMs.toFixed(1)} ms`,
  );
  run.check(drawn.same === drawn.asked, 'the worker draws other pictures than Node');
}

export const gan: Example = {
  name: 'gan',
  summary: 'Draws the digit that is asked for, and serves the pictures from an edge worker',
  options: {
    epochs: { type: 'string', help: 'passes over the digits (default 8; 1 with --quick)' },
    resume: { type: 'boolean', help: 'go on from the last checkpoint' },
  },
  run,
};
