/** The three networks: one that draws, one that doubts, and one that reads. */
import type { Tensor } from '@hebb/core';
import { MaxPool2d } from '@hebb/layers-cnn';
import { DcganDiscriminator, DcganGenerator } from '@hebb/layers-gan';
import { BatchNorm2d, Conv2d, Dropout, Flatten, Linear, Module, ReLU, Sequential } from '@hebb/nn';

export const latentSize = 64;
export const numClasses = 10;

/** Shape: noise [N, 64] and digit int32 [N] -> [N, 1, 28, 28] in -1 to 1. */
export const digitGenerator = (): DcganGenerator =>
  new DcganGenerator({
    imageSize: 28,
    imageChannels: 1,
    features: 32,
    latentSize,
    numClasses,
    condition: 'concat',
  });

/** Shape: image [N, 1, 28, 28] and digit int32 [N] -> [N]. */
export const digitDiscriminator = (): DcganDiscriminator =>
  new DcganDiscriminator({
    imageSize: 28,
    imageChannels: 1,
    features: 32,
    numClasses,
  });

/** Reads digits: the judge of what is drawn. Shape: [N, 1, 28, 28] -> [N, 10]. */
export class Reader extends Module {
  readonly features = new Sequential(
    new Conv2d(1, 16, 3, { padding: 1, bias: false }),
    new BatchNorm2d(16),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(16, 32, 3, { padding: 1, bias: false }),
    new BatchNorm2d(32),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(32 * 7 * 7, 64),
    new ReLU(),
  );
  readonly dropout = new Dropout(0.3);
  readonly head = new Linear(64, numClasses);

  forward(x: Tensor): Tensor {
    return this.head.forward(this.dropout.forward(this.features.forward(x)));
  }
}
