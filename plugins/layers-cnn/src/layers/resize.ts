/** Layers that resample or rearrange space. */
import { fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Module, checkCount } from '@hebb/nn';
import { channelShuffle, fold, interpolate, pixelShuffle, pixelUnshuffle, unfold } from '@hebb/ops';
import type { InterpolateMode, InterpolateOptions, PerAxis, UnfoldOptions } from '@hebb/ops';

export interface UpsampleOptions extends InterpolateOptions {
  /** Default nearest. */
  readonly mode?: InterpolateMode;
}

/**
 * Resizes to `size`, or by `scaleFactor`: `new Upsample({ scaleFactor: 2, mode: 'bilinear' })`.
 * Shape: [N, C, one to three spatial axes] -> the same with other sizes.
 */
export class Upsample extends Module {
  readonly options: UpsampleOptions;

  constructor(options: UpsampleOptions) {
    super();
    if ((options.size == null) === (options.scaleFactor == null)) {
      fail('Upsample', 'give either size or scaleFactor');
    }
    this.options = { ...options };
  }
  forward(x: Tensor): Tensor {
    return interpolate(x, this.options);
  }
  override extraRepr(): string {
    return Object.entries(this.options)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(', ');
  }
}

type UpsamplingOptions = Pick<InterpolateOptions, 'size' | 'scaleFactor'>;

/** `Upsample` by copying the nearest element. Shape: [N, C, H, W] -> the same with other sizes. */
export class UpsamplingNearest2d extends Upsample {
  constructor(options: UpsamplingOptions) {
    super({ ...options, mode: 'nearest' });
  }
}
/** `Upsample` by bilinear interpolation with aligned corners. Shape: [N, C, H, W] -> the same with other sizes. */
export class UpsamplingBilinear2d extends Upsample {
  constructor(options: UpsamplingOptions) {
    super({ ...options, mode: 'bilinear', alignCorners: true });
  }
}

/** Channels to space. Shi et al. 2016, arXiv:1609.05158. Shape: [..., C · r², H, W] -> [..., C, H · r, W · r]. */
export class PixelShuffle extends Module {
  readonly upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = checkCount('PixelShuffle', 'upscaleFactor', upscaleFactor);
  }
  forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.upscaleFactor);
  }
  override extraRepr(): string {
    return `upscaleFactor=${this.upscaleFactor}`;
  }
}

/** Space to channels. Shape: [..., C, H · r, W · r] -> [..., C · r², H, W]. */
export class PixelUnshuffle extends Module {
  readonly downscaleFactor: number;

  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = checkCount('PixelUnshuffle', 'downscaleFactor', downscaleFactor);
  }
  forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.downscaleFactor);
  }
  override extraRepr(): string {
    return `downscaleFactor=${this.downscaleFactor}`;
  }
}

/** Channels dealt out over the groups. Zhang et al. 2018, arXiv:1707.01083. Shape: [N, C, ...] -> same. */
export class ChannelShuffle extends Module {
  readonly groups: number;

  constructor(groups: number) {
    super();
    this.groups = checkCount('ChannelShuffle', 'groups', groups);
  }
  forward(x: Tensor): Tensor {
    return channelShuffle(x, this.groups);
  }
  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}

/** Sliding blocks as columns. Shape: [N, C, H, W] -> [N, C · kernel elements, blocks]. */
export class Unfold extends Module {
  readonly kernelSize: PerAxis;
  readonly options: UnfoldOptions;

  constructor(kernelSize: PerAxis, options: UnfoldOptions = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = { ...options };
  }
  forward(x: Tensor): Tensor {
    return unfold(x, this.kernelSize, this.options);
  }
}

/** Columns added up into an image, overlaps summed. Shape: [N, C · kernel elements, blocks] -> [N, C, ...outputSize]. */
export class Fold extends Module {
  readonly outputSize: PerAxis;
  readonly kernelSize: PerAxis;
  readonly options: UnfoldOptions;

  constructor(outputSize: PerAxis, kernelSize: PerAxis, options: UnfoldOptions = {}) {
    super();
    this.outputSize = outputSize;
    this.kernelSize = kernelSize;
    this.options = { ...options };
  }
  forward(x: Tensor): Tensor {
    return fold(x, this.outputSize, this.kernelSize, this.options);
  }
}
