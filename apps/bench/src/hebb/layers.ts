/** The vocabulary over @hebb/core and @hebb/ops. */
import { concat, onesLike, tanh, zerosLike } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import {
  adaptiveAvgPool2d,
  batchNorm,
  binaryCrossEntropyWithLogits,
  conv2d,
  convTranspose2d,
  crossEntropy,
  embedding,
  gelu,
  gru,
  layerNorm,
  leakyRelu,
  linear,
  lstm,
  maxPool2d,
  relu,
  relu6,
  scaledDotProductAttention,
  softmax,
} from '@hebb/ops';
import type {
  Activation,
  ConvOptions,
  Layers,
  LinearOptions,
  PoolOptions,
} from '../models/layers.ts';

const activations: Readonly<Record<Activation, (x: Tensor) => Tensor>> = {
  relu,
  relu6,
  gelu: (x) => gelu(x),
  leakyRelu: (x) => leakyRelu(x, { negativeSlope: 0.2 }),
  tanh,
};
const activated = (x: Tensor, kind: Activation | undefined): Tensor =>
  kind === undefined ? x : activations[kind](x);

export class HebbLayers implements Layers<Tensor> {
  readonly #parameter: (name: string) => Tensor;

  constructor(parameter: (name: string) => Tensor) {
    this.#parameter = parameter;
  }

  linear(x: Tensor, name: string, { bias = true, activation }: LinearOptions): Tensor {
    return activated(linear(x, ...this.#weights(name, bias)), activation);
  }
  conv(x: Tensor, name: string, options: ConvOptions): Tensor {
    const weights = this.#weights(name, options.bias ?? true);
    return activated(conv2d(x, ...weights, settings(options)), options.activation);
  }
  convNorm(x: Tensor, name: string, options: ConvOptions): Tensor {
    const p = this.#parameter;
    const y = conv2d(x, p(`${name}.conv.weight`), null, settings(options));
    const norm = (key: string) => p(`${name}.norm.${key}`);
    return activated(
      batchNorm(y, norm('mean'), norm('variance'), norm('weight'), norm('bias')),
      options.activation,
    );
  }
  convTranspose(x: Tensor, name: string, options: ConvOptions): Tensor {
    const weights = this.#weights(name, options.bias ?? true);
    return activated(convTranspose2d(x, ...weights, settings(options)), options.activation);
  }
  batchNorm(x: Tensor, name: string): Tensor {
    return batchNorm(x, null, null, ...this.#weights(name, true), { training: true });
  }
  layerNorm(x: Tensor, name: string): Tensor {
    return layerNorm(x, x.shape.at(-1)!, ...this.#weights(name, true));
  }
  embedding(tokens: Tensor, name: string): Tensor {
    return embedding(tokens, this.#parameter(`${name}.weight`));
  }
  positions(x: Tensor, name: string): Tensor {
    return x.add(this.#parameter(`${name}.weight`));
  }
  lstm(x: Tensor, name: string): Tensor {
    const p = (key: string) => this.#parameter(`${name}.${key}`);
    const [states] = lstm(x.permute([1, 0, 2]), {
      weightIh: p('weight_ih'),
      weightHh: p('weight_hh'),
      biasIh: p('bias_ih'),
      biasHh: p('bias_hh'),
    });
    return states.permute([1, 0, 2]);
  }
  gru(x: Tensor, name: string): Tensor {
    const p = (key: string) => this.#parameter(`${name}.${key}`);
    const [states] = gru(x.permute([1, 0, 2]), {
      weightIh: p('weight_ih'),
      weightHh: p('weight_hh'),
      biasIh: p('bias_ih'),
      biasHh: p('bias_hh'),
    });
    return states.permute([1, 0, 2]);
  }
  weights(name: string): Tensor {
    return this.#parameter(`${name}.weight`);
  }

  attention(qkv: Tensor, { heads, causal }: { heads: number; causal: boolean }): Tensor {
    const [batch, time, width] = qkv.shape as [number, number, number];
    const size = width / 3 / heads;
    // [B, T, 3 D] -> [3, B, heads, T, size]
    const split = qkv.reshape([batch, time, 3, heads, size]).permute([2, 0, 3, 1, 4]);
    const part = (i: number) => split.narrow(0, i, 1).reshape([batch, heads, time, size]);
    return scaledDotProductAttention(part(0), part(1), part(2), { isCausal: causal })
      .permute([0, 2, 1, 3])
      .reshape([batch, time, width / 3]);
  }
  cachedAttention(qkv: Tensor, keys: Tensor, values: Tensor, options: { heads: number }): Tensor {
    const [batch, , width] = keys.shape as [number, number, number];
    const size = width / options.heads;
    const part = (i: number) => qkv.narrow(2, i * width, width);
    // [B, T, D] -> [B, heads, T, size]
    const split = (x: Tensor) =>
      x.reshape([batch, x.shape[1]!, options.heads, size]).permute([0, 2, 1, 3]);
    const [k, v] = [concat([keys, part(1)], 1), concat([values, part(2)], 1)];
    return scaledDotProductAttention(split(part(0)), split(k), split(v))
      .permute([0, 2, 1, 3])
      .reshape([batch, 1, width]);
  }
  activation(x: Tensor, kind: Activation): Tensor {
    return activated(x, kind);
  }
  softmax(x: Tensor): Tensor {
    return softmax(x);
  }
  matmul(a: Tensor, b: Tensor): Tensor {
    return a.matmul(b);
  }
  add(a: Tensor, b: Tensor): Tensor {
    return a.add(b);
  }
  mul(a: Tensor, b: Tensor): Tensor {
    return a.mul(b);
  }
  scale(x: Tensor, factor: number): Tensor {
    return x.mul(factor);
  }
  maxPool(x: Tensor, { kernel, stride, padding = 0 }: PoolOptions): Tensor {
    return maxPool2d(x, kernel, { stride, padding });
  }
  globalAvgPool(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, 1).flatten(1);
  }
  concat(a: Tensor, b: Tensor): Tensor {
    return concat([a, b], 1);
  }
  flatten(x: Tensor): Tensor {
    return x.flatten(1);
  }
  image(x: Tensor, shape: readonly number[]): Tensor {
    return x.reshape([x.shape[0]!, ...shape]);
  }
  reshape(x: Tensor, shape: readonly number[]): Tensor {
    return x.reshape(shape);
  }
  last(x: Tensor): Tensor {
    const [batch, time, width] = x.shape as [number, number, number];
    return x.narrow(1, time - 1, 1).reshape([batch, width]);
  }
  crossEntropy(logits: Tensor, labels: Tensor): Tensor {
    return crossEntropy(logits, labels);
  }
  binaryCrossEntropy(logits: Tensor, label: 0 | 1): Tensor {
    const target = label === 1 ? onesLike(logits) : zerosLike(logits);
    return binaryCrossEntropyWithLogits(logits, target);
  }
  sumSquares(x: Tensor): Tensor {
    return x.mul(x).sum();
  }

  #weights(name: string, bias: boolean): [Tensor, Tensor | null] {
    const p = this.#parameter;
    return [p(`${name}.weight`), bias ? p(`${name}.bias`) : null];
  }
}

function settings({ stride = 1, padding = 0, groups = 1 }: ConvOptions) {
  return { stride, padding, groups };
}
