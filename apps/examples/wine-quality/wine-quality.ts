/** What tasters say of a wine, from its chemistry: a regression beside the mean and a linear model. */
import { StandardScaler, Table } from '@hebb/data';
import { huberLoss } from '@hebb/nn';
import { AdamW, CosineAnnealingLR, Trainer, regressionReport } from '@hebb/train';
import type { RegressionReport } from '@hebb/train';
import { dot, line } from '@observablehq/plot';
import { chart } from '../common/chart.ts';
import type { Example, Run } from '../common/example.ts';
import { ship } from '../common/ship.ts';
import { Scaled, perceptron, readTable, rowsOf } from '../common/tabular.ts';

const measurements = [
  'fixed acidity',
  'volatile acidity',
  'citric acid',
  'residual sugar',
  'chlorides',
  'free sulfur dioxide',
  'total sulfur dioxide',
  'density',
  'pH',
  'sulphates',
  'alcohol',
];
const features = [...measurements, 'white'];
const target = 'quality';

/** Red and white wines in one table, each wine once: copies would stand in two parts of a split. */
async function readWines(): Promise<Table> {
  const rows = await Promise.all(
    ['red', 'white'].map(async (colour) => {
      const table = await readTable(`winequality-${colour}.csv`, [...measurements, target]);
      const white = new Float64Array(table.length).fill(colour === 'white' ? 1 : 0);
      const coloured = table.with({ white });
      return Array.from({ length: table.length }, (_, i) => coloured.row(i));
    }),
  );
  const seen = new Set<string>();
  return Table.fromRows(rows.flat()).filter((row) => {
    const key = JSON.stringify(row);
    return seen.size < seen.add(key).size;
  });
}

interface Parts {
  readonly train: Table;
  readonly validation: Table;
  readonly test: Table;
}

/** Trains a network, or without `hidden` a linear model, until the validation part gains no more. */
async function fit(
  { train, validation }: Parts,
  hidden: readonly number[],
  epochs: number,
  seed: number,
): Promise<Trainer> {
  const batchSize = 64;
  const scaler = StandardScaler.fit(train, { columns: features });
  const net = perceptron(features.length, hidden, 1, hidden.length > 0 ? 0.1 : 0);
  const mean = train.numbers(target).reduce((sum, q) => sum + q, 0) / train.length;
  const trainer = new Trainer({
    model: new Scaled(scaler, net, mean),
    loss: (output, wanted) => huberLoss(output.reshape([-1]), wanted),
    optimizer: new AdamW({ lr: 3e-3, weightDecay: 0.05 }),
    schedule: new CosineAnnealingLR({ tMax: epochs * Math.ceil(train.length / batchSize) }),
    earlyStopping: { patience: 10 },
    seed,
  });
  await trainer.fit(train.toDataset({ features, target }), {
    epochs,
    batchSize,
    validation: validation.toDataset({ features, target }),
    progress: 'none',
  });
  return trainer;
}

async function rate(run: Run): Promise<void> {
  const { quick, seed } = run.options;
  const epochs = quick ? 12 : 60;
  const wines = await readWines();
  const [train, validation, test] = wines.split([0.6, 0.2, 0.2], { seed });
  const parts = { train, validation, test };
  run.say(
    `${wines.length} different wines: ${train.length} to train on, ${validation.length} to stop by, ${test.length} to be judged by`,
  );
  const wanted = test.numbers(target);
  const mean = train.numbers(target).reduce((sum, q) => sum + q, 0) / train.length;
  const predict = async (trainer: Trainer): Promise<Float32Array> =>
    (await (await trainer.predict(test.toDataset({ features }))).data()) as Float32Array;
  const linear = await fit(parts, [], epochs, seed);
  const network = await fit(parts, [64, 32], epochs, seed);
  const predicted = await predict(network);
  const reports: readonly (readonly [string, RegressionReport])[] = [
    ['mean', regressionReport(wanted, new Float64Array(wanted.length).fill(mean))],
    ['linear', regressionReport(wanted, await predict(linear))],
    ['network', regressionReport(wanted, predicted)],
  ];
  run.table(
    ['points of 10', 'MAE', 'RMSE', 'R²'],
    reports.map(([name, { mae, rmse, r2 }]) => [
      name,
      ...[mae, rmse, r2].map((value) => value.toFixed(3)),
    ]),
  );
  for (const [name, { mae, rmse, r2 }] of reports) {
    const best = name === 'network';
    const digits = 3;
    run.measure({
      what: `MAE, ${name}`,
      value: mae,
      unit: 'points',
      digits,
      ...(best && { atMost: reports[1]![1].mae }),
    });
    run.measure({
      what: `RMSE, ${name}`,
      value: rmse,
      unit: 'points',
      digits,
      ...(best && { atMost: reports[1]![1].rmse }),
    });
    run.measure({ what: `R², ${name}`, value: r2, digits, ...(best && { atLeast: 0.3 }) });
  }

  // Tasters give whole points: a little noise shows how many wines lie on one another.
  const points = Array.from(wanted, (quality, i) => ({
    quality: quality + 0.25 * Math.sin(i * 12.9898),
    predicted: predicted[i]!,
    colour: test.numbers('white')[i] === 1 ? 'white wine' : 'red wine',
  }));
  await run.write(
    'wine-quality.svg',
    chart({
      title: 'Points by the tasters (spread a little) and by the network',
      width: 560,
      height: 480,
      grid: true,
      color: { legend: true, domain: ['red wine', 'white wine'], range: ['#8e2440', '#c9a227'] },
      x: { domain: [2.5, 9.5], label: 'tasters' },
      y: { domain: [2.5, 9.5], label: 'network' },
      marks: [
        line([[3, 3], [9, 9]], { stroke: '#999', strokeDasharray: '4' }), // prettier-ignore
        dot(points, { x: 'quality', y: 'predicted', fill: 'colour', r: 2, fillOpacity: 0.6 }),
      ],
    }),
  );
  await ship(run, {
    name: 'wine-quality',
    model: network.model.eval(),
    input: { measurements: ['batch', features.length] },
    output: ['quality'],
    cases: [[0], [1], [2], [3, 4, 5, 6]].map((rows) => ({
      measurements: rowsOf(test, features, rows),
    })),
    shapes: [{ batch: 1 }],
    metadata: { features: features.join() },
  });
}

export const wineQuality: Example = {
  name: 'wine-quality',
  summary: 'Rates wines by their chemistry, beside the mean and a linear model',
  run: rate,
};
