/** Images from images: Isola et al. 2017, arXiv:1611.07004. */
import { concat, fail, formatShape } from '@hebb/core';
import type { DType, Generator, Tensor } from '@hebb/core';
import {
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Dropout,
  LeakyReLU,
  Module,
  ReLU,
  Sequential,
  Tanh,
  checkCount,
  checkOptions,
} from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { dcganInit } from './start.ts';

export interface Pix2pixOptions {
  /** Of the image that is given; default 3. */
  readonly inChannels?: number;
  /** Of the image that is drawn; default 3. */
  readonly outChannels?: number;
  /** Channels of the first level; default 64. */
  readonly features?: number;
  /** Makes a normalisation for a number of channels; default BatchNorm2d, null: none. */
  readonly norm?: ((channels: number) => Layer) | null;
  readonly dtype?: DType;
  readonly generator?: Generator;
}

export interface UnetGeneratorOptions extends Pix2pixOptions {
  /** How often the size halves; default 8, for 256 × 256. */
  readonly levels?: number;
  /** Chance to drop in the levels next to the innermost, which is the noise of this generator; default 0.5. */
  readonly dropout?: number;
}

const shared = ['inChannels', 'outChannels', 'features', 'norm', 'dtype', 'generator'];
const halve = { stride: 2, padding: 1 };
const normOf = (norm: Pix2pixOptions['norm'], dtype: DType): ((channels: number) => Layer[]) =>
  norm === null
    ? () => []
    : (channels) => [norm === undefined ? new BatchNorm2d(channels, { dtype }) : norm(channels)];

/**
 * The U-Net of the paper: 4 × 4 convolutions down to one pixel and up again, with a copy across at each level; tanh
 * at the end. Names in state dicts: down.0, ..., up.0, ... (innermost first).
 *
 * Shape: [N, inChannels, H, W] -> [N, outChannels, H, W] in -1 to 1, for sizes that halve `levels` times.
 */
export class UnetGenerator extends Module {
  readonly down: Sequential[];
  readonly up: Sequential[];

  constructor(options: UnetGeneratorOptions = {}) {
    super();
    const op = 'UnetGenerator';
    checkOptions(op, options, [...shared, 'levels', 'dropout']);
    const { inChannels = 3, outChannels = 3, features = 64, levels = 8, dropout = 0.5 } = options;
    const { dtype = 'float32', generator } = options;
    if (checkCount(op, 'levels', levels) < 2) fail(op, 'needs at least two levels', String(levels));
    const normed = normOf(options.norm, dtype);
    const how = { ...halve, dtype, ...(generator && { generator }) };
    const bias = options.norm === null;
    const widths = Array.from({ length: levels }, (_, i) => features * Math.min(8, 2 ** i));
    this.down = widths.map((to, i) => {
      const from = widths[i - 1] ?? inChannels;
      const plain = i === 0 || i === levels - 1;
      return new Sequential(
        ...(i === 0 ? [] : [new LeakyReLU(0.2)]),
        new Conv2d(from, to, 4, { ...how, bias }),
        ...(plain ? [] : normed(to)),
      );
    });
    this.up = widths.toReversed().map((width, i) => {
      const from = i === 0 ? width : 2 * width;
      const last = i === levels - 1;
      const to = widths[levels - 2 - i] ?? outChannels;
      // The widest levels but the innermost, as in the paper: three of eight.
      const drops = dropout > 0 && i > 0 && i < levels - 1 && i <= 3 && width === widths.at(-1);
      return new Sequential(
        new ReLU(),
        new ConvTranspose2d(from, to, 4, { ...how, bias: last || bias }),
        ...(last ? [new Tanh()] : normed(to)),
        ...(drops ? [new Dropout(dropout)] : []),
      );
    });
    dcganInit(this, generator);
  }

  forward(x: Tensor): Tensor {
    const step = 2 ** this.down.length;
    if (x.rank !== 4 || x.shape.slice(2).some((size) => size % step !== 0)) {
      fail(
        'UnetGenerator',
        'the size does not halve often enough',
        formatShape(x.shape),
        `height and width that are multiples of ${step}`,
      );
    }
    const copies: Tensor[] = [];
    let y = x;
    for (const level of this.down) copies.push((y = level.forward(y)));
    copies.pop();
    for (const level of this.up) {
      y = level.forward(y);
      const copy = copies.pop();
      if (copy !== undefined) y = concat([copy, y], 1);
    }
    return y;
  }
}

export interface PatchDiscriminatorOptions extends Pix2pixOptions {
  /** Convolutions with stride 2; default 3, which looks at patches of 70 × 70. */
  readonly levels?: number;
}

/**
 * Scores patches of an image together with the image it was drawn from. Names in state dicts: main.0, ...
 *
 * Shape: [N, outChannels, H, W] and [N, inChannels, H, W] -> [N, 1, h, w], scores before any sigmoid.
 */
export class PatchDiscriminator extends Module {
  readonly main: Sequential;

  constructor(options: PatchDiscriminatorOptions = {}) {
    super();
    const op = 'PatchDiscriminator';
    checkOptions(op, options, [...shared, 'levels']);
    const { inChannels = 3, outChannels = 3, features = 64, levels = 3 } = options;
    const { dtype = 'float32', generator } = options;
    checkCount(op, 'levels', levels);
    const normed = normOf(options.norm, dtype);
    const how = { dtype, ...(generator && { generator }) };
    const layers: Layer[] = [];
    let channels = inChannels + outChannels;
    for (let i = 0; i <= levels; i++) {
      const next = features * Math.min(8, 2 ** i);
      const bias = i === 0 || options.norm === null;
      const stride = i < levels ? 2 : 1;
      layers.push(
        new Conv2d(channels, next, 4, { stride, padding: 1, bias, ...how }),
        ...(i === 0 ? [] : normed(next)),
        new LeakyReLU(0.2),
      );
      channels = next;
    }
    layers.push(new Conv2d(channels, 1, 4, { stride: 1, padding: 1, ...how }));
    this.main = new Sequential(...layers);
    dcganInit(this, generator);
  }

  forward(drawn: Tensor, given: Tensor): Tensor {
    // The given image first, as in the paper's code, so that weights carry over.
    return this.main.forward(concat([given, drawn], 1));
  }
}
