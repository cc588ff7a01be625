/** EfficientNet, Tan and Le 2019, arXiv:1905.11946. Names in state dicts are torchvision's. */
import type { Tensor } from '@hebb/core';
import { BatchNorm2d, Dropout, Linear, Module, Sequential, SiLU } from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { ConvNormActivation, divisible } from '../blocks/conv-norm.ts';
import { SqueezeExcitation } from '../blocks/squeeze-excitation.ts';
import { GlobalAvgPool2d } from '../layers/adaptive-pool.ts';
import { InvertedResidual } from './inverted-residual.ts';
import { howOf, setStartValues } from './options.ts';
import type { ModelOptions } from './options.ts';

export interface EfficientNetOptions extends ModelOptions {
  /** Factor of all channels; default 1 (B0). */
  readonly widthMult?: number;
  /** Factor of the number of blocks; default 1 (B0). */
  readonly depthMult?: number;
  /** Default 0.2. */
  readonly dropout?: number;
  /** Share of the items that skip the last block in training; earlier blocks less. Default 0.2. */
  readonly stochasticDepth?: number;
}

/** Expansion, kernel, stride, channels and blocks of the stages of B0: table 1 of the paper. */
const stages = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
] as const;

/** Shape: [N, C, H, W], 224 × 224 for B0 -> [N, numClasses]. */
export class EfficientNet extends Module {
  readonly features: Sequential;
  readonly avgpool = new GlobalAvgPool2d();
  readonly classifier: Sequential;

  constructor(options: EfficientNetOptions = {}) {
    super();
    const { numClasses = 1000, inChannels = 3, widthMult = 1, depthMult = 1 } = options;
    const { dropout = 0.2, stochasticDepth = 0.2 } = options;
    const how = howOf(options);
    const { generator, ...typed } = how;
    const activation = (): Layer => new SiLU();
    const norm = (channels: number): Layer => new BatchNorm2d(channels, typed);
    const counts = stages.map(([, , , , count]) => Math.ceil(count * depthMult));
    const total = counts.reduce((a, b) => a + b, 0);
    let channels = divisible(32 * widthMult);
    let block = 0;
    const features: Layer[] = [
      new ConvNormActivation(inChannels, channels, 3, { stride: 2, norm, activation, ...how }),
    ];
    stages.forEach(([expand, kernel, first, base], i) => {
      const outChannels = divisible(base * widthMult);
      const blocks = Array.from({ length: counts[i]! }, (_, k): Layer => {
        const from = channels;
        channels = outChannels;
        return new InvertedResidual(
          {
            inChannels: from,
            expanded: divisible(from * expand),
            outChannels,
            kernel,
            stride: k === 0 ? first : 1,
          },
          {
            norm,
            activation,
            squeeze: (expanded) =>
              new SqueezeExcitation(expanded, Math.max(1, Math.floor(from / 4)), {
                activation,
                ...how,
              }),
            stochasticDepth: (stochasticDepth * block++) / total,
            how,
          },
        );
      });
      features.push(new Sequential(...blocks));
    });
    features.push(new ConvNormActivation(channels, 4 * channels, 1, { norm, activation, ...how }));
    this.features = new Sequential(...features);
    this.classifier = new Sequential(
      new Dropout(dropout, { ...(generator && { generator }) }),
      new Linear(4 * channels, numClasses, how),
    );
    setStartValues(this, how, 'fan_out');
  }
  forward(x: Tensor): Tensor {
    const y = this.avgpool.forward(this.features.forward(x));
    return this.classifier.forward(y.flatten(1));
  }
}

/** 5,288,548 parameters. */
export const efficientnetB0 = (options: EfficientNetOptions = {}): EfficientNet =>
  new EfficientNet(options);
