/** U-Net, Ronneberger et al. 2015, arXiv:1505.04597. */
import { concat, fail, formatShape, narrow } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { BatchNorm2d, Conv2d, ConvTranspose2d, Module, ReLU, Sequential } from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { MaxPool2d } from '../layers/pool.ts';
import { Upsample } from '../layers/resize.ts';
import { howOf } from './options.ts';
import type { How, ModelOptions } from './options.ts';

export interface UNetOptions extends ModelOptions {
  /** Channels of each level, from the top; default [64, 128, 256, 512, 1024]. */
  readonly channels?: readonly number[];
  /** `same` (default) gives as many pixels as it takes; `valid` is the paper's, which loses a border. */
  readonly padding?: 'same' | 'valid';
  /** Batch normalisation after each convolution; default false, as in the paper. */
  readonly batchNorm?: boolean;
  /** How the way up doubles sizes: learned (default, as in the paper), or bilinear and a convolution. */
  readonly upsampling?: 'transpose' | 'bilinear';
}

interface Parts {
  readonly padding: 'same' | 'valid';
  readonly batchNorm: boolean;
  readonly how: How;
}

/** Two 3 × 3 convolutions, each followed by ReLU. */
function doubleConv(from: number, to: number, { padding, batchNorm, how }: Parts): Sequential {
  const { generator: _, ...typed } = how;
  const layers = [from, to].flatMap((channels): Layer[] => [
    new Conv2d(channels, to, 3, { padding: padding === 'same' ? 1 : 0, bias: !batchNorm, ...how }),
    ...(batchNorm ? [new BatchNorm2d(to, typed)] : []),
    new ReLU(),
  ]);
  return new Sequential(...layers);
}

/** The middle of a map, where the paper copies from one side to the other. */
function crop(x: Tensor, axis: number, size: number): Tensor {
  return narrow(x, axis, Math.floor((x.shape[axis]! - size) / 2), size);
}

/**
 * A way down and a way up with copies across. Names in state dicts: down.0, ..., up.0, merge.0, ..., head.
 * Shape: [N, inChannels, H, W] -> [N, numClasses, H, W]; with padding valid 572 × 572 gives 388 × 388.
 */
export class UNet extends Module {
  readonly down: Sequential[];
  readonly pool = new MaxPool2d(2);
  readonly up: Layer[];
  readonly merge: Sequential[];
  readonly head: Conv2d;

  constructor(options: UNetOptions = {}) {
    super();
    const { numClasses = 2, inChannels = 1, channels = [64, 128, 256, 512, 1024] } = options;
    const { padding = 'same', batchNorm = false, upsampling = 'transpose' } = options;
    if (channels.length < 2) {
      fail('unet', 'needs at least two levels', `[${channels.join(',')}]`);
    }
    if (padding !== 'same' && padding !== 'valid') {
      fail('unet', 'unknown padding', String(padding), 'same, valid');
    }
    if (upsampling !== 'transpose' && upsampling !== 'bilinear') {
      fail('unet', 'unknown upsampling', String(upsampling), 'transpose, bilinear');
    }
    const how = howOf(options);
    const parts = { padding, batchNorm, how };
    this.down = channels.map((to, i) => doubleConv(channels[i - 1] ?? inChannels, to, parts));
    const levels = channels.slice(1).toReversed();
    const above = channels.slice(0, -1).toReversed();
    this.up = levels.map((from, i): Layer =>
      upsampling === 'transpose'
        ? new ConvTranspose2d(from, above[i]!, 2, { stride: 2, ...how })
        : new Sequential(
            new Upsample({ scaleFactor: 2, mode: 'bilinear', alignCorners: true }),
            new Conv2d(from, above[i]!, 1, how),
          ),
    );
    this.merge = above.map((to) => doubleConv(2 * to, to, parts));
    this.head = new Conv2d(channels[0]!, numClasses, 1, how);
  }

  forward(x: Tensor): Tensor {
    const copies: Tensor[] = [];
    let y = x;
    for (const [i, level] of this.down.entries()) {
      if (i > 0) {
        copies.push(y);
        if (y.shape.slice(2).some((size) => size % 2 !== 0)) {
          const step = 2 ** (this.down.length - 1);
          fail(
            'unet',
            `level ${i} halves an odd size`,
            `${formatShape(y.shape)} of ${formatShape(x.shape)}`,
            `height and width that halve ${this.down.length - 1} times (multiples of ${step})`,
          );
        }
        y = this.pool.forward(y);
      }
      y = level.forward(y);
    }
    for (const [i, level] of this.merge.entries()) {
      y = this.up[i]!.forward(y);
      const copy = copies.pop()!;
      const [h, w] = y.shape.slice(2);
      y = level.forward(concat([crop(crop(copy, 2, h!), 3, w!), y], 1));
    }
    return this.head.forward(y);
  }
}

/** 31,030,658 parameters for one channel and two classes. */
export const unet = (options: UNetOptions = {}): UNet => new UNet(options);
