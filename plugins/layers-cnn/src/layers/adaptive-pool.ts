/** Pooling to a given size, and over everything. */
import { fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Module } from '@hebb/nn';
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool1dWithIndices,
  adaptiveMaxPool2d,
  adaptiveMaxPool2dWithIndices,
  adaptiveMaxPool3d,
  adaptiveMaxPool3dWithIndices,
} from '@hebb/ops';
import type { OutputSize } from '@hebb/ops';

abstract class AdaptivePool<Out = Tensor> extends Module {
  readonly outputSize: OutputSize;
  readonly #pool: (x: Tensor, outputSize: OutputSize) => Out;

  protected constructor(
    layer: string,
    spatial: number,
    pool: (x: Tensor, outputSize: OutputSize) => Out,
    outputSize: OutputSize,
  ) {
    super();
    const list = typeof outputSize === 'number' ? [outputSize] : outputSize;
    const right = typeof outputSize === 'number' || list.length === spatial;
    if (!right || list.some((size) => size !== null && !(Number.isInteger(size) && size > 0))) {
      fail(
        layer,
        'outputSize does not fit',
        `[${list.map(String).join(',')}]`,
        `${spatial} positive whole numbers (null: as the input), or one for all`,
      );
    }
    this.outputSize = outputSize;
    this.#pool = pool;
  }
  forward(x: Tensor): Out {
    return this.#pool(x, this.outputSize);
  }
  override extraRepr(): string {
    const { outputSize } = this;
    return `outputSize=${typeof outputSize === 'number' ? outputSize : outputSize.join('x')}`;
  }
}

abstract class GlobalPool extends AdaptivePool {
  override extraRepr(): string {
    return '';
  }
}

/** Means of the windows that divide each axis; null keeps a size. Shape: [N, C, L] -> [N, C, outputSize]. */
export class AdaptiveAvgPool1d extends AdaptivePool {
  constructor(outputSize: OutputSize) {
    super('AdaptiveAvgPool1d', 1, adaptiveAvgPool1d, outputSize);
  }
}

/** See `AdaptiveAvgPool1d`. Shape: [N, C, H, W] -> [N, C, ...outputSize]. */
export class AdaptiveAvgPool2d extends AdaptivePool {
  constructor(outputSize: OutputSize) {
    super('AdaptiveAvgPool2d', 2, adaptiveAvgPool2d, outputSize);
  }
}

/** See `AdaptiveAvgPool1d`. Shape: [N, C, D, H, W] -> [N, C, ...outputSize]. */
export class AdaptiveAvgPool3d extends AdaptivePool {
  constructor(outputSize: OutputSize) {
    super('AdaptiveAvgPool3d', 3, adaptiveAvgPool3d, outputSize);
  }
}

/** Maxima of the windows that divide each axis; null keeps a size. Shape: [N, C, L] -> [N, C, outputSize]. */
export class AdaptiveMaxPool1d extends AdaptivePool {
  constructor(outputSize: OutputSize) {
    super('AdaptiveMaxPool1d', 1, adaptiveMaxPool1d, outputSize);
  }
}

/** See `AdaptiveMaxPool1d`. Shape: [N, C, H, W] -> [N, C, ...outputSize]. */
export class AdaptiveMaxPool2d extends AdaptivePool {
  constructor(outputSize: OutputSize) {
    super('AdaptiveMaxPool2d', 2, adaptiveMaxPool2d, outputSize);
  }
}

/** See `AdaptiveMaxPool1d`. Shape: [N, C, D, H, W] -> [N, C, ...outputSize]. */
export class AdaptiveMaxPool3d extends AdaptivePool {
  constructor(outputSize: OutputSize) {
    super('AdaptiveMaxPool3d', 3, adaptiveMaxPool3d, outputSize);
  }
}

/** As `AdaptiveMaxPool1d`, with the position (int32) of each maximum. Shape: [N, C, L] -> two of [N, C, outputSize]. */
export class AdaptiveMaxPool1dWithIndices extends AdaptivePool<[Tensor, Tensor]> {
  constructor(outputSize: OutputSize) {
    super('AdaptiveMaxPool1dWithIndices', 1, adaptiveMaxPool1dWithIndices, outputSize);
  }
}

/** As `AdaptiveMaxPool2d`, with the position (int32) of each maximum. Shape: [N, C, H, W] -> two of [N, C, ...outputSize]. */
export class AdaptiveMaxPool2dWithIndices extends AdaptivePool<[Tensor, Tensor]> {
  constructor(outputSize: OutputSize) {
    super('AdaptiveMaxPool2dWithIndices', 2, adaptiveMaxPool2dWithIndices, outputSize);
  }
}

/** As `AdaptiveMaxPool3d`, with the position (int32) of each maximum. Shape: [N, C, D, H, W] -> two of [N, C, ...outputSize]. */
export class AdaptiveMaxPool3dWithIndices extends AdaptivePool<[Tensor, Tensor]> {
  constructor(outputSize: OutputSize) {
    super('AdaptiveMaxPool3dWithIndices', 3, adaptiveMaxPool3dWithIndices, outputSize);
  }
}

/** Mean of each channel. Shape: [N, C, L] -> [N, C, 1]. */
export class GlobalAvgPool1d extends GlobalPool {
  constructor() {
    super('GlobalAvgPool1d', 1, adaptiveAvgPool1d, 1);
  }
}

/** Mean of each channel. Shape: [N, C, H, W] -> [N, C, 1, 1]. */
export class GlobalAvgPool2d extends GlobalPool {
  constructor() {
    super('GlobalAvgPool2d', 2, adaptiveAvgPool2d, 1);
  }
}

/** Mean of each channel. Shape: [N, C, D, H, W] -> [N, C, 1, 1, 1]. */
export class GlobalAvgPool3d extends GlobalPool {
  constructor() {
    super('GlobalAvgPool3d', 3, adaptiveAvgPool3d, 1);
  }
}

/** Maximum of each channel. Shape: [N, C, L] -> [N, C, 1]. */
export class GlobalMaxPool1d extends GlobalPool {
  constructor() {
    super('GlobalMaxPool1d', 1, adaptiveMaxPool1d, 1);
  }
}

/** Maximum of each channel. Shape: [N, C, H, W] -> [N, C, 1, 1]. */
export class GlobalMaxPool2d extends GlobalPool {
  constructor() {
    super('GlobalMaxPool2d', 2, adaptiveMaxPool2d, 1);
  }
}

/** Maximum of each channel. Shape: [N, C, D, H, W] -> [N, C, 1, 1, 1]. */
export class GlobalMaxPool3d extends GlobalPool {
  constructor() {
    super('GlobalMaxPool3d', 3, adaptiveMaxPool3d, 1);
  }
}
