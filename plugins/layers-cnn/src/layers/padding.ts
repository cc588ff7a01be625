/** Padding layers, in PyTorch's order of widths: last axis first, before and after. */
import { fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Module } from '@hebb/nn';
import { pad } from '@hebb/ops';
import type { PadMode } from '@hebb/ops';

/** One width for all sides, or [last axis before, after, second last before, after, ...]; negative ones crop. */
export type PadWidths = number | readonly number[];

abstract class Pad extends Module {
  readonly padding: readonly number[];
  readonly #mode: PadMode;
  readonly #spatial: number;
  readonly #value: number;

  protected constructor(
    layer: string,
    spatial: number,
    mode: PadMode,
    padding: PadWidths,
    value = 0,
  ) {
    super();
    const list =
      typeof padding === 'number' ? new Array<number>(2 * spatial).fill(padding) : [...padding];
    if (list.length !== 2 * spatial || !list.every(Number.isInteger)) {
      fail(
        layer,
        'padding does not fit',
        `[${list.join(',')}]`,
        `${2 * spatial} whole numbers, or one for all sides`,
      );
    }
    this.padding = list;
    this.#mode = mode;
    this.#spatial = spatial;
    this.#value = value;
  }
  forward(x: Tensor): Tensor {
    if (x.rank !== this.#spatial + 2 && x.rank !== this.#spatial + 1) {
      fail(
        'pad',
        'input has the wrong number of axes',
        `[${x.shape.join(',')}]`,
        `[N, C, ${this.#spatial} spatial axes], or without N`,
      );
    }
    return pad(x, this.padding, { mode: this.#mode, value: this.#value });
  }
  override extraRepr(): string {
    return `padding=${this.padding.join(',')}`;
  }
}

/** Puts a value around. Shape: [N, C, L] -> each axis longer by its widths. */
export class ConstantPad1d extends Pad {
  constructor(padding: PadWidths, value: number) {
    super('ConstantPad1d', 1, 'constant', padding, value);
  }
}

/** Puts a value around. Shape: [N, C, H, W] -> each axis longer by its widths. */
export class ConstantPad2d extends Pad {
  constructor(padding: PadWidths, value: number) {
    super('ConstantPad2d', 2, 'constant', padding, value);
  }
}

/** Puts a value around. Shape: [N, C, D, H, W] -> each axis longer by its widths. */
export class ConstantPad3d extends Pad {
  constructor(padding: PadWidths, value: number) {
    super('ConstantPad3d', 3, 'constant', padding, value);
  }
}

/** Puts zeros around. Shape: [N, C, L] -> each axis longer by its widths. */
export class ZeroPad1d extends Pad {
  constructor(padding: PadWidths) {
    super('ZeroPad1d', 1, 'constant', padding);
  }
}

/** Puts zeros around. Shape: [N, C, H, W] -> each axis longer by its widths. */
export class ZeroPad2d extends Pad {
  constructor(padding: PadWidths) {
    super('ZeroPad2d', 2, 'constant', padding);
  }
}

/** Puts zeros around. Shape: [N, C, D, H, W] -> each axis longer by its widths. */
export class ZeroPad3d extends Pad {
  constructor(padding: PadWidths) {
    super('ZeroPad3d', 3, 'constant', padding);
  }
}

/** Mirrors the inside at the edge, which is not repeated. Shape: [N, C, L] -> each axis longer by its widths. */
export class ReflectionPad1d extends Pad {
  constructor(padding: PadWidths) {
    super('ReflectionPad1d', 1, 'reflect', padding);
  }
}

/** Mirrors the inside at the edge, which is not repeated. Shape: [N, C, H, W] -> each axis longer by its widths. */
export class ReflectionPad2d extends Pad {
  constructor(padding: PadWidths) {
    super('ReflectionPad2d', 2, 'reflect', padding);
  }
}

/** Mirrors the inside at the edge, which is not repeated. Shape: [N, C, D, H, W] -> each axis longer by its widths. */
export class ReflectionPad3d extends Pad {
  constructor(padding: PadWidths) {
    super('ReflectionPad3d', 3, 'reflect', padding);
  }
}

/** Repeats the edge. Shape: [N, C, L] -> each axis longer by its widths. */
export class ReplicationPad1d extends Pad {
  constructor(padding: PadWidths) {
    super('ReplicationPad1d', 1, 'replicate', padding);
  }
}

/** Repeats the edge. Shape: [N, C, H, W] -> each axis longer by its widths. */
export class ReplicationPad2d extends Pad {
  constructor(padding: PadWidths) {
    super('ReplicationPad2d', 2, 'replicate', padding);
  }
}

/** Repeats the edge. Shape: [N, C, D, H, W] -> each axis longer by its widths. */
export class ReplicationPad3d extends Pad {
  constructor(padding: PadWidths) {
    super('ReplicationPad3d', 3, 'replicate', padding);
  }
}

/** Continues with the other end. Shape: [N, C, L] -> each axis longer by its widths. */
export class CircularPad1d extends Pad {
  constructor(padding: PadWidths) {
    super('CircularPad1d', 1, 'circular', padding);
  }
}

/** Continues with the other end. Shape: [N, C, H, W] -> each axis longer by its widths. */
export class CircularPad2d extends Pad {
  constructor(padding: PadWidths) {
    super('CircularPad2d', 2, 'circular', padding);
  }
}

/** Continues with the other end. Shape: [N, C, D, H, W] -> each axis longer by its widths. */
export class CircularPad3d extends Pad {
  constructor(padding: PadWidths) {
    super('CircularPad3d', 3, 'circular', padding);
  }
}
