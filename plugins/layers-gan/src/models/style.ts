/** A small style-based generator after Karras et al. 2019 and 2020, arXiv:1812.04948 and 1912.04958. */
import { concat, expand, fail, formatShape, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import {
  Embedding,
  Module,
  ModuleBuffer,
  Parameter,
  checkCount,
  checkOptions,
  init,
} from '@hebb/nn';
import { interpolate } from '@hebb/ops';
import { checkClasses } from './dcgan.ts';
import { EqualizedLinear, ModulatedConv2d, StyledConv, scaledLeakyRelu } from './style-layers.ts';
import type { StyleLayerOptions } from './style-layers.ts';

export interface MappingOptions extends StyleLayerOptions {
  /** Default 64. */
  readonly latentSize?: number;
  /** Default 64. */
  readonly styleSize?: number;
  /** Default 4. */
  readonly layers?: number;
  /** With it a class number comes in beside. */
  readonly numClasses?: number;
}

/** x over the root of its mean square. Shape: [N, D] -> same. */
const normalized = (x: Tensor): Tensor => x.div(x.mul(x).mean(1, true).add(1e-8).sqrt());

/**
 * From noise to styles, with the mean style kept for truncation.
 * Shape: [N, latentSize] (and int32 [N]) -> [N, styleSize].
 */
export class MappingNetwork extends Module {
  readonly latentSize: number;
  readonly numClasses: number | undefined;
  readonly embedding: Embedding | undefined;
  readonly layers: EqualizedLinear[];
  meanStyle: ModuleBuffer;

  constructor(options: MappingOptions = {}) {
    super();
    const op = 'MappingNetwork';
    const { latentSize = 64, styleSize = 64, layers = 4, numClasses, dtype, generator } = options;
    const how = { ...(dtype && { dtype }), ...(generator && { generator }) };
    this.latentSize = checkCount(op, 'latentSize', latentSize);
    this.numClasses = numClasses;
    this.embedding =
      numClasses === undefined ? undefined : new Embedding(numClasses, latentSize, how);
    this.layers = Array.from({ length: checkCount(op, 'layers', layers) }, (_, i) => {
      const width = numClasses === undefined ? latentSize : 2 * latentSize;
      return new EqualizedLinear(i === 0 ? width : styleSize, styleSize, {
        ...how,
        lrMultiplier: 0.01,
      });
    });
    this.meanStyle = new ModuleBuffer(zeros([styleSize], dtype ?? 'float32'));
  }

  forward(z: Tensor, classes?: Tensor): Tensor {
    if (z.rank !== 2 || z.shape[1] !== this.latentSize) {
      fail('MappingNetwork', 'noise does not fit', formatShape(z.shape), `[N,${this.latentSize}]`);
    }
    checkClasses('MappingNetwork', z, classes, this.numClasses);
    let x = normalized(z);
    if (classes !== undefined) {
      x = concat([x, normalized(this.embedding!.forward(classes))], 1);
    }
    for (const layer of this.layers) x = scaledLeakyRelu(layer.forward(x));
    if (this.training) {
      const mean = this.meanStyle.value;
      this.meanStyle.value = mean.add(x.detach().mean(0).sub(mean).mul(0.005));
    }
    return x;
  }
}

/** Two styled convolutions at twice the size of before, and the image so far with what they add. */
class SynthesisBlock extends Module {
  readonly conv0: StyledConv | undefined;
  readonly conv1: StyledConv;
  readonly toImage: ModulatedConv2d;
  imageBias: Parameter;

  constructor(
    channels: readonly [from: number, to: number],
    size: number,
    {
      styleSize,
      imageChannels,
      first,
      how,
    }: {
      readonly styleSize: number;
      readonly imageChannels: number;
      readonly first: boolean;
      readonly how: StyleLayerOptions;
    },
  ) {
    super();
    const [from, to] = channels;
    this.conv0 = first ? undefined : new StyledConv(from, to, size, styleSize, how);
    this.conv1 = new StyledConv(to, to, size, styleSize, how);
    this.toImage = new ModulatedConv2d(to, imageChannels, 1, styleSize, {
      ...how,
      demodulate: false,
    });
    this.imageBias = new Parameter(zeros([imageChannels], how.dtype ?? 'float32'));
  }

  forward(x: Tensor, image: Tensor | undefined, style: Tensor): [x: Tensor, image: Tensor] {
    const larger = (y: Tensor): Tensor => interpolate(y, { scaleFactor: 2, mode: 'bilinear' });
    let y = x;
    if (this.conv0 !== undefined) y = this.conv0.forward(larger(y), style);
    y = this.conv1.forward(y, style);
    const added = this.toImage.forward(y, style).add(this.imageBias.value.reshape([1, -1, 1, 1]));
    return [y, image === undefined ? added : larger(image).add(added)];
  }
}

export interface StyleGeneratorOptions extends MappingOptions {
  /** Height and width, default 32: a number that halves at least once. */
  readonly imageSize?: number;
  /** Default 3. */
  readonly imageChannels?: number;
  /** Channels next to the image; they double with each halving. Default 16. */
  readonly features?: number;
  /** At most so many channels; default 128. */
  readonly maxFeatures?: number;
}

/**
 * A learned constant that grows into an image under styles: `mapping` makes the style, `blocks` draw.
 *
 * Shape: [N, latentSize] (and int32 [N]) -> [N, imageChannels, imageSize, imageSize], around -1 to 1.
 */
export class StyleGenerator extends Module {
  readonly mapping: MappingNetwork;
  readonly blocks: SynthesisBlock[];
  constant: Parameter;
  /** In evaluation: how far styles may be from their mean, 1 (default): as far as they are. */
  truncation = 1;

  constructor(options: StyleGeneratorOptions = {}) {
    super();
    const op = 'StyleGenerator';
    checkOptions(op, options, [
      'imageSize',
      'imageChannels',
      'features',
      'maxFeatures',
      'latentSize',
      'styleSize',
      'layers',
      'numClasses',
      'dtype',
      'generator',
    ]);
    const { imageSize = 32, imageChannels = 3, features = 16, maxFeatures = 128 } = options;
    const { styleSize = 64, dtype, generator } = options;
    const how = { ...(dtype && { dtype }), ...(generator && { generator }) };
    this.mapping = new MappingNetwork(options);
    const sizes = [checkCount(op, 'imageSize', imageSize)];
    while (sizes[0]! % 2 === 0 && sizes[0]! > 4) sizes.unshift(sizes[0]! / 2);
    if (sizes.length < 2) fail(op, 'imageSize does not halve', String(imageSize), 'such as 28, 32');
    const widths = sizes.map((_, i) =>
      Math.min(maxFeatures, features * 2 ** (sizes.length - 1 - i)),
    );
    this.constant = new Parameter(init.normal([1, widths[0]!, sizes[0]!, sizes[0]!], how));
    this.blocks = sizes.map(
      (size, i) =>
        new SynthesisBlock([widths[i - 1] ?? widths[0]!, widths[i]!], size, {
          styleSize,
          imageChannels,
          first: i === 0,
          how,
        }),
    );
  }

  forward(z: Tensor, classes?: Tensor): Tensor {
    let style = this.mapping.forward(z, classes);
    if (!this.training && this.truncation !== 1) {
      const mean = this.mapping.meanStyle.value;
      style = mean.add(style.sub(mean).mul(this.truncation));
    }
    let x = expand(this.constant.value, [z.shape[0]!, ...this.constant.shape.slice(1)]);
    let image: Tensor | undefined;
    for (const block of this.blocks) [x, image] = block.forward(x, image, style);
    return image!;
  }
}
