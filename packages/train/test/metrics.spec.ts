/** Metrics against scikit-learn's values (fixtures/metrics.py), and what they do where they are not defined. */
import { init, tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import {
  ConfusionMatrix,
  UndefinedMetricError,
  accuracy,
  averagePrecision,
  averagePrecisionScore,
  balancedAccuracy,
  brier,
  brierScore,
  calibrationError,
  classWeights,
  classificationReport,
  confusion,
  expectedCalibrationError,
  f1Score,
  precision,
  precisionRecallCurve,
  r2,
  recall,
  regressionReport,
  reliabilityCurve,
  rocAuc,
  rocAucScore,
  rocCurve,
  topKAccuracy,
} from '../src/index.ts';
import type { CollectedMetric, Metric } from '../src/index.ts';
import fixtures from './fixtures/metrics.json' with { type: 'json' };

beforeAll(async () => {
  await init(cpu());
});

const close = (got: readonly number[], want: readonly number[]): void => {
  expect(got).toHaveLength(want.length);
  got.forEach((value, i) => expect(value).toBeCloseTo(want[i]!, 9));
};

/** A summed metric over two batches. */
async function summed<R>(metric: Metric<R>, output: number[][], target: number[]): Promise<R> {
  const half = Math.ceil(target.length / 2);
  const sums = await Promise.all(
    [0, half].map(async (start) => {
      const labels = tensor(target.slice(start, start + half), { dtype: 'int32' });
      const data = await metric.batch(tensor(output.slice(start, start + half)), labels).data();
      return Float64Array.from(data, Number);
    }),
  );
  return metric.result(sums[0]!.map((value, i) => value + sums[1]![i]!));
}

async function collected(
  metric: CollectedMetric,
  output: number[][] | number[],
  target: number[] | number[][],
  dtype: 'int32' | 'float32' = 'int32',
): Promise<number> {
  const rows = metric.collect(tensor(output), tensor(target, { dtype }));
  return metric.result({
    data: Float64Array.from(await rows.data(), Number),
    rows: rows.shape[0]!,
    columns: rows.shape[1]!,
  });
}

describe(`as ${fixtures.source} says`, () => {
  it.each(fixtures.binary.map((each, i) => [i, each] as const))('binary %i', async (_, given) => {
    const { labels, scores } = given;
    expect(rocAucScore(labels, scores)).toBeCloseTo(given.rocAuc, 12);
    expect(averagePrecisionScore(labels, scores)).toBeCloseTo(given.averagePrecision, 12);
    expect(brierScore(labels, scores)).toBeCloseTo(given.brier, 12);
    const roc = rocCurve(labels, scores);
    close(roc.fpr, given.roc.fpr);
    close(roc.tpr, given.roc.tpr);
    close(roc.thresholds.slice(1), given.roc.thresholds);
    const curve = precisionRecallCurve(labels, scores);
    close(curve.precision, given.precisionRecall.precision);
    close(curve.recall, given.precisionRecall.recall);
    close(curve.thresholds, given.precisionRecall.thresholds);
    // Their bins hold their upper bound, ours the lower: scores that are none.
    if (scores.every((p) => p === 0 || p === 1 || !Number.isInteger(p * 10))) {
      const bins = reliabilityCurve(labels, scores);
      close(
        bins.map(({ share }) => share),
        given.calibration.share,
      );
      close(
        bins.map(({ confidence }) => confidence),
        given.calibration.mean,
      );
    }
    const logits = scores.map((p) => Math.log(p / (1 - p)));
    if (logits.every(Number.isFinite)) {
      expect(await collected(rocAuc(), logits, labels)).toBeCloseTo(given.rocAuc, 5);
      expect(await collected(brier(), logits, labels)).toBeCloseTo(given.brier, 5);
    }
  });

  it.each(fixtures.multiclass.map((each, i) => [i, each] as const))(
    'several classes %i',
    async (_, given) => {
      const { labels, logits, probabilities } = given;
      const matrix = await summed(confusion(), logits, labels);
      expect(matrix.counts).toEqual(given.confusion);
      const report = classificationReport(matrix);
      for (const average of ['macro', 'micro', 'weighted'] as const) {
        for (const score of ['precision', 'recall', 'f1'] as const) {
          expect(report[average][score]).toBeCloseTo(given.averages[average][score], 12);
        }
        const metrics = { precision, recall, f1: f1Score };
        for (const score of ['precision', 'recall', 'f1'] as const) {
          const got = await summed(metrics[score]({ average }), logits, labels);
          expect(got).toBeCloseTo(given.averages[average][score], 12);
        }
      }
      for (const score of ['precision', 'recall', 'f1', 'support'] as const) {
        close(
          report.classes.map((each) => each[score]),
          given.classes[score],
        );
      }
      expect(report.accuracy).toBeCloseTo(given.accuracy, 12);
      expect(report.balancedAccuracy).toBeCloseTo(given.balancedAccuracy, 12);
      expect(await summed(accuracy, logits, labels)).toBeCloseTo(given.accuracy, 6);
      expect(await summed(balancedAccuracy, logits, labels)).toBeCloseTo(given.balancedAccuracy, 9);
      expect(await summed(topKAccuracy(2), logits, labels)).toBeCloseTo(given.top2, 6);
      expect(expectedCalibrationError(labels, probabilities)).toBeCloseTo(given.ece15, 12);
      expect(brierScore(labels, probabilities)).toBeCloseTo(given.brier, 12);
      expect(await collected(calibrationError(), logits, labels)).toBeCloseTo(given.ece15, 5);
      expect(await collected(brier(), logits, labels)).toBeCloseTo(given.brier, 5);
      if (given.rocAuc === undefined) {
        expect(await collected(rocAuc(), logits, labels)).toBeNaN();
        return;
      }
      for (const average of ['macro', 'micro', 'weighted'] as const) {
        expect(rocAucScore(labels, probabilities, { average })).toBeCloseTo(
          given.rocAuc[average],
          12,
        );
      }
      expect(averagePrecisionScore(labels, probabilities)).toBeCloseTo(given.averagePrecision, 12);
      expect(await collected(rocAuc({ average: 'weighted' }), logits, labels)).toBeCloseTo(
        given.rocAuc.weighted,
        5,
      );
      expect(
        await collected(averagePrecision({ from: 'probabilities' }), probabilities, labels),
      ).toBeCloseTo(given.averagePrecision, 5);
      close(
        [...(await classWeights(labels).data())].map((w) => Math.fround(Number(w))),
        given.classWeights!.map(Math.fround),
      );
    },
  );

  it.each(fixtures.regression.map((each, i) => [i, each] as const))(
    'regression %i',
    async (_, given) => {
      const report = regressionReport(given.wanted, given.given);
      for (const name of ['mae', 'mse', 'rmse', 'r2'] as const) {
        expect(report[name]).toBeCloseTo(given[name], 12);
      }
      expect(await collected(r2, given.given, given.wanted, 'float32')).toBeCloseTo(given.r2, 5);
    },
  );
});

describe('where there is nothing to measure', () => {
  it('one class is named, and NaN for a trainer', async () => {
    expect(() => rocAucScore([1, 1], [0.2, 0.3])).toThrow(UndefinedMetricError);
    expect(() => rocAucScore([1, 1], [0.2, 0.3])).toThrow(
      'rocCurve: all 2 labels are of one class, 1: the curve is not defined',
    );
    expect(() =>
      rocAucScore(
        [0, 1],
        [
          [0.5, 0.2, 0.3],
          [0.1, 0.2, 0.7],
        ],
      ),
    ).toThrow('rocAucScore: class 2 has no samples: its curve is not defined');
    expect(() => averagePrecisionScore([0, 0], [0.2, 0.3])).toThrow('no label is 1');
    expect(averagePrecisionScore([1, 1], [0.2, 0.3])).toBe(1);
    expect(await collected(rocAuc(), [0.2, 0.4], [1, 1])).toBeNaN();
    expect(await collected(rocAuc(), [[1, 2]], [-100])).toBeNaN();
    // One class is enough for these.
    expect(brierScore([1, 1], [1, 0.5])).toBe(0.125);
    expect(expectedCalibrationError([1, 1], [0.75, 0.75])).toBeCloseTo(0.25, 12);
  });

  it('empty input is refused by name', () => {
    for (const metric of [
      rocAucScore,
      averagePrecisionScore,
      brierScore,
      expectedCalibrationError,
    ]) {
      expect(() => metric([], [])).toThrow('there are no samples');
    }
    expect(() => regressionReport([], [])).toThrow('regressionReport: there are no samples');
    expect(() =>
      classificationReport(
        new ConfusionMatrix([
          [0, 0],
          [0, 0],
        ]),
      ),
    ).toThrow('classificationReport: there are no samples');
    expect(() => classWeights([])).toThrow('classWeights: there are no labels');
  });

  it('scores without samples or decisions are 0, constant targets have a defined R²', () => {
    const report = classificationReport(
      new ConfusionMatrix([
        [3, 0, 0],
        [2, 0, 0],
        [0, 0, 0],
      ]),
    );
    expect(report.classes[1]).toMatchObject({ precision: 0, recall: 0, f1: 0, support: 2 });
    // The third class occurs nowhere and does not count.
    expect(report.macro.recall).toBe(0.5);
    expect(regressionReport([2, 2, 2], [2, 2, 2]).r2).toBe(1);
    expect(regressionReport([2, 2, 2], [2, 2, 3]).r2).toBe(0);
    expect(regressionReport([2], [3])).toMatchObject({ mae: 1, rmse: 1, r2: NaN });
  });

  it('what is no label, no score or no probability is named', () => {
    expect(() => rocAucScore([0, 2], [0.1, 0.2])).toThrow(
      'label 1 is unknown (got 2, wanted 0 or 1)',
    );
    expect(() => rocAucScore([0, 1], [0.1, NaN])).toThrow('score 1 is NaN');
    expect(() => rocAucScore([0, 1], [0.1])).toThrow(
      'needs a score for each label (got 1, wanted 2)',
    );
    expect(() => brierScore([0, 1], [0.1, 1.5])).toThrow(
      'row 1 is not a probability (got 1.5, wanted 0 to 1; for logits apply sigmoid or softmax first)',
    );
    expect(() => expectedCalibrationError([3], [[0.5, 0.5]])).toThrow(
      'label 0 is unknown (got 3, wanted 0 to 1)',
    );
    expect(() => regressionReport([1, 2], [[1, 2]])).toThrow('shapes differ');
    expect(() => classWeights([0, 0, 2])).toThrow('class 1 has no samples');
    expect(() => classWeights([0, 5], 3)).toThrow('label 1 is unknown (got 5, wanted 0 to 2)');
  });

  it('binary decisions by one logit', async () => {
    const matrix = await summed(confusion(), [[2], [-1], [0.5], [-3]], [1, 1, 0, 0]);
    expect(matrix.counts).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(
      await summed(f1Score({ average: 'binary' }), [[2], [-1], [-1], [-3]], [1, 1, 0, 0]),
    ).toBeCloseTo(2 / 3, 12);
  });
});
