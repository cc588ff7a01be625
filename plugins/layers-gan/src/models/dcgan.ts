/** DCGAN: Radford, Metz & Chintala 2016, arXiv:1511.06434. Names in state dicts are those of PyTorch's example. */
import { concat, fail, formatShape, isInteger } from '@hebb/core';
import type { DType, Generator, Tensor } from '@hebb/core';
import {
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Embedding,
  LeakyReLU,
  Linear,
  Module,
  ReLU,
  Sequential,
  Tanh,
  checkCount,
  checkOptions,
  init,
  spectralNorm,
} from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { ConditionalBatchNorm2d } from './conditional-batch-norm.ts';
import { MinibatchStd } from './minibatch-std.ts';
import { dcganInit } from './start.ts';

/** Settings that both networks share. */
export interface DcganOptions {
  /** Height and width of the images, default 64: a number that halves at least once. */
  readonly imageSize?: number;
  /** 1 for grey, 3 (default) for colour. */
  readonly imageChannels?: number;
  /** Channels next to the image; they double with each halving. Default 64. */
  readonly features?: number;
  /** With it both networks take a class number beside: a conditional GAN, Mirza & Osindero 2014. */
  readonly numClasses?: number;
  readonly dtype?: DType;
  readonly generator?: Generator;
}

export interface DcganGeneratorOptions extends DcganOptions {
  /** Default 100. */
  readonly latentSize?: number;
  /**
   * How the class comes in: `norm` (default), by the scales and shifts of batch normalisation; `concat`, as a vector
   * beside the noise, which small networks may come to prefer to the noise; or `both`.
   */
  readonly condition?: 'norm' | 'concat' | 'both';
  /** Width of that vector; default 16. */
  readonly embeddingSize?: number;
}

export interface DcganDiscriminatorOptions extends DcganOptions {
  /** `batch` (default) after all convolutions but the first and last, `spectral` on all, or `none`. */
  readonly norm?: 'batch' | 'spectral' | 'none';
  /**
   * How the class comes in: `channel` (default), a map beside the image's channels; `projection`, a product of the
   * class's vector with the last features: Miyato & Koyama 2018, arXiv:1802.05637.
   */
  readonly condition?: 'channel' | 'projection';
  /** Show the last layer how much the batch's features differ, against mode collapse; default false. */
  readonly minibatchStd?: boolean;
}

const shared = ['imageSize', 'imageChannels', 'features', 'numClasses', 'dtype', 'generator'];

/** How often the size halves until 4 or an odd number is left, and that number. */
function levelsOf(op: string, imageSize: number): { levels: number; start: number } {
  let [levels, start] = [0, checkCount(op, 'imageSize', imageSize)];
  while (start % 2 === 0 && start > 4) {
    start /= 2;
    levels += 1;
  }
  if (levels === 0) fail(op, 'imageSize does not halve', String(imageSize), 'such as 28, 32 or 64');
  return { levels, start };
}

/** Throws unless there is one class number a sample where classes are known, and none elsewhere. */
export function checkClasses(
  op: string,
  samples: Tensor,
  classes: Tensor | undefined,
  numClasses: number | undefined,
): void {
  if ((classes === undefined) !== (numClasses === undefined)) {
    fail(op, numClasses === undefined ? 'takes no classes' : 'needs the class of each sample');
  }
  if (classes === undefined) return;
  if (classes.rank !== 1 || classes.shape[0] !== samples.shape[0] || !isInteger(classes.dtype)) {
    fail(
      op,
      'classes are not one number a sample',
      `${classes.dtype}${formatShape(classes.shape)}`,
      `int32[${samples.shape[0]}]`,
    );
  }
}

/**
 * Draws images from noise: transposed convolutions that double the size, batch normalisation and ReLU, tanh at the
 * end. `main.0.weight`, `main.1.weight`, ... as in PyTorch's example.
 *
 * Shape: [N, latentSize] (and int32 [N]) -> [N, imageChannels, imageSize, imageSize] in -1 to 1.
 */
export class DcganGenerator extends Module {
  readonly latentSize: number;
  readonly numClasses: number | undefined;
  readonly embedding: Embedding | undefined;
  readonly main: Sequential;

  constructor(options: DcganGeneratorOptions = {}) {
    super();
    const op = 'DcganGenerator';
    checkOptions(op, options, [...shared, 'latentSize', 'condition', 'embeddingSize']);
    const { imageSize = 64, imageChannels = 3, features = 64, latentSize = 100 } = options;
    const { numClasses, embeddingSize = 16, condition = 'norm' } = options;
    const { dtype = 'float32', generator } = options;
    if (!['norm', 'concat', 'both'].includes(condition)) {
      fail(op, 'unknown condition', String(condition), 'norm, concat, both');
    }
    const how = { dtype, ...(generator && { generator }) };
    const { levels, start } = levelsOf(op, imageSize);
    this.latentSize = checkCount(op, 'latentSize', latentSize);
    this.numClasses = numClasses;
    const joins = numClasses !== undefined && condition !== 'norm';
    this.embedding = joins ? new Embedding(numClasses, embeddingSize, how) : undefined;
    const layers: Layer[] = [];
    let channels = latentSize + (joins ? embeddingSize : 0);
    for (let level = levels - 1; level >= 0; level--) {
      const next = features * 2 ** level;
      const first = level === levels - 1;
      layers.push(
        new ConvTranspose2d(channels, next, first ? start : 4, {
          ...(first ? {} : { stride: 2, padding: 1 }),
          bias: false,
          ...how,
        }),
        numClasses === undefined || condition === 'concat'
          ? new BatchNorm2d(next, { dtype })
          : new ConditionalBatchNorm2d(next, numClasses, { dtype }),
        new ReLU(),
      );
      channels = next;
    }
    layers.push(
      new ConvTranspose2d(channels, imageChannels, 4, {
        stride: 2,
        padding: 1,
        bias: false,
        ...how,
      }),
      new Tanh(),
    );
    this.main = new Sequential(...layers);
    dcganInit(this, generator);
  }

  forward(z: Tensor, classes?: Tensor): Tensor {
    if (z.rank !== 2 || z.shape[1] !== this.latentSize) {
      fail('DcganGenerator', 'noise does not fit', formatShape(z.shape), `[N,${this.latentSize}]`);
    }
    checkClasses('DcganGenerator', z, classes, this.numClasses);
    const joined =
      classes === undefined || this.embedding === undefined
        ? z
        : concat([z, this.embedding.forward(classes)], 1);
    let x = joined.reshape([...joined.shape, 1, 1]);
    for (const layer of this.main.layers) {
      x = layer instanceof ConditionalBatchNorm2d ? layer.forward(x, classes) : layer.forward(x);
    }
    return x;
  }

  override extraRepr(): string {
    return `latentSize=${this.latentSize}`;
  }
}

/**
 * Tells real images from drawn ones: convolutions that halve the size, and LeakyReLU.
 *
 * Shape: [N, imageChannels, imageSize, imageSize] (and int32 [N]) -> [N], scores before any sigmoid.
 */
export class DcganDiscriminator extends Module {
  readonly numClasses: number | undefined;
  readonly condition: 'channel' | 'projection';
  readonly embedding: Embedding | undefined;
  readonly main: Sequential;
  /** With projection: the score of the features alone. */
  readonly linear: Linear | undefined;
  readonly #image: readonly [channels: number, size: number];

  constructor(options: DcganDiscriminatorOptions = {}) {
    super();
    const op = 'DcganDiscriminator';
    checkOptions(op, options, [...shared, 'norm', 'condition', 'minibatchStd']);
    const { imageSize = 64, imageChannels = 3, features = 64, numClasses } = options;
    const { norm = 'batch', condition = 'channel', dtype = 'float32', generator } = options;
    if (!['batch', 'spectral', 'none'].includes(norm)) {
      fail(op, 'unknown norm', norm, 'batch, spectral, none');
    }
    if (condition !== 'channel' && condition !== 'projection') {
      fail(op, 'unknown condition', String(condition), 'channel, projection');
    }
    const how = { dtype, ...(generator && { generator }) };
    const { levels, start } = levelsOf(op, imageSize);
    this.#image = [imageChannels, imageSize];
    this.numClasses = numClasses;
    this.condition = condition;
    const projects = numClasses !== undefined && condition === 'projection';
    const layers: Layer[] = [];
    const bias = norm === 'spectral';
    let channels = imageChannels + (numClasses !== undefined && !projects ? 1 : 0);
    for (let level = 0; level < levels; level++) {
      const next = features * 2 ** level;
      layers.push(new Conv2d(channels, next, 4, { stride: 2, padding: 1, bias, ...how }));
      if (norm === 'batch' && level > 0) layers.push(new BatchNorm2d(next, { dtype }));
      layers.push(new LeakyReLU(0.2));
      channels = next;
    }
    if (options.minibatchStd === true) {
      layers.push(new MinibatchStd());
      channels += 1;
    }
    if (!projects) layers.push(new Conv2d(channels, 1, start, { bias, ...how }));
    this.main = new Sequential(...layers);
    this.linear = projects ? new Linear(channels, 1, how) : undefined;
    this.embedding =
      numClasses === undefined
        ? undefined
        : new Embedding(numClasses, projects ? channels : imageSize ** 2, how);
    dcganInit(this, generator);
    if (this.embedding !== undefined) {
      // Of unit size they would drown the image at the start.
      const { weight } = this.embedding;
      weight.set(init.normal(weight.shape, { std: 0.02, ...how }));
    }
    if (norm !== 'spectral') return;
    const settings = generator === undefined ? {} : { generator };
    for (const layer of this.modules()) {
      if (
        layer instanceof Conv2d ||
        layer instanceof Linear ||
        (projects && layer === this.embedding)
      ) {
        spectralNorm(layer, settings);
      }
    }
  }

  forward(images: Tensor, classes?: Tensor): Tensor {
    const op = 'DcganDiscriminator';
    const [channels, size] = this.#image;
    if (images.rank !== 4 || images.shape.slice(1).join() !== [channels, size, size].join()) {
      fail(op, 'images do not fit', formatShape(images.shape), `[N,${channels},${size},${size}]`);
    }
    checkClasses(op, images, classes, this.numClasses);
    if (classes === undefined) return this.main.forward(images).flatten(0);
    const vectors = this.embedding!.forward(classes);
    if (this.linear === undefined) {
      const map = vectors.reshape([images.shape[0]!, 1, size, size]);
      return this.main.forward(concat([images, map], 1)).flatten(0);
    }
    const features = this.main.forward(images).sum([2, 3]);
    return this.linear.forward(features).flatten(0).add(features.mul(vectors).sum(1));
  }

  override extraRepr(): string {
    return this.numClasses === undefined ? '' : `condition=${this.condition}`;
  }
}
