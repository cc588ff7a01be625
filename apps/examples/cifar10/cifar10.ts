/** Ten kinds of things in pictures of 32 x 32, learned from 8,000 of them in twenty minutes on two cores. */
import { tensor } from '@hebb/core';
import {
  augment,
  cutout,
  mapBatches,
  normalizeColumn,
  randomCrop,
  randomHorizontalFlip,
  take,
} from '@hebb/data';
import { CIFAR10_NORMALIZATION, loadCifar10 } from '@hebb/data/node';
import { CrossEntropyLoss, Sequential, Softmax } from '@hebb/nn';
import { OneCycleLR, SGD, Trainer, classificationReport } from '@hebb/train';
import type { EpochRecord } from '@hebb/train';
import { line, ruleY } from '@observablehq/plot';
import { chart } from '../common/chart.ts';
import { dataPath } from '../common/data.ts';
import type { Example, Run } from '../common/example.ts';
import { between, integer } from '../common/options.ts';
import { ship } from '../common/ship.ts';
import { smallResNet } from './model.ts';

/** Of the 10,000 pictures. */
const heldOut = 2000;
const grey = CIFAR10_NORMALIZATION.mean.map((mean) => Math.round(255 * mean));

async function learn(run: Run): Promise<void> {
  const { quick, seed, own } = run.options;
  const epochs =
    own['epochs'] === undefined ? (quick ? 4 : 20) : integer('epochs', own['epochs'], 1);
  const batchSize = integer('batch', own['batch'], 1);
  const maxLr = between('lr', own['lr'] ?? (quick ? '0.02' : '0.2'), 0, Infinity);
  const data = await loadCifar10({
    dir: dataPath('datasets/cifar10', 'https://www.cs.toronto.edu/~kriz/cifar.html'),
    heldOut,
    seed,
  });
  run.say(data.message);
  const normalize = normalizeColumn('image', CIFAR10_NORMALIZATION);
  const chosen = quick ? take(data.train, 1500) : data.train;
  const held = quick ? take(data.test, 500) : data.test;
  const changes = [
    randomCrop(32, { padding: 4 }),
    randomHorizontalFlip(),
    cutout(8, { fill: grey }),
  ];
  const train = mapBatches(augment(chosen, changes, { seed }), normalize);
  const test = mapBatches(held, normalize);

  const model = smallResNet(16);
  const parameters = model.parameters().reduce((sum, { value }) => sum + value.size, 0);
  run.say(`${chosen.length} pictures to train on, ${parameters} parameters, ${epochs} epochs`);
  const trainer = new Trainer({
    model,
    loss: new CrossEntropyLoss({ labelSmoothing: 0.1 }),
    optimizer: new SGD({ lr: maxLr, momentum: 0.9, nesterov: true, weightDecay: 5e-4 }),
    schedule: new OneCycleLR({
      maxLr,
      totalSteps: epochs * Math.ceil(chosen.length / batchSize),
      pctStart: 0.25,
    }),
    metrics: ['accuracy'],
    seed,
  });
  const [started, used] = [performance.now(), process.cpuUsage()];
  const { epochs: records } = await trainer.fit(train, { epochs, batchSize, validation: test });
  const wall = (performance.now() - started) / 6e4;
  const { user, system } = process.cpuUsage(used);

  const matrix = await trainer.confusionMatrix(test, { labels: data.classes });
  run.say();
  run.say('Pictures not trained on (rows: what it is, columns: what was seen)');
  run.say(matrix.toString());
  const { classes } = classificationReport(matrix);
  const [worst, best] = [Math.min, Math.max].map((pick) => {
    const recall = pick(...classes.map((each) => each.recall));
    const { label } = classes.find((each) => each.recall === recall)!;
    return `${label} ${(100 * recall).toFixed(0)} %`;
  });
  run.note('best and worst class', `${best}, ${worst}`);
  run.measure({
    what: `test accuracy (${held.length} pictures)`,
    value: 100 * matrix.accuracy,
    unit: '%',
    atLeast: quick ? 25 : 70,
  });
  run.measure({
    what: 'training, processor time',
    value: (user + system) / 6e7,
    unit: 'min',
    digits: 1,
    // Twenty minutes on two cores.
    atMost: 40,
  });
  run.measure({ what: 'training, by the clock', value: wall, unit: 'min', digits: 1 });
  const seconds = records.reduce((sum, record) => sum + record.seconds, 0);
  const waited = records.reduce((sum, { seconds: s, waiting = 0 }) => sum + s * waiting, 0);
  run.measure({
    what: 'share of the time that steps waited for batches',
    value: (100 * waited) / seconds,
    unit: '%',
    digits: 1,
    atMost: 10,
  });
  await run.write('curves.svg', curves(records), { alt: 'accuracy by epoch' });
  await ship(run, {
    name: 'cifar10',
    model: new Sequential(model, new Softmax(1)).eval(),
    input: { image: ['batch', 3, 32, 32] },
    output: ['probabilities'],
    cases: [[0], [1], [2], [3, 4, 5, 6]].map((rows) => {
      const { image } = test.batch!(rows);
      return { image: tensor(image.data, { shape: image.shape }) };
    }),
    shapes: [{ batch: 1 }],
    metadata: { classes: data.classes.join() },
  });
}

/** Accuracy by epoch. */
function curves(records: readonly EpochRecord[]): string {
  const points = records.flatMap(({ epoch, metrics, validation }) => [
    { epoch, on: 'augmented training pictures', percent: 100 * metrics['accuracy']! },
    { epoch, on: 'test pictures', percent: 100 * validation!.metrics['accuracy']! },
  ]);
  return chart({
    title: 'Accuracy, percent',
    grid: true,
    color: { legend: true },
    x: { label: 'epoch' },
    y: { domain: [0, 100], label: null },
    marks: [
      ruleY([70], { stroke: '#999', strokeDasharray: '4' }),
      line(points, { x: 'epoch', y: 'percent', stroke: 'on', strokeWidth: 2 }),
    ],
  });
}

export const cifar10: Example = {
  name: 'cifar10',
  summary:
    'Ten kinds of things with a small residual network and augmentation, from 8,000 pictures',
  options: {
    epochs: {
      type: 'string',
      help: 'passes over the training pictures (default 20; 4 with --quick)',
    },
    batch: { type: 'string', default: '64', help: 'pictures a step (default 64)' },
    lr: { type: 'string', help: 'highest learning rate (default 0.2; 0.02 with --quick)' },
  },
  run: learn,
};
