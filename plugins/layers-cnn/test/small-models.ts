/** The builders' models, as small as they come. */
import type { Shape } from '@hebb/core';
import type { Module } from '@hebb/nn';
import * as cnn from '../src/index.ts';

export const small: Readonly<
  Record<string, readonly [make: () => Module, input: Shape, output: Shape]>
> = {
  lenet: [() => cnn.lenet(), [2, 1, 28, 28], [2, 10]],
  'lenet of 1998': [
    () => cnn.lenet({ imageSize: 32, activation: 'tanh', numClasses: 3 }),
    [2, 1, 32, 32],
    [2, 3],
  ],
  resnetCifar: [() => cnn.resnetCifar({ depth: 8, channels: 4 }), [2, 3, 16, 16], [2, 10]],
  mobilenetV2: [() => cnn.mobilenetV2({ widthMult: 0.1, numClasses: 5 }), [2, 3, 32, 32], [2, 5]],
  mobilenetV3Small: [
    () => cnn.mobilenetV3Small({ widthMult: 0.1, numClasses: 5 }),
    [2, 3, 32, 32],
    [2, 5],
  ],
  efficientnetB0: [
    () => cnn.efficientnetB0({ widthMult: 0.1, depthMult: 0.3, numClasses: 5 }),
    [2, 3, 32, 32],
    [2, 5],
  ],
  unet: [() => cnn.unet({ channels: [2, 4, 8] }), [1, 1, 8, 12], [1, 2, 8, 12]],
  'unet with normalisation, bilinear': [
    () => cnn.unet({ channels: [2, 4], batchNorm: true, upsampling: 'bilinear', inChannels: 3 }),
    [1, 3, 6, 4],
    [1, 2, 6, 4],
  ],
  'unet of 2015': [
    () => cnn.unet({ channels: [2, 4, 8], padding: 'valid' }),
    [1, 1, 60, 44],
    [1, 2, 20, 4],
  ],
};

/** One of each, with those that are too large to compute here. */
export const models = (): Module[] => [
  ...Object.values(small).map(([make]) => make()),
  cnn.vgg11(),
  cnn.resnet18(),
  cnn.mobilenetV3Large(),
];
