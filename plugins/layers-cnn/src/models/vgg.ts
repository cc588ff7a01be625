/** VGG, Simonyan and Zisserman 2014, arXiv:1409.1556. Names in state dicts are torchvision's. */
import type { Tensor } from '@hebb/core';
import { BatchNorm2d, Conv2d, Dropout, Linear, Module, ReLU, Sequential } from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { AdaptiveAvgPool2d } from '../layers/adaptive-pool.ts';
import { MaxPool2d } from '../layers/pool.ts';
import { howOf, setStartValues } from './options.ts';
import type { ModelOptions } from './options.ts';

export interface VGGOptions extends ModelOptions {
  /** Batch normalisation after each convolution; default false. */
  readonly batchNorm?: boolean;
  /** Default 0.5. */
  readonly dropout?: number;
}

/** Channels of the convolutions of each of the five stages, which end in maximum pooling. */
type Stages = readonly (readonly number[])[];
const stagesOf = (...counts: readonly number[]): Stages =>
  [64, 128, 256, 512, 512].map((channels, i) => new Array<number>(counts[i]!).fill(channels));

/** Shape: [N, C, H, W], 32 × 32 or larger, 224 × 224 in the paper -> [N, numClasses]. */
export class VGG extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(7);
  readonly classifier: Sequential;

  constructor(stages: Stages, options: VGGOptions = {}) {
    super();
    const { numClasses = 1000, inChannels = 3, batchNorm = false, dropout = 0.5 } = options;
    const how = howOf(options);
    const { generator, ...typed } = how;
    const features: Layer[] = [];
    let channels = inChannels;
    for (const stage of stages) {
      for (const out of stage) {
        features.push(new Conv2d(channels, out, 3, { padding: 1, ...how }));
        if (batchNorm) features.push(new BatchNorm2d(out, typed));
        features.push(new ReLU());
        channels = out;
      }
      features.push(new MaxPool2d(2));
    }
    const drop = (): Layer => new Dropout(dropout, { ...(generator && { generator }) });
    this.features = new Sequential(...features);
    this.classifier = new Sequential(
      new Linear(channels * 49, 4096, how),
      new ReLU(),
      drop(),
      new Linear(4096, 4096, how),
      new ReLU(),
      drop(),
      new Linear(4096, numClasses, how),
    );
    setStartValues(this, how, 0.01);
  }
  forward(x: Tensor): Tensor {
    const y = this.avgpool.forward(this.features.forward(x));
    return this.classifier.forward(y.flatten(1));
  }
}

/** 132,863,336 parameters; 132,868,840 with batch normalisation. */
export const vgg11 = (options: VGGOptions = {}): VGG => new VGG(stagesOf(1, 1, 2, 2, 2), options);
/** 133,047,848 parameters; 133,053,736 with batch normalisation. */
export const vgg13 = (options: VGGOptions = {}): VGG => new VGG(stagesOf(2, 2, 2, 2, 2), options);
/** 138,357,544 parameters; 138,365,992 with batch normalisation. */
export const vgg16 = (options: VGGOptions = {}): VGG => new VGG(stagesOf(2, 2, 3, 3, 3), options);
/** 143,667,240 parameters; 143,678,248 with batch normalisation. */
export const vgg19 = (options: VGGOptions = {}): VGG => new VGG(stagesOf(2, 2, 4, 4, 4), options);
