/** Few labels: a network that starts from the trunk of a face detector, and one that starts from nothing. */
import { manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import {
  Subset,
  augment,
  mapBatches,
  normalizeColumn,
  permutation,
  randomCrop,
  randomHorizontalFlip,
  take,
} from '@hebb/data';
import type { Dataset } from '@hebb/data';
import { loadCifar10 } from '@hebb/data/node';
import type { Cifar10Sample } from '@hebb/data/node';
import { Sequential, Softmax, crossEntropy } from '@hebb/nn';
import type { Module } from '@hebb/nn';
import { AdamW, OneCycleLR, Trainer } from '@hebb/train';
import { dot, line } from '@observablehq/plot';
import { smallResNet } from '../cifar10/model.ts';
import { chart } from '../common/chart.ts';
import { dataPath } from '../common/data.ts';
import type { Example, Run } from '../common/example.ts';
import { ship } from '../common/ship.ts';
import { OnTrunk, importTrunk } from './model.ts';

type Classifier = Module & { forward(x: Tensor): Tensor };
type Pictures = Dataset<Cifar10Sample>;

/** As the detector was trained: (pixel - 127) / 128. */
const asTheDetector = normalizeColumn('image', {
  mean: [127 / 255, 127 / 255, 127 / 255],
  std: [128 / 255, 128 / 255, 128 / 255],
});
const scratch = 'from scratch';
const frozen = 'trunk as it is';
const tuned = 'trunk trained on';

/** `count` pictures of each class, other ones for each `draw`. */
function labelled(pictures: Pictures, classes: number, count: number, draw: number): Pictures {
  const left = new Array<number>(classes).fill(count);
  const chosen: number[] = [];
  for (const i of permutation(pictures.length, 1000 + draw)) {
    const label = Number(pictures.get(i).label.data[0]);
    if (left[label]! > 0) {
      left[label]! -= 1;
      chosen.push(i);
    }
  }
  return new Subset(pictures, chosen);
}

interface Lesson {
  readonly train: Pictures;
  readonly test: Dataset;
  readonly seed: number;
}

/** So many updates on pictures that are moved and mirrored; the accuracy in percent. */
async function fit(
  model: Classifier,
  { train, test, seed }: Lesson,
  lr: number,
  updates: number,
): Promise<number> {
  const changed = augment(train, [randomCrop(32, { padding: 3 }), randomHorizontalFlip()], {
    seed,
  });
  const batchSize = Math.min(32, train.length);
  const steps = Math.floor(train.length / batchSize);
  const epochs = Math.ceil(updates / steps);
  const trainer = new Trainer({
    model,
    loss: crossEntropy,
    optimizer: new AdamW({ lr, weightDecay: 0.1 }),
    schedule: new OneCycleLR({ maxLr: lr, totalSteps: epochs * steps }),
    metrics: ['accuracy'],
    seed,
  });
  await trainer.fit(mapBatches(changed, asTheDetector), {
    epochs,
    batchSize,
    dropLast: true,
    progress: 'none',
  });
  const { metrics } = await trainer.evaluate(test);
  trainer.dispose();
  return 100 * metrics['accuracy']!;
}

interface Point {
  readonly labels: number;
  readonly draw: number;
  readonly how: string;
  readonly percent: number;
}

async function compare(run: Run): Promise<void> {
  const { quick, seed } = run.options;
  const file = dataPath(
    'models/ultraface-slim-320-simplified/model.onnx',
    'https://github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB',
  );
  const data = await loadCifar10({
    dir: dataPath('datasets/cifar10', 'https://www.cs.toronto.edu/~kriz/cifar.html'),
    heldOut: 2000,
    seed,
  });
  const held = quick ? take(data.test, 500) : data.test;
  const test = mapBatches(held, asTheDetector);
  const counts = quick ? [20] : [5, 20, 50, 200];
  const draws = quick ? 1 : 2;
  const updates = quick ? 120 : 150;
  const points: Point[] = [];
  let last: OnTrunk | undefined;
  for (const labels of counts) {
    for (let draw = 0; draw < draws; draw++) {
      const train = labelled(data.train, data.classes.length, labels, draw);
      const lesson = { train, test, seed: seed + draw };
      const add = (how: string, percent: number): void =>
        void points.push({ labels, draw, how, percent });
      manualSeed(seed + draw);
      const trunk = await importTrunk(file);
      const model = new OnTrunk(trunk, data.classes.length);
      trunk.freeze();
      add(frozen, await fit(model, lesson, 3e-3, updates));
      trunk.unfreeze();
      add(tuned, await fit(model, lesson, 1e-3, updates));
      manualSeed(seed + draw);
      add(scratch, await fit(smallResNet(8), lesson, 3e-3, 2 * updates));
      last = model;
    }
  }
  const mean = (labels: number, how: string): number => {
    const found = points.filter((point) => point.labels === labels && point.how === how);
    return found.reduce((sum, { percent }) => sum + percent, 0) / found.length;
  };
  const ways = [scratch, frozen, tuned];
  run.say(`Accuracy on ${held.length} pictures, mean of ${draws} draws of labels, percent`);
  run.table(
    ['labels of each class', ...ways],
    counts.map((labels) => [labels, ...ways.map((how) => mean(labels, how).toFixed(1))]),
  );
  for (const labels of counts) {
    for (const how of [scratch, tuned]) {
      run.measure({
        what: `${how}, ${labels} labels of each class`,
        value: mean(labels, how),
        unit: '%',
        digits: 1,
      });
    }
    if (labels < 20) continue;
    run.measure({
      what: `gained by the trunk, ${labels} labels of each class`,
      value: mean(labels, tuned) - mean(labels, scratch),
      unit: 'points',
      digits: 1,
      atLeast: 0,
    });
  }
  const means = counts.flatMap((labels) =>
    ways.map((how) => ({ labels, how, percent: mean(labels, how) })),
  );
  await run.write(
    'transfer.svg',
    chart({
      title: 'Accuracy by labels of each class, percent',
      grid: true,
      color: { legend: true },
      x: { type: 'log', ticks: counts, tickFormat: 'd', label: 'labels of each class' },
      y: { label: null },
      marks: [
        line(means, { x: 'labels', y: 'percent', z: 'how', stroke: 'how', strokeWidth: 2 }),
        dot(points, { x: 'labels', y: 'percent', stroke: 'how', r: 2.5 }),
      ],
    }),
  );
  await ship(run, {
    name: 'transfer',
    model: new Sequential(last!, new Softmax(1)).eval(),
    input: { image: ['batch', 3, 32, 32] },
    output: ['probabilities'],
    cases: [[0], [1], [2], [3, 4, 5]].map((rows) => {
      const { image } = test.batch!(rows);
      return { image: tensor(image!.data, { shape: image!.shape }) };
    }),
    shapes: [{ batch: 1 }],
    metadata: { classes: data.classes.join() },
  });
}

export const transfer: Example = {
  name: 'transfer',
  summary: "Few labels: on an imported face detector's trunk, and from scratch",
  run: compare,
};
