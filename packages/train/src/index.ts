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
export { Lion } from './optim/lion.ts';
export type { LionOptions } from './optim/lion.ts';
export { LBFGS } from './optim/lbfgs.ts';
export type { LBFGSOptions } from './optim/lbfgs.ts';
export { Rprop } from './optim/rprop.ts';
export type { RpropOptions } from './optim/rprop.ts';
export { ASGD } from './optim/asgd.ts';
export type { ASGDOptions } from './optim/asgd.ts';
export { Muon, orthogonalize } from './optim/muon.ts';
export type { MuonOptions } from './optim/muon.ts';
export { clipGradNorm, clipGradValue, gradNorm } from './optim/clip.ts';

export { Scheduler } from './schedule/scheduler.ts';
export type { SchedulerOptions } from './schedule/scheduler.ts';
export {
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  MultiStepLR,
  MultiplicativeLR,
  PolynomialLR,
  SWALR,
  StepLR,
} from './schedule/schedules.ts';
export type { Anneal } from './schedule/anneal.ts';
export { ChainedScheduler, SequentialLR } from './schedule/combined.ts';
export { CyclicLR, OneCycleLR } from './schedule/cyclic.ts';
export type { CyclicOptions, OneCycleOptions } from './schedule/cyclic.ts';
export { ReduceLROnPlateau } from './schedule/plateau.ts';
export type { PlateauOptions } from './schedule/plateau.ts';

export { DataLoader } from './data/loader.ts';
export type { Batch, DataLoaderOptions } from './data/loader.ts';
export type { Column, Dataset, Sample } from './data/dataset.ts';
export {
  BalancedSampler,
  BucketBatches,
  RandomSampler,
  SamplerBatches,
  SequentialSampler,
  WeightedRandomSampler,
  classWeights,
} from './data/sampler.ts';
export type {
  BalancedSamplerOptions,
  BatchSampler,
  BucketBatchesOptions,
  RandomSamplerOptions,
  Sampler,
  SamplerBatchesOptions,
  WeightedSamplerOptions,
} from './data/sampler.ts';
export { kFold, stratifiedKFold } from './data/folds.ts';
export type { Fold, KFoldOptions } from './data/folds.ts';
export { crossValidate } from './trainer/cross-validate.ts';
export type { CrossValidation, CrossValidationOptions } from './trainer/cross-validate.ts';

export {
  accuracy,
  binaryAccuracy,
  meanAbsoluteError,
  meanSquaredError,
  rootMeanSquaredError,
  topKAccuracy,
} from './metrics/metric.ts';
export type { AnyMetric, Metric, MetricName } from './metrics/metric.ts';
export { balancedAccuracy, f1Score, precision, recall } from './metrics/averaged.ts';
export type { AveragedOptions } from './metrics/averaged.ts';
export { averagePrecision, brier, calibrationError, r2, rocAuc } from './metrics/collected.ts';
export type { CollectedMetric, RankingOptions, ScoreOptions } from './metrics/collected.ts';
export { ConfusionMatrix, confusion } from './metrics/confusion.ts';
export { classificationReport } from './metrics/report.ts';
export type { Average, ClassScores, ClassificationReport } from './metrics/report.ts';
export {
  areaUnder,
  averagePrecisionScore,
  precisionRecallCurve,
  rocAucScore,
  rocCurve,
} from './metrics/ranking.ts';
export type { PrecisionRecallCurve, RankingAverage, RocCurve } from './metrics/ranking.ts';
export { brierScore, expectedCalibrationError, reliabilityCurve } from './metrics/calibration.ts';
export type { CalibrationOptions, ReliabilityBin } from './metrics/calibration.ts';
export { classQuality, frechetDistance } from './metrics/generative.ts';
export type { ClassQuality } from './metrics/generative.ts';
export { regressionReport } from './metrics/regression.ts';
export type { RegressionReport } from './metrics/regression.ts';
export { UndefinedMetricError } from './metrics/scores.ts';
export type { Numbers, Rows } from './metrics/scores.ts';

export { ExponentialMovingAverage } from './average/ema.ts';
export type { EmaOptions } from './average/ema.ts';
export { WeightAverage } from './average/average.ts';
export { StochasticWeightAverage, updateBatchNorm } from './average/swa.ts';
export { autocast, halfOps } from './precision/autocast.ts';
export type { AutocastOptions, HalfType } from './precision/autocast.ts';
export { LossScaler } from './precision/loss-scaler.ts';
export type { LossScaleOptions } from './precision/loss-scaler.ts';

export { composeCallbacks } from './callbacks/callback.ts';
export type { Callback, CallbackState, StepEvent } from './callbacks/callback.ts';
export { EarlyStopping } from './callbacks/early-stopping.ts';
export type { EarlyStoppingOptions } from './callbacks/early-stopping.ts';
export type { MonitorOptions } from './callbacks/monitor.ts';
export { logTo, scalarsOf } from './callbacks/logger.ts';
export type { LoggedImage, Logger, LoggingOptions } from './callbacks/logger.ts';

export {
  SafetensorsError,
  decodeSafetensors,
  decodeTensors,
  encodeSafetensors,
  encodeTensors,
} from './checkpoint/safetensors.ts';
export type { Safetensors } from './checkpoint/safetensors.ts';
export { CheckpointError } from './checkpoint/checkpoint-error.ts';
export { checkpointWeights, decodeCheckpoint, encodeCheckpoint } from './checkpoint/checkpoint.ts';
export type { Checkpoint } from './checkpoint/checkpoint.ts';
export { CheckpointMismatchError } from './checkpoint/run-state.ts';
export { bestCheckpoint } from './checkpoint/keeper.ts';
export type { CheckpointOptions, Skipped } from './checkpoint/keeper.ts';
export { memoryStore } from './checkpoint/store.ts';
export type { CheckpointStore } from './checkpoint/store.ts';

export { Trainer } from './trainer/trainer.ts';
export type {
  EvaluateOptions,
  Evaluation,
  FitOptions,
  History,
  Precision,
  TrainerOptions,
} from './trainer/options.ts';
export type {
  LearningRateCurve,
  LearningRateOptions,
  OverfitOptions,
  OverfitResult,
} from './trainer/probes.ts';
export { GanTrainer } from './gan/gan-trainer.ts';
export type {
  Both,
  CollapseOptions,
  GanFitOptions,
  GanLoss,
  GanPenalty,
  GanTrainerOptions,
  GenerateOptions,
  GridOptions,
  ImageStore,
  SampleGrid,
} from './gan/options.ts';
export { meanPairDistance, relativeDiversity } from './gan/diversity.ts';
export type { Samples } from './gan/diversity.ts';
export { imageGrid } from './gan/image-grid.ts';
export type { ImageGridOptions } from './gan/image-grid.ts';
export { interpolateLatents } from './gan/latents.ts';
export type { InterpolationOptions } from './gan/latents.ts';
export { NonFiniteError } from './trainer/diagnose.ts';
export type { Loss, Model } from './trainer/steps.ts';
export { formatEpoch, formatMetrics, formatNumber, formatSeconds } from './progress/progress.ts';
export type { EpochRecord, Progress, Reporter } from './progress/progress.ts';
export type { ProgressStyle } from './progress/silent.ts';
