/** Layers that only rearrange. */
import { fail, formatShape, normalizeAxis, sizeOf } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Module } from '../module/module.ts';

/** Gives its input back. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Axes `startDim` to `endDim` made one; default 1 to the last, so that the batch stays. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }
  forward(x: Tensor): Tensor {
    return x.flatten(this.startDim, this.endDim);
  }
  override extraRepr(): string {
    return `startDim=${this.startDim}, endDim=${this.endDim}`;
  }
}

/** One axis split into several: `new Unflatten(1, [8, 4])` takes [N, 32] to [N, 8, 4]. One entry may be -1. */
export class Unflatten extends Module {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];

  constructor(dim: number, unflattenedSize: readonly number[]) {
    super();
    this.dim = dim;
    this.unflattenedSize = [...unflattenedSize];
    const open = unflattenedSize.filter((size) => size === -1).length;
    if (
      open > 1 ||
      unflattenedSize.some((n) => !Number.isInteger(n) || n < -1) ||
      unflattenedSize.length === 0
    ) {
      fail(
        'Unflatten',
        'sizes are whole numbers, at most one of them -1',
        formatShape(unflattenedSize),
      );
    }
  }
  forward(x: Tensor): Tensor {
    const axis = normalizeAxis('unflatten', this.dim, x.rank);
    const whole = x.shape[axis]!;
    const known = sizeOf(this.unflattenedSize.filter((size) => size !== -1));
    const sizes = this.unflattenedSize.map((size) => (size === -1 ? whole / known : size));
    if (sizeOf(sizes) !== whole || sizes.some((size) => !Number.isInteger(size))) {
      fail(
        'unflatten',
        `axis ${this.dim} of size ${whole} does not split into ${formatShape(this.unflattenedSize)}`,
        formatShape(x.shape),
      );
    }
    return x.reshape([...x.shape.slice(0, axis), ...sizes, ...x.shape.slice(axis + 1)]);
  }
  override extraRepr(): string {
    return `dim=${this.dim}, unflattenedSize=${formatShape(this.unflattenedSize)}`;
  }
}
