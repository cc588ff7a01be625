/** @hebb/train: optimizers, schedules, batches and the training loop. */
export { Optimizer, ParameterGroup } from './optim/optimizer.ts';
export type { GroupOptions, OptimizerOptions, Slots, StepScalars } from './optim/optimizer.ts';
export { SGD } from './optim/sgd.ts';
export type { SGDOptions } from './optim/sgd.ts';
export { Adam, AdamW } from './optim/adam.ts';
export type { AdamOptions } from './optim/adam.ts';
export { Adadelta, Adamax, NAdam, RAdam } from './optim/adaptive.ts';
export type {
  AdadeltaOptions,
  AdamaxOptions,
  NAdamOptions,
  RAdamOptions,
} from './optim/adaptive.ts';
export { RMSprop } from './optim/rmsprop.ts';
export type { RMSpropOptions } from './optim/rmsprop.ts';
export { Adagrad } from './optim/adagrad.ts';
export type { AdagradOptions } from './optim/adagrad.ts';
export { clipGradNorm, clipGradValue, gradNorm } from './optim/clip.ts';

export { Scheduler } from './schedule/scheduler.ts';
export type { SchedulerOptions } from './schedule/scheduler.ts';
export {
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  MultiStepLR,
  OneCycleLR,
  PolynomialLR,
  SequentialLR,
  StepLR,
} from './schedule/schedules.ts';
export type { OneCycleOptions } from './schedule/schedules.ts';
export { ReduceLROnPlateau } from './schedule/plateau.ts';
export type { PlateauOptions } from './schedule/plateau.ts';

export { DataLoader } from './data/loader.ts';
export type { Batch, DataLoaderOptions } from './data/loader.ts';
export type { Column, Dataset, Sample } from './data/dataset.ts';

export {
  accuracy,
  binaryAccuracy,
  meanAbsoluteError,
  meanSquaredError,
  topKAccuracy,
} from './metrics/metric.ts';
export type { Metric, MetricName } from './metrics/metric.ts';
export { ConfusionMatrix, confusion } from './metrics/confusion.ts';

export { Trainer } from './trainer/trainer.ts';
export type {
  EvaluateOptions,
  Evaluation,
  FitOptions,
  History,
  TrainerOptions,
} from './trainer/trainer.ts';
export { NonFiniteError } from './trainer/diagnose.ts';
export type { Loss, Model } from './trainer/steps.ts';
export { formatEpoch, formatMetrics, formatNumber, formatSeconds } from './progress/progress.ts';
export type { EpochRecord, Progress, Reporter } from './progress/progress.ts';
export type { ProgressStyle } from './progress/silent.ts';
