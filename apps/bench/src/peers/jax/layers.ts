/**
 * The vocabulary in jax-js. Its functions consume their arguments, so each use takes a reference of its
 * own (`.ref`); under `jit`, where these run, values that nobody consumes hold no memory.
 */
import { lax, nn, numpy as np } from '@jax-js/jax';
import type {
  Activation,
  ConvOptions,
  Layers,
  LinearOptions,
  PoolOptions,
} from '../../models/layers.ts';

export type Array = np.Array;

const slope = 0.2;

export class JaxLayers implements Layers<Array> {
  readonly #parameters: Readonly<Record<string, Array>>;

  constructor(parameters: Readonly<Record<string, Array>>) {
    this.#parameters = parameters;
  }

  #parameter(name: string): Array {
    return this.#parameters[name]!.ref;
  }

  linear(x: Array, name: string, { bias = true, activation }: LinearOptions): Array {
    let y = np.matmul(x.ref, np.transpose(this.#parameter(`${name}.weight`)));
    if (bias) y = y.add(this.#parameter(`${name}.bias`));
    return activated(y, activation);
  }
  conv(x: Array, name: string, options: ConvOptions): Array {
    const { stride = 1, padding = 0, groups = 1, bias = true, activation } = options;
    let y = lax.convGeneralDilated(
      x.ref,
      this.#parameter(`${name}.weight`),
      [stride, stride],
      [
        [padding, padding],
        [padding, padding],
      ],
      { featureGroupCount: groups },
    );
    if (bias) y = y.add(this.#channels(`${name}.bias`));
    return activated(y, activation);
  }
  convNorm(x: Array, name: string, options: ConvOptions): Array {
    return this.conv(x, name, options);
  }
  convTranspose(x: Array, name: string, options: ConvOptions): Array {
    const { stride = 1, padding = 0, bias = true, activation } = options;
    let y = lax.convTranspose(
      x.ref,
      this.#parameter(`${name}.weight`),
      [stride, stride],
      [
        [padding, padding],
        [padding, padding],
      ],
      { transposeKernel: true },
    );
    if (bias) y = y.add(this.#channels(`${name}.bias`));
    return activated(y, activation);
  }
  batchNorm(x: Array, name: string): Array {
    const y = standardized(x, [0, 2, 3]);
    return y.mul(this.#channels(`${name}.weight`)).add(this.#channels(`${name}.bias`));
  }
  layerNorm(x: Array, name: string): Array {
    const y = standardized(x, [x.ndim - 1]);
    return y.mul(this.#parameter(`${name}.weight`)).add(this.#parameter(`${name}.bias`));
  }
  embedding(tokens: Array, name: string): Array {
    return np.take(this.#parameter(`${name}.weight`), tokens.ref, 0);
  }
  positions(x: Array, name: string): Array {
    return x.ref.add(this.#parameter(`${name}.weight`));
  }
  /** There is no loop primitive: the steps stand one after the other in the compiled function. */
  lstm(x: Array, name: string, { hidden }: { hidden: number }): Array {
    const p = (key: string) => this.#parameter(`${name}.${key}`);
    const [batch, time] = x.shape as [number, number, number];
    const given = np
      .matmul(x.ref, np.transpose(p('weight_ih')))
      .add(p('bias_ih').add(p('bias_hh')));
    const weight = np.transpose(p('weight_hh'));
    let h = np.zeros([batch, hidden]);
    let c = np.zeros([batch, hidden]);
    const states: Array[] = [];
    for (const step of np.split(given, time, 1)) {
      const gates = np.reshape(step, [batch, 4 * hidden]).add(np.matmul(h, weight.ref));
      const [i, f, g, o] = np.split(gates, 4, 1) as [Array, Array, Array, Array];
      c = nn
        .sigmoid(f)
        .mul(c)
        .add(nn.sigmoid(i).mul(np.tanh(g)));
      h = nn.sigmoid(o).mul(np.tanh(c.ref));
      states.push(h.ref);
    }
    return np.stack(states, 1);
  }
  gru(x: Array, name: string, { hidden }: { hidden: number }): Array {
    const p = (key: string) => this.#parameter(`${name}.${key}`);
    const [batch, time] = x.shape as [number, number, number];
    const given = np.matmul(x.ref, np.transpose(p('weight_ih'))).add(p('bias_ih'));
    const weight = np.transpose(p('weight_hh'));
    let h = np.zeros([batch, hidden]);
    const states: Array[] = [];
    for (const step of np.split(given, time, 1)) {
      const inner = np.matmul(h.ref, weight.ref).add(p('bias_hh'));
      const [xr, xz, xn] = np.split(np.reshape(step, [batch, 3 * hidden]), 3, 1) as Array[];
      const [hr, hz, hn] = np.split(inner, 3, 1) as Array[];
      const z = nn.sigmoid(xz!.add(hz!));
      const n = np.tanh(xn!.add(nn.sigmoid(xr!.add(hr!)).mul(hn!)));
      h = n.ref.add(z.mul(h.sub(n)));
      states.push(h.ref);
    }
    return np.stack(states, 1);
  }
  weights(name: string): Array {
    return this.#parameter(`${name}.weight`);
  }

  attention(qkv: Array, { heads, causal }: { heads: number; causal: boolean }): Array {
    const [batch, time, width] = qkv.shape as [number, number, number];
    const [q, k, v] = np
      .split(qkv.ref, 3, 2)
      .map((part) => np.reshape(part, [batch, time, heads, width / 3 / heads])) as [
      Array,
      Array,
      Array,
    ];
    const mixed = nn.dotProductAttention(q, k, v, { isCausal: causal });
    return np.reshape(mixed, [batch, time, width / 3]);
  }
  cachedAttention(qkv: Array, keys: Array, values: Array, options: { heads: number }): Array {
    const [batch, , width] = keys.shape as [number, number, number];
    const split = (x: Array) =>
      np.reshape(x, [batch, x.shape[1]!, options.heads, width / options.heads]);
    const [q, k, v] = np.split(qkv.ref, 3, 2) as [Array, Array, Array];
    const mixed = nn.dotProductAttention(
      split(q),
      split(np.concatenate([keys.ref, k], 1)),
      split(np.concatenate([values.ref, v], 1)),
    );
    return np.reshape(mixed, [batch, 1, width]);
  }
  activation(x: Array, kind: Activation): Array {
    return activated(x.ref, kind);
  }
  softmax(x: Array): Array {
    return nn.softmax(x.ref);
  }
  matmul(a: Array, b: Array): Array {
    return np.matmul(a.ref, b.ref);
  }
  add(a: Array, b: Array): Array {
    return a.ref.add(b.ref);
  }
  mul(a: Array, b: Array): Array {
    return a.ref.mul(b.ref);
  }
  scale(x: Array, factor: number): Array {
    return x.ref.mul(factor);
  }
  maxPool(x: Array, { kernel, stride, padding = 0 }: PoolOptions): Array {
    const around: [number, number] = [padding, padding];
    // With zeros, which is all it can: right after a rectifier, where the one padded pooling stands.
    const padded = padding === 0 ? x.ref : np.pad(x.ref, [[0, 0], [0, 0], around, around]);
    return lax.reduceWindow(padded, (w) => np.max(w), [kernel, kernel], [stride, stride]);
  }
  globalAvgPool(x: Array): Array {
    return np.mean(x.ref, [2, 3]);
  }
  concat(a: Array, b: Array): Array {
    return np.concatenate([a.ref, b.ref], 1);
  }
  flatten(x: Array): Array {
    return np.reshape(x.ref, [x.shape[0]!, -1]);
  }
  image(x: Array, shape: readonly number[]): Array {
    return np.reshape(x.ref, [x.shape[0]!, ...shape]);
  }
  reshape(x: Array, shape: readonly number[]): Array {
    return np.reshape(x.ref, [...shape]);
  }
  last(x: Array): Array {
    return x.ref.slice([], x.shape[1]! - 1);
  }
  crossEntropy(logits: Array, labels: Array): Array {
    const wanted = nn.oneHot(labels.ref, logits.shape.at(-1)!);
    const rows = logits.shape[0]!;
    return np.sum(nn.logSoftmax(logits.ref).mul(wanted)).mul(-1 / rows);
  }
  binaryCrossEntropy(logits: Array, label: 0 | 1): Array {
    return np.mean(nn.softplus(label === 1 ? np.negative(logits.ref) : logits.ref));
  }
  sumSquares(x: Array): Array {
    return np.sum(np.square(x.ref));
  }

  /** A value for each channel, to broadcast over [N, C, H, W]. */
  #channels(name: string): Array {
    return np.reshape(this.#parameter(name), [1, -1, 1, 1]);
  }
}

/** Consumes its argument. */
function activated(x: Array, kind: Activation | undefined): Array {
  switch (kind) {
    case undefined:
      return x;
    case 'relu':
      return nn.relu(x);
    case 'relu6':
      return nn.relu6(x);
    case 'leakyRelu':
      return nn.leakyRelu(x, slope);
    case 'tanh':
      return np.tanh(x);
    case 'gelu':
      return nn.gelu(x, { approximate: false });
  }
}

function standardized(x: Array, axes: number[]): Array {
  const mean = np.mean(x.ref, axes, { keepdims: true });
  const centred = x.ref.sub(mean);
  const variance = np.mean(np.square(centred.ref), axes, { keepdims: true });
  return centred.div(np.sqrt(variance.add(1e-5)));
}
