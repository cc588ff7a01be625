/** Small tables: where they are, networks that scale their own input, and cross-validation of classifiers. */
import { tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { LabelEncoder, StandardScaler } from '@hebb/data';
import type { CsvOptions, Scaler, Table } from '@hebb/data';
import { readCsvFile } from '@hebb/data/node';
import {
  Dropout,
  Linear,
  Module,
  ModuleBuffer,
  ReLU,
  Sequential,
  Softmax,
  crossEntropy,
} from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { AdamW, ConfusionMatrix, CosineAnnealingLR, Trainer, stratifiedKFold } from '@hebb/train';
import { crossValidate } from '@hebb/train';
import { dataPath } from './data.ts';
import type { Run } from './example.ts';
import { ship } from './ship.ts';

/** A table without a row of names, from `datasets/tabular`. */
export const readTable = (
  file: string,
  header: readonly string[],
  options: CsvOptions = {},
): Promise<Table> =>
  readCsvFile(dataPath(`datasets/tabular/${file}`, 'https://github.com/jbrownlee/Datasets'), {
    header,
    ...options,
  });

/**
 * A network behind the scaler of its training part: whoever calls the model, in a worker too, gives plain
 * measurements. Shape: [N, columns] -> what `net` gives.
 */
export class Scaled extends Module {
  readonly shift: ModuleBuffer;
  readonly scale: ModuleBuffer;
  readonly net: Layer;
  readonly middle: number;

  /** @param middle Added to what the network gives: the mean of a target that is learned as differences. */
  constructor({ shift, scale }: Scaler, net: Layer, middle = 0) {
    super();
    this.shift = new ModuleBuffer(tensor(Float32Array.from(shift)));
    this.scale = new ModuleBuffer(tensor(Float32Array.from(scale)));
    this.net = net;
    this.middle = middle;
  }
  forward(x: Tensor): Tensor {
    const y = this.net.forward(x.sub(this.shift.value).div(this.scale.value));
    return this.middle === 0 ? y : y.add(this.middle);
  }
}

/** Linear layers with ReLU between them; without `hidden` a linear model. */
export function perceptron(
  inputs: number,
  hidden: readonly number[],
  outputs: number,
  dropout = 0,
): Sequential {
  const layers: Layer[] = [];
  let width = inputs;
  for (const next of hidden) {
    layers.push(new Linear(width, next), new ReLU());
    if (dropout > 0) layers.push(new Dropout(dropout));
    width = next;
  }
  return new Sequential(...layers, new Linear(width, outputs));
}

/** Rows `indices` of some columns as a model takes them. Shape: [rows, columns]. */
export function rowsOf(
  table: Table,
  columns: readonly string[],
  indices: readonly number[],
): Tensor {
  const { data, shape } = table.take(indices).toMatrix(columns);
  return tensor(data, { shape });
}

export interface ClassifierOptions {
  readonly table: Table;
  /** The column with the classes; all others are measurements. */
  readonly target: string;
  readonly hidden: readonly number[];
  readonly epochs: number;
  readonly folds: number;
}

export interface Judged {
  /** Percent over all folds, mean and standard deviation between them. */
  readonly accuracy: number;
  readonly deviation: number;
  readonly matrix: ConfusionMatrix;
  /** What was chosen for each row by the model that had not seen it. */
  readonly chosen: Int32Array;
  readonly wanted: Int32Array;
}

const batchSize = 16;

function trainerFor(run: Run, { table, target, hidden, epochs }: ClassifierOptions): Trainer {
  const columns = table.names.filter((name) => name !== target);
  const labels = LabelEncoder.fit(table.column(target));
  const net = perceptron(columns.length, hidden, labels.classes.length);
  return new Trainer({
    model: new Scaled(StandardScaler.fit(table, { columns }), net),
    loss: crossEntropy,
    optimizer: new AdamW({ lr: 1e-2, weightDecay: 1e-2 }),
    schedule: new CosineAnnealingLR({ tMax: epochs * Math.ceil(table.length / batchSize) }),
    metrics: ['accuracy'],
    seed: run.options.seed,
  });
}

/**
 * Stratified cross-validation: every row is judged once, by a network trained and scaled without it.
 *
 * @param onFold Called with each fold's rows and trained network before it is let go.
 */
export async function crossValidated(
  run: Run,
  options: ClassifierOptions,
  onFold?: (test: Int32Array, predict: (rows: Table) => Promise<Int32Array>) => Promise<void>,
): Promise<Judged> {
  const { table, target, epochs, folds: count } = options;
  const labels = LabelEncoder.fit(table.column(target));
  const classes = labels.classes.map(String);
  const features = table.names.filter((name) => name !== target);
  const wanted = labels.transform(table.column(target)).data as Int32Array;
  const chosen = new Int32Array(table.length);
  const { mean, std } = await crossValidate({
    data: table.toDataset({ features, target, labels }),
    folds: await stratifiedKFold(wanted, { folds: count, seed: run.options.seed }),
    make: (fold) => trainerFor(run, { ...options, table: table.take(fold.train) }),
    fit: { epochs, batchSize, progress: 'none' },
    onFold: async (fold, _, trainer) => {
      const predict = async (rows: Table): Promise<Int32Array> => {
        const scores = await trainer.predict(rows.toDataset({ features }));
        return (await scores.argmax(1).data()) as Int32Array;
      };
      const found = await predict(table.take(fold.test));
      fold.test.forEach((row, i) => (chosen[row] = found[i]!));
      await onFold?.(fold.test, predict);
    },
  });
  const counts = classes.map(() => new Array<number>(classes.length).fill(0));
  wanted.forEach((row, i) => (counts[row]![chosen[i]!]! += 1));
  return {
    accuracy: 100 * mean['accuracy']!,
    deviation: 100 * std['accuracy']!,
    matrix: new ConfusionMatrix(counts, classes),
    chosen,
    wanted,
  };
}

/** Trains on all rows, then ships the network with probabilities at its end. */
export async function shipClassifier(
  run: Run,
  name: string,
  options: ClassifierOptions,
): Promise<void> {
  const { table, target, epochs } = options;
  const features = table.names.filter((column) => column !== target);
  const trainer = trainerFor(run, options);
  const labels = LabelEncoder.fit(table.column(target));
  await trainer.fit(table.toDataset({ features, target, labels }), {
    epochs,
    batchSize,
    progress: 'none',
  });
  const last = table.length - 1;
  await ship(run, {
    name,
    model: new Sequential(trainer.model, new Softmax(1)).eval(),
    input: { measurements: ['batch', features.length] },
    output: ['probabilities'],
    cases: [[0], [last], [last >> 1], [0, 1, last - 1, last]].map((rows) => ({
      measurements: rowsOf(table, features, rows),
    })),
    shapes: [{ batch: 1 }],
    metadata: { features: features.join(), classes: labels.classes.join() },
  });
  trainer.dispose();
}
