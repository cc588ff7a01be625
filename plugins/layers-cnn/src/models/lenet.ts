/** LeNet-5, LeCun et al. 1998, "Gradient-based learning applied to document recognition". */
import { fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Conv2d, Linear, Module, ReLU, Tanh } from '@hebb/nn';
import { AvgPool2d, MaxPool2d } from '../layers/pool.ts';
import { howOf } from './options.ts';
import type { ModelOptions } from './options.ts';

export interface LeNetOptions extends ModelOptions {
  /** Height and width of the images: 28 (padded by the first convolution) or 32; default 28. */
  readonly imageSize?: 28 | 32;
  /** `relu` with maximum pooling (default), or the original's `tanh` with averages. */
  readonly activation?: 'relu' | 'tanh';
}

/** 61,706 parameters for 10 classes and one channel. Shape: [N, C, 28, 28] -> [N, numClasses]. */
export class LeNet extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly fc3: Linear;
  readonly activation: ReLU | Tanh;
  readonly pool: MaxPool2d | AvgPool2d;

  constructor(options: LeNetOptions = {}) {
    super();
    const { numClasses = 10, inChannels = 1, imageSize = 28, activation = 'relu' } = options;
    if (imageSize !== 28 && imageSize !== 32) {
      fail('lenet', 'imageSize does not fit', String(imageSize), '28 or 32');
    }
    if (activation !== 'relu' && activation !== 'tanh') {
      fail('lenet', 'unknown activation', String(activation), 'relu, tanh');
    }
    const how = howOf(options);
    this.conv1 = new Conv2d(inChannels, 6, 5, { padding: imageSize === 28 ? 2 : 0, ...how });
    this.conv2 = new Conv2d(6, 16, 5, how);
    this.fc1 = new Linear(16 * 5 * 5, 120, how);
    this.fc2 = new Linear(120, 84, how);
    this.fc3 = new Linear(84, numClasses, how);
    this.activation = activation === 'relu' ? new ReLU() : new Tanh();
    this.pool = activation === 'relu' ? new MaxPool2d(2) : new AvgPool2d(2);
  }
  forward(x: Tensor): Tensor {
    const act = (y: Tensor): Tensor => this.activation.forward(y);
    const first = this.pool.forward(act(this.conv1.forward(x)));
    const second = this.pool.forward(act(this.conv2.forward(first)));
    const hidden = act(this.fc2.forward(act(this.fc1.forward(second.flatten(1)))));
    return this.fc3.forward(hidden);
  }
}

/** LeNet-5 for digits. Shape: [N, 1, 28, 28] -> [N, 10]. */
export const lenet = (options: LeNetOptions = {}): LeNet => new LeNet(options);
