/**
 * A model as data: running it over shapes instead of numbers gives the parameters it needs, the layers it
 * consists of (which contenders in another language replay) and its arithmetic.
 */
import type { Activation, ConvOptions, Layers, LinearOptions, PoolOptions } from './layers.ts';

/** How a parameter's seeded numbers are drawn. */
export type Draw =
  | { readonly kind: 'uniform'; readonly low: number; readonly high: number }
  | { readonly kind: 'constant'; readonly value: number };

export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly draw: Draw;
  /** Of a linear layer's weight: its inputs are a flattened image of this shape. */
  readonly image?: readonly number[];
}

export interface Value {
  readonly id: number;
  readonly shape: readonly number[];
  /** The image shape that was flattened into the last axis. */
  readonly image?: readonly number[];
}

export interface Step {
  readonly op: keyof Layers<Value>;
  readonly inputs: readonly number[];
  readonly output: number;
  readonly name?: string;
  readonly options: object;
}

export class Recorder implements Layers<Value> {
  readonly parameters = new Map<string, ParameterSpec>();
  readonly steps: Step[] = [];
  /** Floating-point operations of contractions, two for a multiplication and addition. */
  flops = 0;
  #next = 0;

  input(shape: readonly number[]): Value {
    return { id: this.#next++, shape };
  }

  linear(x: Value, name: string, options: LinearOptions): Value {
    const inputs = x.shape.at(-1)!;
    this.#weight(name, [options.out, inputs], inputs, options.activation, x.image);
    if (options.bias !== false) this.#bias(name, options.out);
    this.flops += 2 * size(x.shape) * options.out;
    return this.#step('linear', [x], [...x.shape.slice(0, -1), options.out], options, name);
  }
  conv(x: Value, name: string, options: ConvOptions): Value {
    this.#convWeight(x, name, options);
    if (options.bias !== false) this.#bias(name, options.out);
    return this.#conv('conv', x, name, options);
  }
  convNorm(x: Value, name: string, options: ConvOptions): Value {
    this.#convWeight(x, `${name}.conv`, options);
    const draws = {
      weight: [0.8, 1.2],
      bias: [-0.1, 0.1],
      mean: [-0.1, 0.1],
      variance: [0.8, 1.2],
    };
    for (const [key, [low, high]] of Object.entries(draws)) {
      const draw: Draw = { kind: 'uniform', low: low!, high: high! };
      this.#declare({ name: `${name}.norm.${key}`, shape: [options.out], draw });
    }
    return this.#conv('convNorm', x, name, options);
  }
  convTranspose(x: Value, name: string, options: ConvOptions): Value {
    const { out, kernel, stride = 1, padding = 0 } = options;
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const fanIn = Math.ceil((c * kernel * kernel) / (stride * stride));
    this.#weight(name, [c, out, kernel, kernel], fanIn, options.activation);
    if (options.bias !== false) this.#bias(name, out);
    this.flops += 2 * size(x.shape) * out * kernel * kernel;
    const grow = (s: number) => (s - 1) * stride + kernel - 2 * padding;
    return this.#step('convTranspose', [x], [n, out, grow(h), grow(w)], options, name);
  }
  batchNorm(x: Value, name: string): Value {
    this.#affine(name, [x.shape[1]!]);
    return this.#step('batchNorm', [x], x.shape, {}, name);
  }
  layerNorm(x: Value, name: string): Value {
    this.#affine(name, [x.shape.at(-1)!]);
    return this.#step('layerNorm', [x], x.shape, {}, name);
  }
  embedding(tokens: Value, name: string, options: { count: number; size: number }): Value {
    const draw: Draw = { kind: 'uniform', low: -1, high: 1 };
    this.#declare({ name: `${name}.weight`, shape: [options.count, options.size], draw });
    return this.#step('embedding', [tokens], [...tokens.shape, options.size], options, name);
  }
  positions(x: Value, name: string): Value {
    const draw: Draw = { kind: 'uniform', low: -0.5, high: 0.5 };
    this.#declare({ name: `${name}.weight`, shape: x.shape.slice(1), draw });
    return this.#step('positions', [x], x.shape, {}, name);
  }
  lstm(x: Value, name: string, options: { hidden: number }): Value {
    return this.#recurrent('lstm', 4, x, name, options);
  }
  gru(x: Value, name: string, options: { hidden: number }): Value {
    return this.#recurrent('gru', 3, x, name, options);
  }
  weights(name: string, options: { shape: readonly number[] }): Value {
    const draw: Draw = { kind: 'uniform', low: -1, high: 1 };
    this.#declare({ name: `${name}.weight`, shape: options.shape, draw });
    return this.#step('weights', [], options.shape, options, name);
  }

  attention(qkv: Value, options: { heads: number; causal: boolean }): Value {
    const [batch, time, width] = qkv.shape as [number, number, number];
    this.flops += 4 * batch * time * time * (width / 3);
    return this.#step('attention', [qkv], [batch, time, width / 3], options);
  }
  cachedAttention(qkv: Value, keys: Value, values: Value, options: { heads: number }): Value {
    const [batch, time, width] = keys.shape as [number, number, number];
    this.flops += 4 * batch * (time + 1) * width;
    return this.#step('cachedAttention', [qkv, keys, values], [batch, 1, width], options);
  }
  activation(x: Value, kind: Activation): Value {
    return this.#step('activation', [x], x.shape, { kind });
  }
  softmax(x: Value): Value {
    return this.#step('softmax', [x], x.shape);
  }
  matmul(a: Value, b: Value): Value {
    this.flops += 2 * size(a.shape) * b.shape.at(-1)!;
    return this.#step('matmul', [a, b], [...a.shape.slice(0, -1), b.shape.at(-1)!]);
  }
  add(a: Value, b: Value): Value {
    return this.#step('add', [a, b], a.shape);
  }
  mul(a: Value, b: Value): Value {
    return this.#step('mul', [a, b], a.shape);
  }
  scale(x: Value, factor: number): Value {
    return this.#step('scale', [x], x.shape, { factor });
  }
  maxPool(x: Value, options: PoolOptions): Value {
    return this.#step('maxPool', [x], pooled(x.shape, x.shape[1]!, options), options);
  }
  globalAvgPool(x: Value): Value {
    return this.#step('globalAvgPool', [x], x.shape.slice(0, 2));
  }
  concat(a: Value, b: Value): Value {
    const [n, c, ...rest] = a.shape as [number, number, ...number[]];
    return this.#step('concat', [a, b], [n, c + b.shape[1]!, ...rest]);
  }
  flatten(x: Value): Value {
    const image = x.shape.slice(1);
    return { ...this.#step('flatten', [x], [x.shape[0]!, size(image)]), image };
  }
  image(x: Value, shape: readonly [number, number, number]): Value {
    return this.#step('image', [x], [x.shape[0]!, ...shape], { shape });
  }
  reshape(x: Value, shape: readonly number[]): Value {
    return this.#step('reshape', [x], shape, { shape });
  }
  last(x: Value): Value {
    return this.#step('last', [x], [x.shape[0]!, x.shape[2]!]);
  }
  crossEntropy(logits: Value, labels: Value): Value {
    return this.#step('crossEntropy', [logits, labels], []);
  }
  binaryCrossEntropy(logits: Value, label: 0 | 1): Value {
    return this.#step('binaryCrossEntropy', [logits], [], { label });
  }
  sumSquares(x: Value): Value {
    return this.#step('sumSquares', [x], []);
  }

  #recurrent(
    op: 'lstm' | 'gru',
    gates: number,
    x: Value,
    name: string,
    options: { hidden: number },
  ): Value {
    const [batch, time, inputs] = x.shape as [number, number, number];
    const { hidden } = options;
    const bound = 1 / Math.sqrt(hidden);
    const draw: Draw = { kind: 'uniform', low: -bound, high: bound };
    this.#declare({ name: `${name}.weight_ih`, shape: [gates * hidden, inputs], draw });
    this.#declare({ name: `${name}.weight_hh`, shape: [gates * hidden, hidden], draw });
    this.#declare({ name: `${name}.bias_ih`, shape: [gates * hidden], draw });
    this.#declare({ name: `${name}.bias_hh`, shape: [gates * hidden], draw });
    this.flops += 2 * batch * time * gates * hidden * (inputs + hidden);
    return this.#step(op, [x], [batch, time, hidden], options, name);
  }

  #convWeight(x: Value, name: string, options: ConvOptions): void {
    const { out, kernel, groups = 1, activation } = options;
    const inputs = x.shape[1]! / groups;
    this.#weight(name, [out, inputs, kernel, kernel], inputs * kernel * kernel, activation);
  }
  #conv(op: 'conv' | 'convNorm', x: Value, name: string, options: ConvOptions): Value {
    const { out, kernel, stride = 1, groups = 1 } = options;
    const shape = pooled(x.shape, out, { ...options, stride });
    this.flops += 2 * size(shape) * (x.shape[1]! / groups) * kernel * kernel;
    return this.#step(op, [x], shape, options, name);
  }
  /** Uniform, with the variance that keeps activations of the same size from layer to layer. */
  #weight(
    name: string,
    shape: readonly number[],
    fanIn: number,
    activation: Activation | undefined,
    image?: readonly number[],
  ): void {
    const rectified = activation !== undefined && activation !== 'tanh';
    const bound = Math.sqrt((rectified ? 6 : 3) / fanIn);
    const draw: Draw = { kind: 'uniform', low: -bound, high: bound };
    this.#declare({ name: `${name}.weight`, shape, draw, ...(image && { image }) });
  }
  #bias(name: string, size: number): void {
    const draw: Draw = { kind: 'uniform', low: -0.1, high: 0.1 };
    this.#declare({ name: `${name}.bias`, shape: [size], draw });
  }
  #affine(name: string, shape: readonly number[]): void {
    this.#declare({
      name: `${name}.weight`,
      shape,
      draw: { kind: 'uniform', low: 0.8, high: 1.2 },
    });
    this.#declare({
      name: `${name}.bias`,
      shape,
      draw: { kind: 'uniform', low: -0.1, high: 0.1 },
    });
  }
  /** A layer that is called again keeps its parameters. */
  #declare(spec: ParameterSpec): void {
    const known = this.parameters.get(spec.name);
    if (known !== undefined && known.shape.join() !== spec.shape.join()) {
      throw new Error(`${spec.name} is used with shapes [${known.shape}] and [${spec.shape}]`);
    }
    if (known === undefined) this.parameters.set(spec.name, spec);
  }
  #step(
    op: Step['op'],
    inputs: readonly Value[],
    shape: readonly number[],
    options: object = {},
    name?: string,
  ): Value {
    const output = this.#next++;
    const ids = inputs.map(({ id }) => id);
    this.steps.push({ op, inputs: ids, output, options, ...(name !== undefined && { name }) });
    return { id: output, shape };
  }
}

export const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function pooled(
  shape: readonly number[],
  channels: number,
  { kernel, stride, padding = 0 }: PoolOptions,
): number[] {
  const shrink = (s: number) => Math.floor((s + 2 * padding - kernel) / stride) + 1;
  return [shape[0]!, channels, ...shape.slice(2).map(shrink)];
}
