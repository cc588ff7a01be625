/** Metrics: sums over batches that are added up on the backend, and what they say in the end. */
import { fail, formatShape, full, isInteger, stack } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { checkWhole } from '../check.ts';
import type { CollectedMetric } from './collected.ts';

/** `Result` is a number, or for metrics such as a confusion matrix anything else. */
export interface Metric<Result = number> {
  /** Key in histories and progress lines. */
  readonly name: string;
  /**
   * Sums over one batch, built of tensors; added to those of the batches before. Any shape, as long as it
   * is the same for every batch.
   */
  batch(output: Tensor, target: Tensor): Tensor;
  /** From the sums over all batches. */
  result(sums: Float64Array): Result;
}

/** A mean over samples: sums are [total, count]. */
const ratio = ([total = 0, count = 0]: Float64Array): number => (count === 0 ? NaN : total / count);

/** Classes chosen (axis 1 of the output) and wanted, as integers of one shape. */
export function classesOf(metric: string, output: Tensor, target: Tensor): [Tensor, Tensor] {
  if (output.rank >= 2) {
    const chosen = output.argmax(1);
    if (isInteger(target.dtype) && formatShape(target.shape) === formatShape(chosen.shape)) {
      return [chosen, target.to('int32')];
    }
    // Probabilities or one-hot targets.
    if (formatShape(target.shape) === formatShape(output.shape)) return [chosen, target.argmax(1)];
  }
  return fail(
    metric,
    'needs scores [N, classes, ...] and class numbers [N, ...] or one score a class',
    `output ${formatShape(output.shape)}, target ${target.dtype}${formatShape(target.shape)}`,
  );
}

/** [hits, count]; without `counted`, every element counts. */
function shareOf(hits: Tensor, counted?: Tensor): Tensor {
  if (counted === undefined) return stack([hits.to('float32').sum(), full([], hits.size)], 0);
  return stack([hits.and(counted).to('float32').sum(), counted.to('float32').sum()], 0);
}

/** Share of samples whose highest score is at the right class; negative labels (ignored ones) do not count. */
export const accuracy: Metric = {
  name: 'accuracy',
  batch: (output, target) => {
    const [chosen, wanted] = classesOf('accuracy', output, target);
    return shareOf(chosen.eq(wanted), wanted.ge(0));
  },
  result: ratio,
};

/** Share of samples whose right class is among the k highest scores. */
export function topKAccuracy(k: number): Metric {
  checkWhole('topKAccuracy', 'k', k);
  return {
    name: `top${k}Accuracy`,
    batch: (output, target) => {
      const [chosen, wanted] = classesOf(`top${k}Accuracy`, output, target);
      // Rank of the right class: how many score higher.
      const score = output.gatherElements(wanted.maximum(0).unsqueeze(1), 1);
      const above = output.gt(score).to('float32').sum(1);
      return shareOf(above.lt(k).reshape(chosen.shape), wanted.ge(0));
    },
    result: ratio,
  };
}

/** Share of samples on the right side: scores are logits, split at 0, targets 0 or 1. */
export const binaryAccuracy: Metric = {
  name: 'binaryAccuracy',
  batch: (output, target) => {
    if (output.size !== target.size) {
      fail(
        'binaryAccuracy',
        'output and target differ in size',
        `output ${formatShape(output.shape)}, target ${formatShape(target.shape)}`,
      );
    }
    return shareOf(output.gt(0).eq(target.reshape(output.shape).to('float32').gt(0.5)));
  },
  result: ratio,
};

/** A metric of real outputs: the mean of `error(output - target)` over all elements. */
function regression(name: string, error: (difference: Tensor) => Tensor): Metric {
  return {
    name,
    batch: (output, target) => {
      if (formatShape(output.shape) !== formatShape(target.shape)) {
        fail(
          name,
          'output and target differ in shape',
          `${formatShape(output.shape)} and ${formatShape(target.shape)}`,
        );
      }
      const total = error(output.sub(target)).to('float32').sum();
      return stack([total, full([], output.size)], 0);
    },
    result: ratio,
  };
}
/** Mean of |output - target|. */
export const meanAbsoluteError = regression('mae', (d) => d.abs());
/** Mean of (output - target)². */
export const meanSquaredError = regression('mse', (d) => d.mul(d));

/** Square root of the mean of (output - target)². */
export const rootMeanSquaredError: Metric = {
  ...meanSquaredError,
  name: 'rmse',
  result: (sums) => Math.sqrt(meanSquaredError.result(sums)),
};

const named: Readonly<Record<string, Metric>> = {
  accuracy,
  binaryAccuracy,
  mae: meanAbsoluteError,
  mse: meanSquaredError,
  rmse: rootMeanSquaredError,
};

/** Metrics that `metrics: [...]` takes by name. */
export type MetricName = 'accuracy' | 'binaryAccuracy' | 'mae' | 'mse' | 'rmse';

/** Everything that `metrics: [...]` takes. */
export type AnyMetric = MetricName | Metric | CollectedMetric;

export interface ResolvedMetrics {
  /** Summed up on the backend, in training too. */
  readonly summed: readonly Metric[];
  /** Gathered on the host, in evaluation. */
  readonly collected: readonly CollectedMetric[];
}

export function resolveMetrics(metrics: readonly AnyMetric[]): ResolvedMetrics {
  const found = metrics.map((metric) =>
    typeof metric === 'string'
      ? (named[metric] ?? fail('Trainer', 'unknown metric', metric, Object.keys(named).join(', ')))
      : metric,
  );
  found.forEach((metric, i) => {
    if (metric.name === 'loss' || found.findIndex((other) => other.name === metric.name) !== i) {
      fail('Trainer', 'two metrics have one name', metric.name);
    }
  });
  return {
    summed: found.filter((metric): metric is Metric => 'batch' in metric),
    collected: found.filter((metric): metric is CollectedMetric => 'collect' in metric),
  };
}
