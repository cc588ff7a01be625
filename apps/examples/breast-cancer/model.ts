/** The network, and how it comes to a decision. */
import { Imputer, StandardScaler } from '@hebb/data';
import type { Table } from '@hebb/data';
import { binaryCrossEntropyWithLogits, sigmoid } from '@hebb/nn';
import { AdamW, CosineAnnealingLR, Trainer, rocCurve } from '@hebb/train';
import { Scaled, perceptron, readTable } from '../common/tabular.ts';

/** Grades from 1 to 10 of cells taken with a fine needle. */
export const features = [
  'clump thickness',
  'cell size',
  'cell shape',
  'adhesion',
  'epithelial size',
  'bare nuclei',
  'chromatin',
  'nucleoli',
  'mitoses',
];

/** `malignant` is 1 or 0; 16 grades are missing. */
export async function readCases(): Promise<Table> {
  const table = await readTable('breast-cancer-wisconsin.csv', [...features, 'class']);
  const malignant = table.numbers('class').map((kind) => (kind === 4 ? 1 : 0));
  return table.drop('class').with({ malignant });
}

export interface Fitted {
  readonly trainer: Trainer;
  readonly imputer: Imputer;
  /** Probabilities of malignancy. */
  predict(cases: Table): Promise<Float32Array>;
}

const batchSize = 16;

/** Imputation, scaling and weights all come from the training part alone. */
export async function fit(train: Table, epochs: number, seed: number): Promise<Fitted> {
  const imputer = Imputer.fit(train, { columns: features, strategy: 'median' });
  const whole = imputer.transform(train);
  const scaler = StandardScaler.fit(whole, { columns: features });
  const trainer = new Trainer({
    model: new Scaled(scaler, perceptron(features.length, [16], 1, 0.2)),
    loss: (output, target) => binaryCrossEntropyWithLogits(output.reshape([-1]), target),
    optimizer: new AdamW({ lr: 3e-3, weightDecay: 0.05 }),
    schedule: new CosineAnnealingLR({ tMax: epochs * Math.ceil(train.length / batchSize) }),
    seed,
  });
  await trainer.fit(whole.toDataset({ features, target: 'malignant' }), {
    epochs,
    batchSize,
    progress: 'none',
  });
  return {
    trainer,
    imputer,
    async predict(cases) {
      const logits = await trainer.predict(imputer.transform(cases).toDataset({ features }));
      return (await sigmoid(logits).data()) as Float32Array;
    },
  };
}

/**
 * The highest threshold that finds at least this share of the malignant cases: probabilities from it on are
 * called malignant.
 */
export function thresholdFor(
  malignant: ArrayLike<number>,
  probabilities: ArrayLike<number>,
  sensitivity: number,
): number {
  const { tpr, thresholds } = rocCurve(malignant, probabilities);
  return thresholds[tpr.findIndex((share) => share >= sensitivity)]!;
}

export interface Counts {
  readonly found: number;
  readonly missed: number;
  readonly alarms: number;
  readonly cleared: number;
}

export function count(
  malignant: ArrayLike<number>,
  probabilities: ArrayLike<number>,
  threshold: (row: number) => number,
): Counts {
  const counts = { found: 0, missed: 0, alarms: 0, cleared: 0 };
  for (let i = 0; i < malignant.length; i++) {
    const positive = probabilities[i]! >= threshold(i);
    if (malignant[i] === 1) counts[positive ? 'found' : 'missed'] += 1;
    else counts[positive ? 'alarms' : 'cleared'] += 1;
  }
  return counts;
}
