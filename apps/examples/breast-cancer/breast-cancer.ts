/** Benign or malignant: probabilities that mean what they say, and a threshold chosen for what it must not miss. */
import { Sequential, Sigmoid } from '@hebb/nn';
import {
  brierScore,
  expectedCalibrationError,
  reliabilityCurve,
  rocAucScore,
  rocCurve,
  stratifiedKFold,
} from '@hebb/train';
import { dot, line, ruleX, text } from '@observablehq/plot';
import { chart } from '../common/chart.ts';
import type { Example, Run } from '../common/example.ts';
import { between } from '../common/options.ts';
import { ship } from '../common/ship.ts';
import { rowsOf } from '../common/tabular.ts';
import { count, features, fit, readCases, thresholdFor } from './model.ts';

const warning =
  'NO MEDICAL DEVICE: a demonstration on 699 cases of one hospital from 1989 to 1991. Do not use it, or what it says, for any diagnosis.';

async function diagnose(run: Run): Promise<void> {
  run.say(`${warning}\n`);
  const { quick, seed, own } = run.options;
  const target = between('sensitivity', own['sensitivity'], 0, 1);
  const epochs = quick ? 20 : 60;
  const table = await readCases();
  const malignant = table.numbers('malignant');
  const folds = await stratifiedKFold(malignant, { folds: quick ? 3 : 10, seed });
  const missing = Object.values(table.missing()).reduce((sum, n) => sum + n, 0);
  run.say(`${table.length} cases, ${missing} missing grades, ${folds.length} folds:`);
  run.say('each case is judged by a network and a threshold that were chosen without it');

  const probabilities = new Float32Array(table.length);
  const thresholds = new Float32Array(table.length);
  for (const fold of folds) {
    const [train, validation] = table
      .take(fold.train)
      .split([0.75, 0.25], { seed, stratify: 'malignant' });
    const { predict, trainer } = await fit(train, epochs, seed);
    const threshold = thresholdFor(
      validation.numbers('malignant'),
      await predict(validation),
      target,
    );
    const found = await predict(table.take(fold.test));
    fold.test.forEach((row, i) => {
      probabilities[row] = found[i]!;
      thresholds[row] = threshold;
    });
    trainer.dispose();
  }

  const { found, missed, alarms, cleared } = count(malignant, probabilities, (i) => thresholds[i]!);
  const half = count(malignant, probabilities, () => 0.5);
  run.table(
    ['', 'called malignant', 'called benign'],
    [
      ['malignant', found, missed],
      ['benign', alarms, cleared],
    ],
  );
  run.say(`With a threshold of 0.5: ${half.missed} missed, ${half.alarms} false alarms`);
  run.measure({
    what: 'area under the ROC curve',
    value: rocAucScore(malignant, probabilities),
    digits: 4,
    atLeast: 0.98,
  });
  run.measure({
    what: `sensitivity (threshold chosen for ${(100 * target).toFixed(0)} %)`,
    value: (100 * found) / (found + missed),
    unit: '%',
    // Of the malignant cases a validation part holds some 50: the choice is as coarse as that.
    atLeast: 100 * target - 3,
  });
  run.measure({
    what: 'specificity there',
    value: (100 * cleared) / (cleared + alarms),
    unit: '%',
    ...(target <= 0.98 && { atLeast: 85 }),
  });
  const bins = 10;
  run.measure({
    what: 'expected calibration error',
    value: expectedCalibrationError(malignant, probabilities, { bins }),
    digits: 3,
    atMost: 0.05,
  });
  run.measure({ what: 'Brier score', value: brierScore(malignant, probabilities), digits: 3 });
  await charts(run, malignant, probabilities, bins);

  // The network that is shipped, with a threshold of its own.
  const [train, validation] = table.split([0.75, 0.25], { seed, stratify: 'malignant' });
  const { trainer, predict, imputer } = await fit(train, epochs, seed);
  const threshold = thresholdFor(
    validation.numbers('malignant'),
    await predict(validation),
    target,
  );
  run.note('shipped threshold', threshold.toFixed(3));
  const whole = imputer.transform(validation);
  await ship(run, {
    name: 'breast-cancer',
    model: new Sequential(trainer.model, new Sigmoid()).eval(),
    input: { grades: ['batch', features.length] },
    output: ['probability'],
    cases: [[0], [1], [2], [3, 4, 5, 6, 7]].map((rows) => ({
      grades: rowsOf(whole, features, rows),
    })),
    shapes: [{ batch: 1 }],
    metadata: { features: features.join(), threshold: String(threshold), warning },
  });
  run.say(`\n${warning}\n`);
}

async function charts(
  run: Run,
  malignant: Float64Array,
  probabilities: Float32Array,
  bins: number,
): Promise<void> {
  const diagonal = line([
    [0, 0],
    [1, 1],
  ], { stroke: '#999', strokeDasharray: '4' }); // prettier-ignore
  const share = { domain: [0, 1] as const, grid: true };
  const reliability = reliabilityCurve(malignant, probabilities, { bins });
  await run.write(
    'calibration.svg',
    chart({
      title: 'Predicted probability and how often it came true (numbers: cases)',
      width: 480,
      height: 440,
      x: { ...share, label: 'mean predicted probability' },
      y: { ...share, label: 'share that was malignant' },
      marks: [
        diagonal,
        line(reliability, { x: 'confidence', y: 'share', stroke: '#2471a3' }),
        dot(reliability, { x: 'confidence', y: 'share', fill: '#2471a3', r: 4 }),
        text(reliability, { x: 'confidence', y: 'share', text: 'count', dy: -12 }),
      ],
    }),
  );
  const { fpr, tpr } = rocCurve(malignant, probabilities);
  const corners = fpr.map((x, i) => ({ x, y: tpr[i]! }));
  await run.write(
    'roc.svg',
    chart({
      title: 'Malignant cases found against false alarms',
      width: 480,
      height: 440,
      x: { ...share, label: 'false alarms among benign cases' },
      y: { ...share, label: 'sensitivity' },
      marks: [
        diagonal,
        ruleX([0]),
        line(corners, { x: 'x', y: 'y', stroke: '#c0392b', strokeWidth: 2, curve: 'step-before' }),
      ],
    }),
  );
}

export const breastCancer: Example = {
  name: 'breast-cancer',
  summary:
    'Calibrated probabilities of malignancy with a threshold chosen for its sensitivity (no medical device)',
  options: {
    sensitivity: {
      type: 'string',
      default: '0.98',
      help: 'share of malignant cases to find (default 0.98)',
    },
  },
  run: diagnose,
};
