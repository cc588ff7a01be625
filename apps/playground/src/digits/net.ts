/** Networks that read digits, cut into stages so that a page can show what each of them sees. */
import type { Tensor } from '@hebb/core';
import { MNIST_NORMALIZATION } from '@hebb/data';
import { Conv2d, MaxPool2d } from '@hebb/layers-cnn';
import { Flatten, Linear, Module, ModuleList, ReLU, Sequential } from '@hebb/nn';
import type { Parameter } from '@hebb/nn';
import type { Architecture } from './names.ts';

interface Stage {
  readonly name: string;
  readonly layers: Module & { forward(x: Tensor): Tensor };
}

const conv = (from: number, to: number, size: number) =>
  new Sequential(new Conv2d(from, to, size, { padding: (size - 1) / 2 }), new ReLU());
const dense = (from: number, to: number) =>
  new Sequential(new Flatten(), new Linear(from, to), new ReLU());
const scores = (from: number) => new Sequential(new Flatten(), new Linear(from, 10));

const stagesOf: Readonly<Record<Architecture, () => readonly Stage[]>> = {
  linear: () => [{ name: 'Scores', layers: scores(784) }],
  mlp: () => [
    { name: 'Hidden layer', layers: dense(784, 48) },
    { name: 'Scores', layers: scores(48) },
  ],
  cnn: () => [
    { name: 'Convolution 1', layers: conv(1, 8, 5) },
    { name: 'Pooled 1', layers: new MaxPool2d(2) },
    { name: 'Convolution 2', layers: conv(8, 16, 5) },
    { name: 'Pooled 2', layers: new MaxPool2d(2) },
    { name: 'Scores', layers: scores(16 * 7 * 7) },
  ],
  deep: () => [
    { name: 'Convolution 1', layers: conv(1, 8, 5) },
    { name: 'Pooled 1', layers: new MaxPool2d(2) },
    { name: 'Convolution 2', layers: conv(8, 16, 3) },
    { name: 'Pooled 2', layers: new MaxPool2d(2) },
    { name: 'Convolution 3', layers: conv(16, 24, 3) },
    { name: 'Scores', layers: scores(24 * 7 * 7) },
  ],
};

/** Pixels from 0 (paper) to 1 (ink), shape [N, 1, 28, 28], to a score for each digit, [N, 10]. */
export class DigitNet extends Module {
  readonly architecture: Architecture;
  readonly stages: ModuleList;
  readonly stageNames: readonly string[];
  readonly #stages: readonly Stage[];

  constructor(architecture: Architecture) {
    super();
    this.architecture = architecture;
    this.#stages = stagesOf[architecture]();
    this.stageNames = this.#stages.map(({ name }) => name);
    this.stages = new ModuleList(...this.#stages.map(({ layers }) => layers));
  }

  forward(x: Tensor): Tensor {
    return this.activations(x).at(-1)!;
  }

  /** What each stage gives, in order; the last are the scores. */
  activations(x: Tensor): Tensor[] {
    const { mean, std } = MNIST_NORMALIZATION;
    let value = x.sub(mean).div(std);
    return this.#stages.map(({ layers }) => (value = layers.forward(value)));
  }

  /** Weights of the first layer: kernels [out, 1, k, k], or rows [out, 784] of the image's size. */
  get firstWeights(): Parameter {
    return this.parameters()[0]!;
  }
}
