/**
 * The vocabulary in TensorFlow.js. Images are [N, H, W, C] and weights laid out for that ahead of time,
 * bias and activation go into the fused kernels, as the models that its converter writes do.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type {
  Activation,
  ConvOptions,
  Layers,
  LinearOptions,
  PoolOptions,
} from '../../models/layers.ts';

const fusable: Partial<Record<Activation, 'relu' | 'relu6' | 'leakyrelu'>> = {
  relu: 'relu',
  relu6: 'relu6',
  leakyRelu: 'leakyrelu',
};
const slope = 0.2;

export class TfjsLayers implements Layers<Tensor> {
  readonly #parameter: (name: string) => Tensor;
  readonly #training: boolean;

  constructor(parameter: (name: string) => Tensor, training: boolean) {
    this.#parameter = parameter;
    this.#training = training;
  }

  linear(x: Tensor, name: string, { bias = true, activation }: LinearOptions): Tensor {
    const rows = x.shape.slice(0, -1);
    const flat = x.rank === 2 ? x : tf.reshape(x, [-1, x.shape.at(-1)!]);
    const weights = this.#parameter(`${name}.weight`) as Tensor2D;
    const fused = activation && fusable[activation];
    const y = tf.fused.matMul({
      a: flat as Tensor2D,
      b: weights,
      ...(bias && { bias: this.#parameter(`${name}.bias`) }),
      ...(fused && { activation: fused, leakyreluAlpha: slope }),
    });
    const out = activation && !fused ? this.activation(y, activation) : y;
    return x.rank === 2 ? out : tf.reshape(out, [...rows, weights.shape[1]]);
  }
  conv(x: Tensor, name: string, options: ConvOptions): Tensor {
    const { stride = 1, padding = 0, groups = 1, bias = true, activation } = options;
    const fused = activation && fusable[activation];
    const settings = {
      x: x as Tensor4D,
      filter: this.#parameter(`${name}.weight`) as Tensor4D,
      strides: stride,
      pad: padding,
      ...(bias && { bias: this.#parameter(`${name}.bias`) }),
      ...(fused && { activation: fused, leakyreluAlpha: slope }),
    };
    const y = groups === 1 ? tf.fused.conv2d(settings) : tf.fused.depthwiseConv2d(settings);
    return activation && !fused ? this.activation(y, activation) : y;
  }
  convNorm(x: Tensor, name: string, options: ConvOptions): Tensor {
    return this.conv(x, name, options);
  }
  convTranspose(x: Tensor, name: string, options: ConvOptions): Tensor {
    const { out, kernel, stride = 1, padding = 0, bias = true, activation } = options;
    const [n, h, w] = x.shape as [number, number, number, number];
    const grow = (s: number) => (s - 1) * stride + kernel - 2 * padding;
    const weight = this.#parameter(`${name}.weight`) as Tensor4D;
    let y: Tensor = tf.conv2dTranspose(
      x as Tensor4D,
      weight,
      [n, grow(h), grow(w), out],
      stride,
      padding,
    );
    if (bias) y = tf.add(y, this.#parameter(`${name}.bias`));
    return activation ? this.activation(y, activation) : y;
  }
  batchNorm(x: Tensor, name: string): Tensor {
    return this.#normalize(x, name, [0, 1, 2]);
  }
  layerNorm(x: Tensor, name: string): Tensor {
    return this.#normalize(x, name, [-1]);
  }
  embedding(tokens: Tensor, name: string, { count }: { count: number }): Tensor {
    const table = this.#parameter(`${name}.weight`);
    if (!this.#training) return tf.gather(table, tokens as Tensor2D);
    // The gradient of `gather` has no kernel on the WebAssembly backend; this one has.
    const flat = tf.reshape(tokens, [-1]) as Tensor1D;
    const rows = tf.matMul(tf.cast(tf.oneHot(flat, count), 'float32'), table);
    return tf.reshape(rows, [...tokens.shape, table.shape[1]!]);
  }
  positions(x: Tensor, name: string): Tensor {
    return tf.add(x, this.#parameter(`${name}.weight`));
  }
  lstm(x: Tensor, name: string, { hidden }: { hidden: number }): Tensor {
    const p = (key: string) => this.#parameter(`${name}.${key}`);
    const [batch, time, inputs] = x.shape as [number, number, number];
    // The part of the gates that depends on the input, for all steps in one product.
    const given = tf.add(
      tf.matMul(tf.reshape(x, [batch * time, inputs]), p('weight_ih') as Tensor2D),
      tf.add(p('bias_ih'), p('bias_hh')),
    );
    const steps = tf.unstack(tf.reshape(given, [batch, time, 4 * hidden]), 1);
    const weight = p('weight_hh') as Tensor2D;
    let h: Tensor = tf.zeros([batch, hidden]);
    let c: Tensor = tf.zeros([batch, hidden]);
    const states = steps.map((step) => {
      const gates = tf.add(step, tf.matMul(h as Tensor2D, weight));
      const [i, f, g, o] = tf.split(gates, 4, 1) as [Tensor, Tensor, Tensor, Tensor];
      c = tf.add(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)));
      h = tf.mul(tf.sigmoid(o), tf.tanh(c));
      return h;
    });
    return tf.stack(states, 1);
  }
  gru(x: Tensor, name: string, { hidden }: { hidden: number }): Tensor {
    const p = (key: string) => this.#parameter(`${name}.${key}`);
    const [batch, time, inputs] = x.shape as [number, number, number];
    const given = tf.add(
      tf.matMul(tf.reshape(x, [batch * time, inputs]), p('weight_ih') as Tensor2D),
      p('bias_ih'),
    );
    const steps = tf.unstack(tf.reshape(given, [batch, time, 3 * hidden]), 1);
    const weight = p('weight_hh') as Tensor2D;
    let h: Tensor = tf.zeros([batch, hidden]);
    const states = steps.map((step) => {
      const inner = tf.add(tf.matMul(h as Tensor2D, weight), p('bias_hh'));
      const [xr, xz, xn] = tf.split(step, 3, 1) as [Tensor, Tensor, Tensor];
      const [hr, hz, hn] = tf.split(inner, 3, 1) as [Tensor, Tensor, Tensor];
      const z = tf.sigmoid(tf.add(xz, hz));
      const n = tf.tanh(tf.add(xn, tf.mul(tf.sigmoid(tf.add(xr, hr)), hn)));
      h = tf.add(n, tf.mul(z, tf.sub(h, n)));
      return h;
    });
    return tf.stack(states, 1);
  }
  weights(name: string): Tensor {
    return this.#parameter(`${name}.weight`);
  }

  attention(qkv: Tensor, { heads, causal }: { heads: number; causal: boolean }): Tensor {
    const [batch, time, width] = qkv.shape as [number, number, number];
    const size = width / 3 / heads;
    const split = tf
      .split(qkv, 3, 2)
      .map((part) => tf.transpose(tf.reshape(part, [batch, time, heads, size]), [0, 2, 1, 3]));
    const [q, k, v] = split as [Tensor4D, Tensor4D, Tensor4D];
    let scores: Tensor = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(size));
    if (causal) scores = tf.add(scores, this.#future(time));
    const mixed = tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]);
    return tf.reshape(mixed, [batch, time, width / 3]);
  }
  cachedAttention(qkv: Tensor, keys: Tensor, values: Tensor, options: { heads: number }): Tensor {
    const [batch, , width] = keys.shape as [number, number, number];
    const [q, k, v] = tf.split(qkv, 3, 2) as [Tensor, Tensor, Tensor];
    const split = (x: Tensor): Tensor4D =>
      tf.transpose(
        tf.reshape(x, [batch, x.shape[1]!, options.heads, width / options.heads]),
        [0, 2, 1, 3],
      );
    const scores = tf.mul(
      tf.matMul(split(q), split(tf.concat([keys, k], 1)), false, true),
      Math.sqrt(options.heads / width),
    );
    const mixed = tf.matMul(tf.softmax(scores), split(tf.concat([values, v], 1)));
    return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, 1, width]);
  }
  activation(x: Tensor, kind: Activation): Tensor {
    switch (kind) {
      case 'relu':
        return tf.relu(x);
      case 'relu6':
        return tf.relu6(x);
      case 'leakyRelu':
        return tf.leakyRelu(x, slope);
      case 'tanh':
        return tf.tanh(x);
      case 'gelu':
        return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
    }
  }
  softmax(x: Tensor): Tensor {
    return tf.softmax(x);
  }
  matmul(a: Tensor, b: Tensor): Tensor {
    return tf.matMul(a, b);
  }
  add(a: Tensor, b: Tensor): Tensor {
    return tf.add(a, b);
  }
  mul(a: Tensor, b: Tensor): Tensor {
    return tf.mul(a, b);
  }
  scale(x: Tensor, factor: number): Tensor {
    return tf.mul(x, factor);
  }
  maxPool(x: Tensor, { kernel, stride, padding = 0 }: PoolOptions): Tensor {
    return tf.maxPool(x as Tensor4D, kernel, stride, padding);
  }
  globalAvgPool(x: Tensor): Tensor {
    return tf.mean(x, [1, 2]);
  }
  concat(a: Tensor, b: Tensor): Tensor {
    return tf.concat([a, b], 3);
  }
  flatten(x: Tensor): Tensor {
    return tf.reshape(x, [x.shape[0]!, -1]);
  }
  image(x: Tensor, shape: readonly number[]): Tensor {
    return tf.transpose(tf.reshape(x, [x.shape[0]!, ...shape]), [0, 2, 3, 1]);
  }
  reshape(x: Tensor, shape: readonly number[]): Tensor {
    return tf.reshape(x, [...shape]);
  }
  last(x: Tensor): Tensor {
    const [batch, time, width] = x.shape as [number, number, number];
    return tf.reshape(tf.slice(x as Tensor3D, [0, time - 1, 0], [batch, 1, width]), [batch, width]);
  }
  crossEntropy(logits: Tensor, labels: Tensor): Tensor {
    const wanted = tf.cast(tf.oneHot(labels as Tensor1D, logits.shape.at(-1)!), 'float32');
    return tf.losses.softmaxCrossEntropy(wanted, logits);
  }
  binaryCrossEntropy(logits: Tensor, label: 0 | 1): Tensor {
    const wanted = label === 1 ? tf.onesLike(logits) : tf.zerosLike(logits);
    return tf.losses.sigmoidCrossEntropy(wanted, logits);
  }
  sumSquares(x: Tensor): Tensor {
    return tf.sum(tf.square(x));
  }

  #normalize(x: Tensor, name: string, axes: number[]): Tensor {
    const { mean, variance } = tf.moments(x, axes, true);
    const y = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
    return tf.add(tf.mul(y, this.#parameter(`${name}.weight`)), this.#parameter(`${name}.bias`));
  }

  readonly #masks = new Map<number, Tensor>();
  /** -∞ above the diagonal; made once, as a model's constants are. */
  #future(time: number): Tensor {
    let mask = this.#masks.get(time);
    if (mask === undefined) {
      const data = Float32Array.from({ length: time * time }, (_, i) =>
        i % time > Math.floor(i / time) ? -1e9 : 0,
      );
      mask = tf.keep(tf.tensor2d(data, [time, time]));
      this.#masks.set(time, mask);
    }
    return mask;
  }
}
