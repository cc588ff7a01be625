/** What needs a file system: reading and writing files, and MNIST from disk or the network. */

export { csvFileRecords, readCsvFile } from './node/csv-file.ts';
export { decodeImage, imageDecoder, imageFormat } from './node/decode-image.ts';
export type { DecodeImageOptions, ImageFormat } from './node/decode-image.ts';
export { readBytes, writeBytes } from './node/files.ts';
export { readIdxFile, writeIdxFile } from './node/idx-file.ts';
export { loadMnist } from './node/mnist.ts';
export type { LoadMnistOptions, Mnist, MnistSource } from './node/mnist.ts';
export type { Fetch } from './node/download.ts';
export {
  CIFAR10_CLASSES,
  CIFAR10_NORMALIZATION,
  loadCifar10,
  readCifar10File,
} from './node/cifar10.ts';
export type { Cifar10, Cifar10Sample, LoadCifar10Options } from './node/cifar10.ts';
export { readTar } from './node/archive.ts';
export type { TarFile } from './node/archive.ts';
export { readImdb, readLines, readParallelText, readReviewPolarity } from './node/corpora.ts';
export type { EncodedReview, ImdbReviews, Review, TextPair } from './node/corpora.ts';
export { readSpokenDigits } from './node/spoken-digits.ts';
export type { SpokenDigit } from './node/spoken-digits.ts';
export { ImageFolder, imageFolder } from './node/image-folder.ts';
export type { FolderSample, ImageFile, ImageFolderOptions } from './node/image-folder.ts';
export { shardFiles } from './node/shard-files.ts';
export type { ShardFilesOptions } from './node/shard-files.ts';
export { fingerprint } from './node/fingerprint.ts';
export type { FingerprintOptions } from './node/fingerprint.ts';
export { WorkerDataset, workerDataset } from './node/worker-dataset.ts';
export type { WorkerDatasetOptions } from './node/worker-dataset.ts';
export type { DatasetSource } from './node/dataset-source.ts';
