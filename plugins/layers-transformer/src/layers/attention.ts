/** Multi-head attention. Vaswani et al. 2017, arXiv:1706.03762. */
import {
  broadcastTo,
  concat,
  defaultGenerator,
  fail,
  formatShape,
  narrow,
  permute,
  reshape,
  unsqueeze,
  zeros,
} from '@hebb/core';
import type { Generator, Shape, Tensor } from '@hebb/core';
import { Linear, Module, Parameter, init } from '@hebb/nn';
import { attentionWeights, linear, scaledDotProductAttention } from '@hebb/ops';
import { checkCount, checkHeads, checkShare, howOf, typeOf } from '../check.ts';
import type { How } from '../check.ts';
import type { AttentionCache } from '../generation/cache.ts';
import { joinHeads, splitHeads } from './heads.ts';
import { combinedMask, withCausal } from './masks.ts';
import type { MaskSizes } from './masks.ts';

export interface MultiheadAttentionOptions extends How {
  /** Probability that a weight is dropped, while training. Default 0. */
  readonly dropout?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** A learned key and value behind those given. Default false. */
  readonly addBiasKv?: boolean;
  /** A key and value of zeros behind those given. Default false. */
  readonly addZeroAttn?: boolean;
  /** Width of the keys; default embedDim. */
  readonly kdim?: number;
  /** Width of the values; default embedDim. */
  readonly vdim?: number;
  /** Inputs and outputs are [N, T, ·] instead of [T, N, ·]. Default false. */
  readonly batchFirst?: boolean;
}

export interface AttentionCallOptions {
  /** [N, S] (or [S] without a batch): true hides the key, floats are added to its scores. */
  readonly keyPaddingMask?: Tensor | null | undefined;
  /** [L, S] or [N · heads, L, S]: true hides, floats are added. */
  readonly attnMask?: Tensor | null | undefined;
  /**
   * Whether the weights are returned, averaged over the heads unless `averageAttnWeights` is false. Default
   * true; they cost nothing where nobody reads them.
   */
  readonly needWeights?: boolean | undefined;
  readonly averageAttnWeights?: boolean | undefined;
  /** Query i sees keys 0 … i only, beside what the masks hide. Default false. */
  readonly isCausal?: boolean | undefined;
}

/**
 * PyTorch's `MultiheadAttention`. Parameters are `in_proj_weight` [3E, E], which stacks the rows of query,
 * key and value (`q_proj_weight` [E, E], `k_proj_weight` [E, kdim] and `v_proj_weight` [E, vdim] where the
 * widths differ), `in_proj_bias` [3E], `bias_k` and `bias_v` [1, 1, E], `out_proj`. A query that may look at
 * no key gives the bias of `out_proj` alone, where PyTorch gives NaN.
 *
 * Shape: query [L, N, E], key [S, N, kdim], value [S, N, vdim] -> [[L, N, E], weights [N, L, S]]; with
 * `batchFirst` the batch leads; without a batch the axis N is missing everywhere.
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly addZeroAttn: boolean;
  inProjWeight: Parameter | undefined;
  qProjWeight: Parameter | undefined;
  kProjWeight: Parameter | undefined;
  vProjWeight: Parameter | undefined;
  inProjBias: Parameter | undefined;
  biasK: Parameter | undefined;
  biasV: Parameter | undefined;
  readonly outProj: Linear;
  readonly #generator: Generator;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const name = 'MultiheadAttention';
    const { bias = true, addBiasKv = false, addZeroAttn = false, batchFirst = false } = options;
    this.embedDim = checkCount(name, 'embedDim', embedDim);
    this.numHeads = checkCount(name, 'numHeads', numHeads);
    checkHeads(name, embedDim, numHeads, 'embedDim');
    this.kdim = checkCount(name, 'kdim', options.kdim ?? embedDim);
    this.vdim = checkCount(name, 'vdim', options.vdim ?? embedDim);
    this.dropout = checkShare(name, 'dropout', options.dropout ?? 0);
    this.batchFirst = batchFirst;
    this.addZeroAttn = addZeroAttn;
    this.#generator = options.generator ?? defaultGenerator;
    const how = howOf(options);
    const { dtype = 'float32' } = how;
    const drawn = (...shape: number[]): Parameter => new Parameter(init.xavierUniform(shape, how));
    if (this.kdim === embedDim && this.vdim === embedDim) {
      this.inProjWeight = drawn(3 * embedDim, embedDim);
    } else {
      this.qProjWeight = drawn(embedDim, embedDim);
      this.kProjWeight = drawn(embedDim, this.kdim);
      this.vProjWeight = drawn(embedDim, this.vdim);
    }
    this.inProjBias = bias ? new Parameter(zeros([3 * embedDim], dtype)) : undefined;
    if (addBiasKv) {
      this.biasK = new Parameter(init.xavierNormal([1, 1, embedDim], how));
      this.biasV = new Parameter(init.xavierNormal([1, 1, embedDim], how));
    }
    this.outProj = new Linear(embedDim, embedDim, { bias, ...how });
    if (this.outProj.bias)
      this.outProj.bias = new Parameter(init.zeros([embedDim], typeOf(options)));
  }

  forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: AttentionCallOptions = {},
  ): [output: Tensor, weights: Tensor | undefined] {
    const { needWeights = true, averageAttnWeights = true, isCausal = false } = options;
    const batched = query.rank === 3;
    this.#check(query, key, value);
    const projected = this.#project(query, key, value);
    const [q, k, v] = projected.map((x) => this.#lead(x)) as [Tensor, Tensor, Tensor];
    const [batch, queries] = q.shape as [number, number];
    const sizes = { batch, heads: this.numHeads, queries, keys: k.shape[1]! };
    const { keyPaddingMask: given } = options;
    const keyPaddingMask = given == null || batched ? given : unsqueeze(given, 0);
    const mask = combinedMask(
      'MultiheadAttention',
      options.attnMask,
      keyPaddingMask,
      sizes,
      q.dtype,
    );
    const added = this.#added(k, v);
    const [heads, keys, values] = [q, added.k, added.v].map((x) => splitHeads(x, this.numHeads));
    const dropped = this.training && this.dropout > 0;
    const how = {
      attnMask: added.count === 0 ? mask : widened(mask, isCausal, sizes, added.count),
      isCausal: isCausal && added.count === 0,
      ...(dropped ? { dropoutP: this.dropout, dropoutKey: this.#generator.next() } : {}),
    };
    const mixed = scaledDotProductAttention(heads!, keys!, values!, how);
    const output = this.#joined(mixed, batched);
    if (!needWeights) return [output, undefined];
    const all = attentionWeights(heads!, keys!, how);
    const weights = averageAttnWeights ? all.mean(1) : all;
    return [output, batched ? weights : weights.squeeze(0)];
  }

  /**
   * Keys and values as heads, to be kept and attended to by several calls of `attendTo`: those of a source, of
   * which a text is written. Shape: key [S, N, kdim], value [S, N, vdim] -> [N, heads, S, size] of each.
   */
  keysOf(key: Tensor, value: Tensor = key): [keys: Tensor, values: Tensor] {
    this.#plain();
    const [k, v] =
      key === value
        ? this.#rows(key, 1, 2)
        : [key, value].map((x, i) => this.#rows(x, i + 1, 1)[0]!);
    return [k!, v!].map((x) => splitHeads(this.#lead(x), this.numHeads)) as [Tensor, Tensor];
  }

  /**
   * Attention to keys and values of `keysOf`, without dropout. `shown` is bool and broadcasts to
   * [N, heads, L, S]: true may be looked at. Shape: query [L, N, E] -> same.
   */
  attendTo(query: Tensor, keys: Tensor, values: Tensor, shown?: Tensor): Tensor {
    const q = splitHeads(this.#lead(this.#rows(query, 0, 1)[0]!), this.numHeads);
    const mixed = scaledDotProductAttention(q, keys, values, { attnMask: shown });
    return this.#joined(mixed, query.rank === 3);
  }

  /** Self-attention of tokens that come behind those of a cache, without dropout. Shape: [L, N, E] -> same. */
  forwardCached(x: Tensor, cache: AttentionCache): Tensor {
    this.#plain();
    const [q, k, v] = this.#rows(x, 0, 3).map((y) => splitHeads(this.#lead(y), this.numHeads));
    return this.#joined(cache.attend(q!, k!, v!), x.rank === 3);
  }

  #plain(): void {
    if (this.biasK === undefined && !this.addZeroAttn) return;
    fail('MultiheadAttention', 'keys that are kept cannot be joined by addBiasKv or addZeroAttn');
  }

  /** To [N, T, ·]. */
  #lead(x: Tensor): Tensor {
    if (x.rank === 2) return unsqueeze(x, 0);
    return this.batchFirst ? x : permute(x, [1, 0, 2]);
  }

  /** The output of heads [N, heads, L, size] in the layout of the inputs. */
  #joined(mixed: Tensor, batched: boolean): Tensor {
    if (this.batchFirst || !batched) {
      const y = this.outProj.forward(joinHeads(mixed));
      return batched ? y : y.squeeze(0);
    }
    const [batch, , steps] = mixed.shape as [number, number, number, number];
    const joined = reshape(permute(mixed, [2, 0, 1, 3]), [steps, batch, this.embedDim]);
    return this.outProj.forward(joined);
  }

  /** The three projections, in the layout of the inputs. Equal inputs are projected by one product. */
  #project(query: Tensor, key: Tensor, value: Tensor): Tensor[] {
    if (query === key && key === value) return this.#rows(query, 0, 3);
    if (key === value) return [...this.#rows(query, 0, 1), ...this.#rows(key, 1, 2)];
    return [query, key, value].flatMap((x, i) => this.#rows(x, i, 1));
  }

  /** Projections `first`, ... of query, key and value, `count` of them. */
  #rows(x: Tensor, first: number, count: number): Tensor[] {
    const { embedDim: width } = this;
    const cut = (w: Tensor, from: number, rows: number): Tensor =>
      rows === 3 ? w : narrow(w, 0, from * width, rows * width);
    const bias = this.inProjBias?.value;
    const whole = this.inProjWeight?.value;
    if (whole !== undefined) {
      const y = linear(x, cut(whole, first, count), bias && cut(bias, first, count));
      return Array.from({ length: count }, (_, i) => narrow(y, y.rank - 1, i * width, width));
    }
    const weights = [this.qProjWeight!, this.kProjWeight!, this.vProjWeight!];
    return weights
      .slice(first, first + count)
      .map((w, i) => linear(x, w.value, bias && cut(bias, first + i, 1)));
  }

  /** Keys and values [N, S, E] with the learned ones and the zeros behind them. */
  #added(k: Tensor, v: Tensor): { k: Tensor; v: Tensor; count: number } {
    const row: Shape = [k.shape[0]!, 1, this.embedDim];
    const behind = (x: Tensor, learned: Parameter | undefined): Tensor[] => [
      x,
      ...(learned === undefined ? [] : [broadcastTo(learned.value, row)]),
      ...(this.addZeroAttn ? [zeros(row, x.dtype)] : []),
    ];
    const [keys, values] = [behind(k, this.biasK), behind(v, this.biasV)];
    if (keys.length === 1) return { k, v, count: 0 };
    return { k: concat(keys, 1), v: concat(values, 1), count: keys.length - 1 };
  }

  #check(query: Tensor, key: Tensor, value: Tensor): void {
    const { rank } = query;
    const batchAxis = this.batchFirst ? 0 : 1;
    const fits =
      (rank === 2 || rank === 3) &&
      key.rank === rank &&
      value.rank === rank &&
      query.shape.at(-1) === this.embedDim &&
      key.shape.at(-1) === this.kdim &&
      value.shape.at(-1) === this.vdim &&
      key.shape.slice(0, -1).join(',') === value.shape.slice(0, -1).join(',') &&
      (rank === 2 || key.shape[batchAxis] === query.shape[batchAxis]);
    if (fits) return;
    const wanted = this.batchFirst
      ? `[N,L,${this.embedDim}], [N,S,${this.kdim}], [N,S,${this.vdim}]`
      : `[L,N,${this.embedDim}], [S,N,${this.kdim}], [S,N,${this.vdim}]`;
    fail(
      'MultiheadAttention',
      'inputs do not fit',
      [query, key, value].map(({ shape }) => formatShape(shape)).join(', '),
      wanted,
    );
  }

  override extraRepr(): string {
    return `${this.embedDim}, numHeads=${this.numHeads}`;
  }
}

/** The mask with columns for added keys, which everybody sees. */
function widened(
  mask: Tensor | undefined,
  isCausal: boolean,
  sizes: MaskSizes,
  count: number,
): Tensor | undefined {
  const whole = isCausal ? withCausal(mask, sizes) : mask;
  if (whole === undefined) return undefined;
  const wide = broadcastTo(whole, [...whole.shape.slice(0, 3), sizes.keys]);
  return wide.pad({ low: [0, 0, 0, 0], high: [0, 0, 0, count] }, wide.dtype === 'bool' ? true : 0);
}
