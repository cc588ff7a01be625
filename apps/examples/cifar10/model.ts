/**
 * A residual network for few images and two cores: most channels where the picture is small already. The layout
 * is that of Page, "How to train your ResNet", 2018, at a quarter of its width.
 */
import type { Tensor } from '@hebb/core';
import { BatchNorm2d, Conv2d, GlobalMaxPool2d, MaxPool2d } from '@hebb/layers-cnn';
import { Flatten, Linear, Module, ReLU, Sequential } from '@hebb/nn';

/** Convolution, batch normalisation and ReLU; with `pool` at half the size. */
const conv = (from: number, to: number, pool = false): Sequential =>
  new Sequential(
    new Conv2d(from, to, 3, { padding: 1, bias: false }),
    new BatchNorm2d(to),
    new ReLU(),
    ...(pool ? [new MaxPool2d(2)] : []),
  );

class Residual extends Module {
  readonly conv1: Sequential;
  readonly conv2: Sequential;

  constructor(channels: number) {
    super();
    this.conv1 = conv(channels, channels);
    this.conv2 = conv(channels, channels);
  }
  forward(x: Tensor): Tensor {
    return x.add(this.conv2.forward(this.conv1.forward(x)));
  }
}

/** Shape: [N, 3, 32, 32] -> [N, 10], one logit a class. */
export const smallResNet = (width: number): Sequential =>
  new Sequential(
    conv(3, width),
    conv(width, 2 * width, true),
    new Residual(2 * width),
    conv(2 * width, 4 * width, true),
    conv(4 * width, 8 * width, true),
    new Residual(8 * width),
    new GlobalMaxPool2d(),
    new Flatten(),
    new Linear(8 * width, 10),
  );
