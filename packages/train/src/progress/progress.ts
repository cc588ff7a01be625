/** What a trainer tells while it works, and who listens. */

/** State of an epoch at some step. */
export interface Progress {
  /** From 1; a second `fit` counts on. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps done in this epoch, and all it has. */
  readonly step: number;
  readonly steps: number;
  /** Samples seen in this epoch. */
  readonly samples?: number;
  /** Mean over the epoch so far. */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly samplesPerSecond: number;
  /** Estimated seconds to the end of the last epoch, validation not counted. */
  readonly secondsLeft: number;
  /** Share of the time in which the step waited for batches. */
  readonly waiting?: number;
}

/** An epoch that is over. */
export interface EpochRecord {
  /** From 1; a second `fit` counts on. */
  readonly epoch: number;
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly validation?: {
    readonly loss: number;
    readonly metrics: Readonly<Record<string, number>>;
  };
  /** Learning rate of the last step. */
  readonly lr: number;
  readonly samples: number;
  /** Training alone, validation left out. */
  readonly seconds: number;
  readonly samplesPerSecond: number;
  /** Share of the time in which the step waited for batches. */
  readonly waiting?: number;
  /** Updates of the weights so far. */
  readonly updates?: number;
  /** What the loss is multiplied by, in float16. */
  readonly lossScale?: number;
}

/** Shows progress somewhere. */
export interface Reporter {
  /** A few times a second. */
  step?(progress: Progress): void;
  epoch?(record: EpochRecord, epochs: number): void;
  /** The run is over, also when it failed. */
  end?(): void;
}

export const silent: Reporter = {};

/** `1.234`, `0.000123`, `NaN`: four digits that count. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3);
  return size >= 1000 ? value.toFixed(1) : value.toPrecision(4);
}

/** `accuracy 97.85%`: shares as percentages, everything else as a number. */
export function formatMetrics(metrics: Readonly<Record<string, number>>, prefix = ''): string {
  return Object.entries(metrics)
    .map(([name, value]) => {
      const share = /accuracy$/i.test(name);
      return `${prefix}${name} ${share ? `${(100 * value).toFixed(2)}%` : formatNumber(value)}`;
    })
    .join('  ');
}

/** `0:07`, `12:34`, `1:02:03`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-';
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** One line for an epoch that is over. */
export function formatEpoch(record: EpochRecord, epochs: number): string {
  const width = String(epochs).length;
  const parts = [
    `epoch ${String(record.epoch).padStart(width)}/${epochs}`,
    `loss ${formatNumber(record.loss)}`,
    formatMetrics(record.metrics),
  ];
  if (record.validation !== undefined) {
    parts.push(
      `val loss ${formatNumber(record.validation.loss)}`,
      formatMetrics(record.validation.metrics, 'val '),
    );
  }
  parts.push(`${formatNumber(record.samplesPerSecond)} samples/s`, formatSeconds(record.seconds));
  // Only where it is worth doing something about it.
  const { waiting = 0 } = record;
  if (waiting >= 0.05) parts.push(`waiting for data ${Math.round(100 * waiting)}%`);
  return parts.filter((part) => part !== '').join('  ');
}
