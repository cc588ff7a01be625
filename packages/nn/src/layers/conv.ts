/** Convolution layers. */
import { fail } from '@hebb/core';
import type { DType, Generator, Tensor } from '@hebb/core';
import { conv1d, conv2d, conv3d } from '@hebb/ops';
import type { ConvOptions, PerAxis } from '@hebb/ops';
import { checkAxes, checkCount, showAxes } from '../check.ts';
import { fanInUniform } from '../init/draw.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';

export interface ConvLayerOptions extends ConvOptions {
  /** Default true. */
  readonly bias?: boolean;
  /** Default float32. */
  readonly dtype?: DType;
  /** Where the start values come from; the default generator when left out. */
  readonly generator?: Generator;
}

type ConvFunction = typeof conv2d;

/**
 * What the convolution layers share. Weight [outChannels, inChannels/groups, ...kernel] and bias
 * [outChannels] start uniform within ±1/√(inChannels/groups · kernel elements), as in PyTorch.
 */
abstract class ConvNd extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | 'same' | 'valid';
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly paddingMode: NonNullable<ConvOptions['paddingMode']>;
  weight: Parameter;
  bias: Parameter | undefined;
  readonly #convolve: ConvFunction;

  protected constructor(
    spatial: number,
    convolve: ConvFunction,
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvLayerOptions,
  ) {
    super();
    const layer = `Conv${spatial}d`;
    const { groups = 1, padding = 0, paddingMode = 'zeros', bias = true } = options;
    const { dtype = 'float32', generator } = options;
    this.inChannels = checkCount(layer, 'inChannels', inChannels);
    this.outChannels = checkCount(layer, 'outChannels', outChannels);
    this.groups = checkCount(layer, 'groups', groups);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      fail(
        layer,
        'channels do not divide into groups',
        `${inChannels} in, ${outChannels} out, ${groups} groups`,
      );
    }
    this.kernelSize = checkAxes(layer, 'kernelSize', kernelSize, spatial, 1);
    this.stride = checkAxes(layer, 'stride', options.stride ?? 1, spatial, 1);
    this.dilation = checkAxes(layer, 'dilation', options.dilation ?? 1, spatial, 1);
    if (typeof padding === 'string' && padding !== 'same' && padding !== 'valid') {
      fail(layer, 'unknown padding', String(padding), "numbers, 'same' or 'valid'");
    }
    if (padding === 'same' && this.stride.some((s) => s !== 1)) {
      fail(layer, "padding 'same' needs stride 1", showAxes(this.stride));
    }
    this.padding =
      typeof padding === 'string' ? padding : checkAxes(layer, 'padding', padding, spatial, 0);
    const modes = ['zeros', 'reflect', 'replicate', 'circular'];
    if (!modes.includes(paddingMode)) {
      fail(layer, 'unknown paddingMode', String(paddingMode), modes.join(', '));
    }
    this.paddingMode = paddingMode;

    const inner = inChannels / groups;
    const fanIn = this.kernelSize.reduce((n, k) => n * k, inner);
    const how = { dtype, ...(generator && { generator }) };
    this.weight = new Parameter(fanInUniform([outChannels, inner, ...this.kernelSize], fanIn, how));
    this.bias = bias ? new Parameter(fanInUniform([outChannels], fanIn, how)) : undefined;
    this.#convolve = convolve;
  }

  forward(x: Tensor): Tensor {
    const { stride, padding, dilation, groups, paddingMode } = this;
    return this.#convolve(x, this.weight.value, this.bias?.value, {
      stride,
      padding,
      dilation,
      groups,
      paddingMode,
    });
  }

  override extraRepr(): string {
    const { padding } = this;
    const parts = [this.inChannels, this.outChannels, `kernelSize=${showAxes(this.kernelSize)}`];
    if (this.stride.some((s) => s !== 1)) parts.push(`stride=${showAxes(this.stride)}`);
    if (typeof padding === 'string') parts.push(`padding=${padding}`);
    else if (padding.some((p) => p !== 0)) parts.push(`padding=${showAxes(padding)}`);
    if (this.dilation.some((d) => d !== 1)) parts.push(`dilation=${showAxes(this.dilation)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (this.bias === undefined) parts.push('bias=false');
    if (this.paddingMode !== 'zeros') parts.push(`paddingMode=${this.paddingMode}`);
    return parts.join(', ');
  }
}

/** Convolution over sequences. Shape: [N, inChannels, L] -> [N, outChannels, E]; see `conv1d` for E. */
export class Conv1d extends ConvNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvLayerOptions = {},
  ) {
    super(1, conv1d, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Convolution over images: `new Conv2d(3, 64, 3, { stride: 2, padding: 1 })`.
 * Shape: [N, inChannels, H, W] -> [N, outChannels, EH, EW],
 * E = ⌊(size + 2·padding - dilation·(kernel - 1) - 1) / stride⌋ + 1.
 */
export class Conv2d extends ConvNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvLayerOptions = {},
  ) {
    super(2, conv2d, inChannels, outChannels, kernelSize, options);
  }
}

/** Convolution over volumes. Shape: [N, inChannels, D, H, W] -> [N, outChannels, ED, EH, EW]. */
export class Conv3d extends ConvNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvLayerOptions = {},
  ) {
    super(3, conv3d, inChannels, outChannels, kernelSize, options);
  }
}
