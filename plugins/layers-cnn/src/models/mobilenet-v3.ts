/** MobileNetV3, Howard et al. 2019, arXiv:1905.02244. Names in state dicts are torchvision's. */
import type { Tensor } from '@hebb/core';
import {
  BatchNorm2d,
  Dropout,
  Hardsigmoid,
  Hardswish,
  Linear,
  Module,
  ReLU,
  Sequential,
} from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { ConvNormActivation, divisible } from '../blocks/conv-norm.ts';
import { SqueezeExcitation } from '../blocks/squeeze-excitation.ts';
import { GlobalAvgPool2d } from '../layers/adaptive-pool.ts';
import { InvertedResidual } from './inverted-residual.ts';
import { howOf, setStartValues } from './options.ts';
import type { ModelOptions } from './options.ts';

export interface MobileNetV3Options extends ModelOptions {
  /** Factor of all channels; default 1. */
  readonly widthMult?: number;
  /** Default 0.2. */
  readonly dropout?: number;
}

/** A row of the paper's tables: kernel, expanded and output channels, squeeze and excite, hard swish, stride. */
type Row = readonly [
  kernel: number,
  expanded: number,
  out: number,
  squeeze: boolean,
  swish: boolean,
  stride: number,
];

const large: readonly Row[] = [
  [3, 16, 16, false, false, 1],
  [3, 64, 24, false, false, 2],
  [3, 72, 24, false, false, 1],
  [5, 72, 40, true, false, 2],
  [5, 120, 40, true, false, 1],
  [5, 120, 40, true, false, 1],
  [3, 240, 80, false, true, 2],
  [3, 200, 80, false, true, 1],
  [3, 184, 80, false, true, 1],
  [3, 184, 80, false, true, 1],
  [3, 480, 112, true, true, 1],
  [3, 672, 112, true, true, 1],
  [5, 672, 160, true, true, 2],
  [5, 960, 160, true, true, 1],
  [5, 960, 160, true, true, 1],
];
const small: readonly Row[] = [
  [3, 16, 16, true, false, 2],
  [3, 72, 24, false, false, 2],
  [3, 88, 24, false, false, 1],
  [5, 96, 40, true, true, 2],
  [5, 240, 40, true, true, 1],
  [5, 240, 40, true, true, 1],
  [5, 120, 48, true, true, 1],
  [5, 144, 48, true, true, 1],
  [5, 288, 96, true, true, 2],
  [5, 576, 96, true, true, 1],
  [5, 576, 96, true, true, 1],
];

/** Shape: [N, C, H, W], 224 × 224 in the paper -> [N, numClasses]. */
export class MobileNetV3 extends Module {
  readonly features: Sequential;
  readonly avgpool = new GlobalAvgPool2d();
  readonly classifier: Sequential;

  constructor(rows: readonly Row[], lastChannels: number, options: MobileNetV3Options = {}) {
    super();
    const { numClasses = 1000, inChannels = 3, widthMult = 1, dropout = 0.2 } = options;
    const how = howOf(options);
    const { generator, ...typed } = how;
    const norm = (channels: number): Layer =>
      new BatchNorm2d(channels, { eps: 1e-3, momentum: 0.01, ...typed });
    const swish = (): Layer => new Hardswish();
    const squeeze = (expanded: number): Layer =>
      new SqueezeExcitation(expanded, divisible(Math.floor(expanded / 4)), {
        scaleActivation: () => new Hardsigmoid(),
        ...how,
      });
    let channels = divisible(16 * widthMult);
    const features: Layer[] = [
      new ConvNormActivation(inChannels, channels, 3, {
        stride: 2,
        norm,
        activation: swish,
        ...how,
      }),
    ];
    for (const [kernel, wide, out, squeezed, swished, stride] of rows) {
      const outChannels = divisible(out * widthMult);
      const expanded = divisible(wide * widthMult);
      features.push(
        new InvertedResidual(
          { inChannels: channels, expanded, outChannels, kernel, stride },
          {
            norm,
            activation: swished ? swish : () => new ReLU(),
            squeeze: squeezed ? squeeze : undefined,
            how,
          },
        ),
      );
      channels = outChannels;
    }
    features.push(
      new ConvNormActivation(channels, 6 * channels, 1, { norm, activation: swish, ...how }),
    );
    const last = divisible(lastChannels * widthMult);
    this.features = new Sequential(...features);
    this.classifier = new Sequential(
      new Linear(6 * channels, last, how),
      new Hardswish(),
      new Dropout(dropout, { ...(generator && { generator }) }),
      new Linear(last, numClasses, how),
    );
    setStartValues(this, how, 0.01);
  }
  forward(x: Tensor): Tensor {
    const y = this.avgpool.forward(this.features.forward(x));
    return this.classifier.forward(y.flatten(1));
  }
}

/** 5,483,032 parameters. */
export const mobilenetV3Large = (options: MobileNetV3Options = {}): MobileNetV3 =>
  new MobileNetV3(large, 1280, options);
/** 2,542,856 parameters. */
export const mobilenetV3Small = (options: MobileNetV3Options = {}): MobileNetV3 =>
  new MobileNetV3(small, 1024, options);
