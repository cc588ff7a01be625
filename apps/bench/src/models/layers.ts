/**
 * The vocabulary that the benchmark's models are written in. Each contender speaks it in its own API, the
 * way its users would write the same layer, so that a model stands here once and everybody does the same
 * work. Names, layouts and defaults are PyTorch's: images [N, C, H, W], sequences [B, T, D].
 */

export type Activation = 'relu' | 'relu6' | 'leakyRelu' | 'gelu' | 'tanh';

export interface LinearOptions {
  readonly out: number;
  readonly bias?: boolean;
  readonly activation?: Activation;
}

export interface ConvOptions {
  readonly out: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
  /** 1, or the number of input channels (depthwise). */
  readonly groups?: number;
  readonly bias?: boolean;
  readonly activation?: Activation;
}

export interface PoolOptions {
  readonly kernel: number;
  readonly stride: number;
  readonly padding?: number;
}

/** Layers take their weights by name: `linear(x, 'fc1', ...)` uses `fc1.weight` and `fc1.bias`. */
export interface Layers<T> {
  // --- layers with weights ---
  linear(x: T, name: string, options: LinearOptions): T;
  conv(x: T, name: string, options: ConvOptions): T;
  /**
   * Convolution without bias, then batch normalisation by running statistics, for inference. Contenders
   * whose tools fold the normalisation into the weights before they serve get them folded.
   */
  convNorm(x: T, name: string, options: ConvOptions): T;
  convTranspose(x: T, name: string, options: ConvOptions): T;
  /** Batch normalisation by the batch's own statistics, for training. */
  batchNorm(x: T, name: string): T;
  layerNorm(x: T, name: string): T;
  embedding(tokens: T, name: string, options: { readonly count: number; readonly size: number }): T;
  /** Adds a learned table [T, D]. */
  positions(x: T, name: string): T;
  /** One layer from a zero state. Shape: [B, T, I] -> [B, T, H]. */
  lstm(x: T, name: string, options: { readonly hidden: number }): T;
  /** The same of gated units, whose reset gate scales the product and its bias. */
  gru(x: T, name: string, options: { readonly hidden: number }): T;
  /** Numbers that stand for themselves. */
  weights(name: string, options: { readonly shape: readonly number[] }): T;

  // --- without ---
  /** Softmax attention of packed queries, keys and values. Shape: [B, T, 3 D] -> [B, T, D]. */
  attention(qkv: T, options: { readonly heads: number; readonly causal: boolean }): T;
  /**
   * The same of one more step, whose query also sees the kept keys and values of those before it.
   * Shape: [B, 1, 3 D], [B, T, D] twice -> [B, 1, D].
   */
  cachedAttention(qkv: T, keys: T, values: T, options: { readonly heads: number }): T;
  activation(x: T, kind: Activation): T;
  /** Along the last axis. */
  softmax(x: T): T;
  matmul(a: T, b: T): T;
  add(a: T, b: T): T;
  mul(a: T, b: T): T;
  scale(x: T, factor: number): T;
  maxPool(x: T, options: PoolOptions): T;
  /** Mean of each channel. Shape: [N, C, H, W] -> [N, C]. */
  globalAvgPool(x: T): T;
  /** Along the channels. */
  concat(a: T, b: T): T;
  /** Shape: [N, C, H, W] -> [N, C H W]. */
  flatten(x: T): T;
  /** Shape: [N, C H W] -> [N, C, H, W]. */
  image(x: T, shape: readonly [channels: number, height: number, width: number]): T;
  /** Of values without image axes. */
  reshape(x: T, shape: readonly number[]): T;
  /** The last step. Shape: [B, T, D] -> [B, D]. */
  last(x: T): T;

  // --- losses, means over the batch ---
  crossEntropy(logits: T, labels: T): T;
  /** Binary cross-entropy of logits against one label for all. */
  binaryCrossEntropy(logits: T, label: 0 | 1): T;
  /** Sum of the squares of all elements. */
  sumSquares(x: T): T;
}
