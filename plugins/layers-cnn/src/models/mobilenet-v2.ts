/** MobileNetV2, Sandler et al. 2018, arXiv:1801.04381. Names in state dicts are torchvision's. */
import type { Tensor } from '@hebb/core';
import { BatchNorm2d, Conv2d, Dropout, Linear, Module, ReLU6, Sequential } from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { ConvNormActivation, divisible } from '../blocks/conv-norm.ts';
import { GlobalAvgPool2d } from '../layers/adaptive-pool.ts';
import { howOf, setStartValues } from './options.ts';
import type { How, ModelOptions } from './options.ts';

export interface MobileNetV2Options extends ModelOptions {
  /** Factor of all channels; default 1. */
  readonly widthMult?: number;
  /** Default 0.2. */
  readonly dropout?: number;
}

/** Expansion, channels, blocks and stride of the first block of each stage: table 2 of the paper. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

class Block extends Module {
  readonly conv: Sequential;
  readonly #shortcut: boolean;

  constructor(inChannels: number, outChannels: number, stride: number, expand: number, how: How) {
    super();
    const { generator: _, ...typed } = how;
    const norm = (channels: number): Layer => new BatchNorm2d(channels, typed);
    const parts = { norm, activation: () => new ReLU6(), ...how };
    const hidden = Math.round(inChannels * expand);
    this.conv = new Sequential(
      ...(expand === 1 ? [] : [new ConvNormActivation(inChannels, hidden, 1, parts)]),
      new ConvNormActivation(hidden, hidden, 3, { stride, groups: hidden, ...parts }),
      new Conv2d(hidden, outChannels, 1, { bias: false, ...how }),
      norm(outChannels),
    );
    this.#shortcut = stride === 1 && inChannels === outChannels;
  }
  forward(x: Tensor): Tensor {
    const y = this.conv.forward(x);
    return this.#shortcut ? x.add(y) : y;
  }
}

/** Shape: [N, C, H, W], 224 × 224 in the paper -> [N, numClasses]. */
export class MobileNetV2 extends Module {
  readonly features: Sequential;
  readonly avgpool = new GlobalAvgPool2d();
  readonly classifier: Sequential;

  constructor(options: MobileNetV2Options = {}) {
    super();
    const { numClasses = 1000, inChannels = 3, widthMult = 1, dropout = 0.2 } = options;
    const how = howOf(options);
    const { generator, ...typed } = how;
    const parts = {
      norm: (channels: number): Layer => new BatchNorm2d(channels, typed),
      activation: () => new ReLU6(),
      ...how,
    };
    let channels = divisible(32 * widthMult);
    const features: Layer[] = [
      new ConvNormActivation(inChannels, channels, 3, { stride: 2, ...parts }),
    ];
    for (const [expand, base, count, first] of stages) {
      const out = divisible(base * widthMult);
      for (let i = 0; i < count; i++) {
        features.push(new Block(channels, out, i === 0 ? first : 1, expand, how));
        channels = out;
      }
    }
    const last = divisible(1280 * Math.max(1, widthMult));
    features.push(new ConvNormActivation(channels, last, 1, parts));
    this.features = new Sequential(...features);
    this.classifier = new Sequential(
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

/** 3,504,872 parameters. */
export const mobilenetV2 = (options: MobileNetV2Options = {}): MobileNetV2 =>
  new MobileNetV2(options);
