/**
 * Data sets, readers and transforms that run anywhere: Node, browsers and workers. What needs files
 * is in `@hebb/data/node`.
 */

export { DataError } from './error.ts';
export type { DataErrorKind, DataErrorOptions } from './error.ts';
export { ndarray } from './ndarray.ts';
export type { NDArray, NumericArray } from './ndarray.ts';
export { permutation } from './random/permutation.ts';
export { Philox } from './random/philox.ts';
export { fetchBatch, stack, unstack } from './dataset/dataset.ts';
export type { Dataset, Indices, Sample } from './dataset/dataset.ts';
export { ArrayDataset } from './dataset/array-dataset.ts';
export { ConcatDataset, Subset, mapBatches, mapSamples, take } from './dataset/combine.ts';
export { randomSplit } from './dataset/split.ts';
export type { SplitOptions } from './dataset/split.ts';
export { MNIST_NORMALIZATION, normalizeColumn, normalizeImages } from './dataset/normalize.ts';
export type { Normalization } from './dataset/normalize.ts';
export { readIdx, writeIdx } from './idx/idx.ts';
export type { ReadIdxOptions } from './idx/idx.ts';
export { readNpy, writeNpy } from './npz/npy.ts';
export { readNpz, writeNpz } from './npz/npz.ts';
export type { ReadNpzOptions } from './npz/npz.ts';
export { invert, removeAlpha, toGrayscale, toRgb } from './image/image.ts';
export type { Image } from './image/image.ts';
export { resize } from './image/resize.ts';
export type { ResizeMethod } from './image/resize.ts';
export { decodePng, encodePng } from './image/png.ts';
export type { DecodePngOptions } from './image/png.ts';
export { decodePnm } from './image/pnm.ts';
export type { DecodePnmOptions } from './image/pnm.ts';
export { imageToTensorArray, pngToTensorArray, tensorArrayToImage } from './image/to-tensor.ts';
export type { ImageToTensorOptions, TensorToImageOptions } from './image/to-tensor.ts';
export { digits } from './digits/digits.ts';
export type { DigitSample, DigitsOptions } from './digits/digits.ts';
export { readWav, toMono, writeWav } from './audio/wav.ts';
export type { Audio, ReadWavOptions } from './audio/wav.ts';
export { SeriesScaler, series, sliceSeries, windows } from './series/series.ts';
export type { Series, SeriesWindow, WindowOptions } from './series/series.ts';
export { Vocabulary, characters, padSequences, words } from './text/vocabulary.ts';
export type { VocabularyOptions } from './text/vocabulary.ts';
export { csvRecords, readCsv, readCsvStream } from './table/csv.ts';
export type { CsvOptions, CsvRecord } from './table/csv.ts';
export { Table } from './table/table.ts';
export type {
  ColumnType,
  ColumnValues,
  Row,
  TableSplitOptions,
  ToDatasetOptions,
} from './table/table.ts';
export {
  FittedScaler,
  MinMaxScaler,
  RobustScaler,
  Scaler,
  StandardScaler,
} from './table/scalers.ts';
export type {
  MinMaxScalerOptions,
  RobustScalerOptions,
  ScalerOptions,
  ScalerState,
  StandardScalerOptions,
} from './table/scalers.ts';
export { LabelEncoder, OneHotEncoder, OrdinalEncoder } from './table/encoders.ts';
export type {
  Categories,
  Category,
  EncoderOptions,
  OneHotEncoderOptions,
  OrdinalEncoderOptions,
} from './table/encoders.ts';
export { Imputer } from './table/imputer.ts';
export type { ImputerOptions } from './table/imputer.ts';
export { TablePipeline, labelEncoderFromJSON, transformerFromJSON } from './table/pipeline.ts';
export type { TableTransformer } from './table/pipeline.ts';
export { augment } from './augment/augment.ts';
export type { AugmentOptions } from './augment/augment.ts';
export { compose, randomApply } from './augment/picture.ts';
export type { Fill, ImageTransform, Picture, Pixels } from './augment/picture.ts';
export {
  hflip,
  randomAffine,
  randomCrop,
  randomHorizontalFlip,
  randomResizedCrop,
  randomRotation,
  randomVerticalFlip,
  resizePicture,
  vflip,
} from './augment/geometry.ts';
export type {
  Interpolation,
  Padding,
  PaddingMode,
  RandomAffineOptions,
  RandomCropOptions,
  RandomResizedCropOptions,
  RandomRotationOptions,
  Spread,
} from './augment/geometry.ts';
export {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  autocontrast,
  colorJitter,
  equalize,
  posterize,
  randomGrayscale,
  solarize,
} from './augment/colour.ts';
export type { ColorJitterOptions, Jitter } from './augment/colour.ts';
export { cutout, randomErasing } from './augment/erase.ts';
export type { CutoutOptions, RandomErasingOptions } from './augment/erase.ts';
export { randAugment } from './augment/rand-augment.ts';
export type { RandAugmentOptions } from './augment/rand-augment.ts';
export { cutmix, mixup } from './augment/mix.ts';
export type { MixOptions } from './augment/mix.ts';
export { BytePairTokenizer } from './text/byte-pair.ts';
export type { TrainBytePairOptions } from './text/byte-pair.ts';
export { ShardedDataset } from './dataset/shards.ts';
export type { Shard, ShardOrderOptions, ShardedDatasetOptions } from './dataset/shards.ts';
export { batched, shuffled } from './dataset/stream.ts';
export type { BatchedOptions, ShuffleOptions, Stream } from './dataset/stream.ts';
