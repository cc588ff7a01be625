/** Curves of a report: what is drawn, and what it says in words. */
import type { EpochRecord } from '../progress/progress.ts';
import { formatNumber } from '../progress/progress.ts';
import type { ReliabilityBin } from '../metrics/calibration.ts';
import type { PrecisionRecallCurve, RocCurve } from '../metrics/ranking.ts';
import { areaUnder } from '../metrics/ranking.ts';
import type { LearningRateCurve } from '../trainer/probes.ts';

export interface Series {
  readonly label: string;
  /** Which colour and dashes: training and validation look the same in all charts. */
  readonly style: 'first' | 'second' | 'third' | 'reference';
  readonly values: readonly (number | null)[];
  /** Dots at the values. */
  readonly points?: boolean;
}

export interface Chart {
  readonly title: string;
  /** What the chart shows, for those who cannot see it. */
  readonly words: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly x: readonly number[];
  readonly series: readonly Series[];
  readonly logX?: boolean;
  readonly logY?: boolean;
  /** Both axes from 0 to 1. */
  readonly unit?: boolean;
}

const finite = (value: number | undefined): number | null =>
  value === undefined || !Number.isFinite(value) ? null : value;

/** One chart for the loss and each metric, and one for a rate that changes. */
export function epochCharts(records: readonly EpochRecord[]): Chart[] {
  const x = records.map(({ epoch }) => epoch);
  const names = new Set<string>();
  for (const { metrics, validation } of records) {
    for (const name of [...Object.keys(metrics), ...Object.keys(validation?.metrics ?? {})]) {
      names.add(name);
    }
  }
  const chart = (
    title: string,
    valueOf: (part: { loss: number; metrics: EpochRecord['metrics'] }) => number | undefined,
    lowIsBest: boolean,
  ): Chart => {
    const train = records.map((record) => finite(valueOf(record)));
    const validation = records.map(({ validation: part }) => part && finite(valueOf(part))) as (
      number | null
    )[];
    const series: Series[] = [];
    if (train.some((value) => value !== null)) {
      series.push({ label: 'training', style: 'first', values: train });
    }
    if (validation.some((value) => value != null)) {
      series.push({ label: 'validation', style: 'second', values: validation });
    }
    const words = series.map(({ label, values }) => course(label, values, x, lowIsBest)).join(' ');
    return { title, words, xLabel: 'epoch', yLabel: title, x, series };
  };
  const charts = [
    chart('loss', ({ loss }) => loss, true),
    ...[...names].map((name) =>
      chart(name, ({ metrics }) => metrics[name], /loss|error|mae|mse|rmse|brier/i.test(name)),
    ),
  ].filter(({ series }) => series.length > 0);
  const rates = records.map(({ lr }) => lr);
  const [low, high] = [Math.min(...rates), Math.max(...rates)];
  if (low !== high) {
    charts.push({
      title: 'learning rate',
      words: `From ${formatNumber(rates[0]!)} to ${formatNumber(rates.at(-1)!)}, between ${formatNumber(low)} and ${formatNumber(high)}.`,
      xLabel: 'epoch',
      yLabel: 'learning rate',
      x,
      series: [{ label: 'rate of the last step', style: 'third', values: rates }],
      logY: low > 0 && high / low > 50,
    });
  }
  return charts;
}

function course(
  label: string,
  values: readonly (number | null)[],
  epochs: readonly number[],
  lowIsBest: boolean,
): string {
  const known = values.flatMap((value, i) => (value === null ? [] : [{ value, i }]));
  const [first, last] = [known[0]!, known.at(-1)!];
  const best = known.reduce((a, b) =>
    (lowIsBest ? b.value < a.value : b.value > a.value) ? b : a,
  );
  const extreme = lowIsBest ? 'lowest' : 'highest';
  return (
    `${label[0]!.toUpperCase()}${label.slice(1)} from ${formatNumber(first.value)} to ${formatNumber(last.value)}, ` +
    `${extreme} ${formatNumber(best.value)} in epoch ${epochs[best.i]}.`
  );
}

/** Joins curves with x values of their own on one axis. */
function merged(
  curves: readonly { readonly x: readonly number[]; readonly y: readonly number[] }[],
): { x: number[]; values: (number | null)[][] } {
  const points = curves
    .flatMap(({ x, y }, curve) => x.map((at, i) => ({ at, y: y[i]!, curve, i })))
    .sort((a, b) => a.at - b.at || a.curve - b.curve || a.i - b.i);
  return {
    x: points.map(({ at }) => at),
    values: curves.map((_, curve) => points.map((p) => (p.curve === curve ? p.y : null))),
  };
}

export function rocChart(curve: RocCurve): Chart {
  const { x, values } = merged([
    { x: curve.fpr, y: curve.tpr },
    { x: [0, 1], y: [0, 1] },
  ]);
  return {
    title: 'ROC curve',
    words: `Area under the curve ${formatNumber(areaUnder(curve.fpr, curve.tpr))}; chance has 0.5.`,
    xLabel: 'false positive rate',
    yLabel: 'true positive rate',
    x,
    series: [
      { label: 'model', style: 'first', values: values[0]! },
      { label: 'chance', style: 'reference', values: values[1]! },
    ],
    unit: true,
  };
}

export function precisionRecallChart(curve: PrecisionRecallCurve): Chart {
  // Recall falls in the curve; axes rise.
  const x = [...curve.recall].reverse();
  const y = [...curve.precision].reverse();
  return {
    title: 'precision and recall',
    words: `Precision ${formatNumber(Math.max(...y.filter((_, i) => x[i] === 1)))} where all are found.`,
    xLabel: 'recall',
    yLabel: 'precision',
    x,
    series: [{ label: 'model', style: 'first', values: y }],
    unit: true,
  };
}

export function reliabilityChart(bins: readonly ReliabilityBin[], error: number): Chart {
  const { x, values } = merged([
    { x: bins.map(({ confidence }) => confidence), y: bins.map(({ share }) => share) },
    { x: [0, 1], y: [0, 1] },
  ]);
  return {
    title: 'reliability',
    words: `Expected calibration error ${formatNumber(error)}: how far confidence and outcome are apart on average.`,
    xLabel: 'predicted probability',
    yLabel: 'share that came true',
    x,
    series: [
      { label: 'model', style: 'first', values: values[0]!, points: true },
      { label: 'perfect', style: 'reference', values: values[1]! },
    ],
    unit: true,
  };
}

export function learningRateChart(curve: LearningRateCurve): Chart {
  const { suggestion } = curve;
  return {
    title: 'learning rate finder',
    words:
      (suggestion === undefined
        ? 'The loss falls nowhere.'
        : `The loss falls fastest at ${formatNumber(suggestion)}.`) +
      (curve.diverged ? ' It explodes at the end.' : ''),
    xLabel: 'learning rate',
    yLabel: 'loss',
    x: curve.rates,
    series: [
      { label: 'smoothed', style: 'first', values: curve.smoothed.map(finite) },
      { label: 'batch', style: 'reference', values: curve.losses.map(finite) },
      ...(suggestion === undefined
        ? []
        : [
            {
              label: 'suggestion',
              style: 'second' as const,
              values: curve.rates.map((rate, i) =>
                rate === suggestion ? finite(curve.smoothed[i]) : null,
              ),
              points: true,
            },
          ]),
    ],
    logX: true,
  };
}
