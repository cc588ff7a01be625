/** Transposed convolution layers. */
import { fail } from '@hebb/core';
import type { DType, Generator, Tensor } from '@hebb/core';
import { convTranspose1d, convTranspose2d, convTranspose3d } from '@hebb/ops';
import type { ConvTransposeOptions, PerAxis } from '@hebb/ops';
import { checkAxes, checkCount, showAxes } from '../check.ts';
import { fanInUniform } from '../init/draw.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';

export interface ConvTransposeLayerOptions extends ConvTransposeOptions {
  /** Default true. */
  readonly bias?: boolean;
  /** Default float32. */
  readonly dtype?: DType;
  /** Where the start values come from; the default generator when left out. */
  readonly generator?: Generator;
}

/**
 * What the transposed convolutions share. Weight [inChannels, outChannels/groups, ...kernel], bias
 * [outChannels]; both start uniform within ±1/√(outChannels/groups · kernel elements), which is what
 * PyTorch makes of that layout.
 */
abstract class ConvTransposeNd extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  weight: Parameter;
  bias: Parameter | undefined;
  readonly #convolve: typeof convTranspose2d;

  protected constructor(
    spatial: number,
    convolve: typeof convTranspose2d,
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions,
  ) {
    super();
    const layer = `ConvTranspose${spatial}d`;
    const { groups = 1, bias = true, dtype = 'float32', generator } = options;
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
    this.padding = checkAxes(layer, 'padding', options.padding ?? 0, spatial, 0);
    this.outputPadding = checkAxes(layer, 'outputPadding', options.outputPadding ?? 0, spatial, 0);
    this.dilation = checkAxes(layer, 'dilation', options.dilation ?? 1, spatial, 1);
    const outer = outChannels / groups;
    const fanIn = this.kernelSize.reduce((n, k) => n * k, outer);
    const how = { dtype, ...(generator && { generator }) };
    this.weight = new Parameter(fanInUniform([inChannels, outer, ...this.kernelSize], fanIn, how));
    this.bias = bias ? new Parameter(fanInUniform([outChannels], fanIn, how)) : undefined;
    this.#convolve = convolve;
  }

  /** The weight's axis of outputs, which spectral normalisation works on. */
  get outputAxis(): number {
    return 1;
  }

  forward(x: Tensor): Tensor {
    const { stride, padding, outputPadding, dilation, groups } = this;
    return this.#convolve(x, this.weight.value, this.bias?.value, {
      stride,
      padding,
      outputPadding,
      dilation,
      groups,
    });
  }

  override extraRepr(): string {
    const parts = [this.inChannels, this.outChannels, `kernelSize=${showAxes(this.kernelSize)}`];
    if (this.stride.some((s) => s !== 1)) parts.push(`stride=${showAxes(this.stride)}`);
    if (this.padding.some((p) => p !== 0)) parts.push(`padding=${showAxes(this.padding)}`);
    if (this.bias === undefined) parts.push('bias=false');
    return parts.join(', ');
  }
}

/** Shape: [N, inChannels, L] -> [N, outChannels, E]; see `convTranspose1d` for E. */
export class ConvTranspose1d extends ConvTransposeNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions = {},
  ) {
    super(1, convTranspose1d, inChannels, outChannels, kernelSize, options);
  }
}
/** Shape: [N, inChannels, H, W] -> [N, outChannels, EH, EW]. */
export class ConvTranspose2d extends ConvTransposeNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions = {},
  ) {
    super(2, convTranspose2d, inChannels, outChannels, kernelSize, options);
  }
}
/** Shape: [N, inChannels, D, H, W] -> [N, outChannels, ED, EH, EW]. */
export class ConvTranspose3d extends ConvTransposeNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeLayerOptions = {},
  ) {
    super(3, convTranspose3d, inChannels, outChannels, kernelSize, options);
  }
}
