/** Encoder and decoder layers, their stacks, and both together, under PyTorch's names. */
import { fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Dropout, LayerNorm, Linear, Module, init } from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { checkCount, howOf, sourceOf, typeOf } from '../check.ts';
import type { How } from '../check.ts';
import { MultiheadAttention } from './attention.ts';
import type { AttentionCallOptions } from './attention.ts';
import type { AttentionCache, CacheSizes } from '../generation/cache.ts';
import type { ShownSource, SourceKeys } from '../models/source.ts';
import { activationOf } from './feed-forward.ts';
import type { Activation } from './feed-forward.ts';

export interface TransformerLayerOptions extends How {
  /** Default 2048. */
  readonly dimFeedforward?: number;
  /** Probability of each dropout, while training. Default 0.1. */
  readonly dropout?: number;
  /** Default 'relu'. */
  readonly activation?: Activation;
  /** Default 1e-5. */
  readonly layerNormEps?: number;
  /** Inputs are [N, T, dModel] instead of [T, N, dModel]. Default false. */
  readonly batchFirst?: boolean;
  /** Normalise before attention and feed-forward, not after. Default false. */
  readonly normFirst?: boolean;
  /** Default true. */
  readonly bias?: boolean;
}

/** Masks of one attention: true hides, floats are added. See `MultiheadAttention`. */
type Masks = Pick<AttentionCallOptions, 'attnMask' | 'keyPaddingMask' | 'isCausal'>;

abstract class TransformerLayer extends Module {
  readonly normFirst: boolean;
  readonly #activation: (x: Tensor) => Tensor;
  abstract readonly linear1: Linear;
  abstract readonly dropout: Dropout;
  abstract readonly linear2: Linear;

  protected constructor({ normFirst = false, activation = 'relu' }: TransformerLayerOptions) {
    super();
    this.normFirst = normFirst;
    this.#activation = activationOf(new.target.name, activation);
  }
  protected feedForward(x: Tensor): Tensor {
    const hidden = this.#activation(this.linear1.forward(x));
    return this.linear2.forward(this.dropout.forward(hidden));
  }
  /** A block with its residual: the normalisation comes before the block or after the sum. */
  protected residual(x: Tensor, norm: LayerNorm, block: (x: Tensor) => Tensor): Tensor {
    return this.normFirst ? x.add(block(norm.forward(x))) : norm.forward(x.add(block(x)));
  }
}

function partsOf(dModel: number, nhead: number, options: TransformerLayerOptions) {
  const { dimFeedforward = 2048, dropout = 0.1, layerNormEps = 1e-5, bias = true } = options;
  const { batchFirst = false } = options;
  const how = howOf(options);
  return {
    attention: () => new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, ...how }),
    linear1: () => new Linear(dModel, dimFeedforward, { bias, ...how }),
    linear2: () => new Linear(dimFeedforward, dModel, { bias, ...how }),
    norm: () => new LayerNorm(dModel, { eps: layerNormEps, bias, ...typeOf(options) }),
    drop: () => new Dropout(dropout, sourceOf(options)),
  };
}

export interface EncoderCallOptions {
  /** [T, T] or [N · heads, T, T]: true hides, floats are added. */
  readonly srcMask?: Tensor | null | undefined;
  /** [N, T]: true hides the token. */
  readonly srcKeyPaddingMask?: Tensor | null | undefined;
  /** Hide what comes later. Default false. */
  readonly isCausal?: boolean | undefined;
}

/** Self-attention and feed-forward. Shape: [T, N, dModel] -> same; [N, T, dModel] with `batchFirst`. */
export class TransformerEncoderLayer extends TransformerLayer {
  readonly selfAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(options);
    const make = partsOf(dModel, nhead, options);
    this.selfAttn = make.attention();
    this.linear1 = make.linear1();
    this.dropout = make.drop();
    this.linear2 = make.linear2();
    this.norm1 = make.norm();
    this.norm2 = make.norm();
    this.dropout1 = make.drop();
    this.dropout2 = make.drop();
  }
  forward(src: Tensor, options: EncoderCallOptions = {}): Tensor {
    const { srcMask, srcKeyPaddingMask, isCausal } = options;
    const masks: Masks = { attnMask: srcMask, keyPaddingMask: srcKeyPaddingMask, isCausal };
    const x = this.residual(src, this.norm1, (y) => {
      const [mixed] = this.selfAttn.forward(y, y, y, { ...masks, needWeights: false });
      return this.dropout1.forward(mixed);
    });
    return this.residual(x, this.norm2, (y) => this.dropout2.forward(this.feedForward(y)));
  }
}

export interface DecoderCallOptions {
  /** [T, T] or [N · heads, T, T]: true hides, floats are added. */
  readonly tgtMask?: Tensor | null | undefined;
  /** [T, S] or [N · heads, T, S]. */
  readonly memoryMask?: Tensor | null | undefined;
  /** [N, T]: true hides the token. */
  readonly tgtKeyPaddingMask?: Tensor | null | undefined;
  /** [N, S] */
  readonly memoryKeyPaddingMask?: Tensor | null | undefined;
  /** Hide what comes later among the targets. Default false. */
  readonly tgtIsCausal?: boolean | undefined;
  readonly memoryIsCausal?: boolean | undefined;
}

/**
 * Self-attention, attention to an encoder's results, feed-forward. Shape: tgt [T, N, dModel], memory
 * [S, N, dModel] -> [T, N, dModel]; the batch leads with `batchFirst`.
 */
export class TransformerDecoderLayer extends TransformerLayer {
  readonly selfAttn: MultiheadAttention;
  readonly multiheadAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly norm3: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly dropout3: Dropout;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(options);
    const make = partsOf(dModel, nhead, options);
    this.selfAttn = make.attention();
    this.multiheadAttn = make.attention();
    this.linear1 = make.linear1();
    this.dropout = make.drop();
    this.linear2 = make.linear2();
    this.norm1 = make.norm();
    this.norm2 = make.norm();
    this.norm3 = make.norm();
    this.dropout1 = make.drop();
    this.dropout2 = make.drop();
    this.dropout3 = make.drop();
  }
  forward(tgt: Tensor, memory: Tensor, options: DecoderCallOptions = {}): Tensor {
    const own: Masks = {
      attnMask: options.tgtMask,
      keyPaddingMask: options.tgtKeyPaddingMask,
      isCausal: options.tgtIsCausal,
    };
    const other: Masks = {
      attnMask: options.memoryMask,
      keyPaddingMask: options.memoryKeyPaddingMask,
      isCausal: options.memoryIsCausal,
    };
    const less = { needWeights: false };
    return this.#blocks(
      tgt,
      (y) => this.selfAttn.forward(y, y, y, { ...own, ...less })[0],
      (y) => this.multiheadAttn.forward(y, memory, memory, { ...other, ...less })[0],
    );
  }

  /** `forward` with the keys and values that the layer has of a memory. Shape: tgt [T, N, dModel] -> same. */
  continueText(
    tgt: Tensor,
    [keys, values]: readonly [keys: Tensor, values: Tensor],
    shown: Tensor,
    cache: AttentionCache | undefined,
  ): Tensor {
    const causal = { isCausal: true, needWeights: false };
    return this.#blocks(
      tgt,
      (y) =>
        cache === undefined
          ? this.selfAttn.forward(y, y, y, causal)[0]
          : this.selfAttn.forwardCached(y, cache),
      (y) => this.multiheadAttn.attendTo(y, keys, values, shown),
    );
  }

  #blocks(tgt: Tensor, own: (y: Tensor) => Tensor, other: (y: Tensor) => Tensor): Tensor {
    const x = this.residual(tgt, this.norm1, (y) => this.dropout1.forward(own(y)));
    const z = this.residual(x, this.norm2, (y) => this.dropout2.forward(other(y)));
    return this.residual(z, this.norm3, (y) => this.dropout3.forward(this.feedForward(y)));
  }
}

export interface StackOptions {
  /** Applied to the last layer's result; names in state dicts begin with `norm`. */
  readonly norm?: Layer | undefined;
}

const stack = <L>(name: string, count: number, make: (index: number) => L): readonly L[] =>
  Array.from({ length: checkCount(name, 'numLayers', count) }, (_, i) => make(i));

/**
 * Encoder layers one after the other: `new TransformerEncoder(() => new TransformerEncoderLayer(64, 4), 6)`.
 * The first argument makes a layer (PyTorch copies one). Shape: that of a layer.
 */
export class TransformerEncoder extends Module {
  readonly layers: readonly TransformerEncoderLayer[];
  readonly norm: Layer | undefined;

  constructor(
    makeLayer: (index: number) => TransformerEncoderLayer,
    numLayers: number,
    { norm }: StackOptions = {},
  ) {
    super();
    this.layers = stack('TransformerEncoder', numLayers, makeLayer);
    this.norm = norm;
  }
  forward(src: Tensor, options: EncoderCallOptions = {}): Tensor {
    const y = this.layers.reduce((x, layer) => layer.forward(x, options), src);
    return this.norm === undefined ? y : this.norm.forward(y);
  }
}

/** Decoder layers one after the other, as `TransformerEncoder`. Shape: that of a layer. */
export class TransformerDecoder extends Module {
  readonly layers: readonly TransformerDecoderLayer[];
  readonly norm: Layer | undefined;

  constructor(
    makeLayer: (index: number) => TransformerDecoderLayer,
    numLayers: number,
    { norm }: StackOptions = {},
  ) {
    super();
    this.layers = stack('TransformerDecoder', numLayers, makeLayer);
    this.norm = norm;
  }
  forward(tgt: Tensor, memory: Tensor, options: DecoderCallOptions = {}): Tensor {
    const y = this.layers.reduce((x, layer) => layer.forward(x, memory, options), tgt);
    return this.norm === undefined ? y : this.norm.forward(y);
  }

  get cacheSizes(): CacheSizes {
    const { numHeads, embedDim } = this.layers[0]!.selfAttn;
    return { layers: this.layers.length, heads: numHeads, size: embedDim / numHeads };
  }

  /** Keys and values that each layer has of a memory, for `continueText`. Shape: that of `memory` in `forward`. */
  readMemory(memory: Tensor): SourceKeys {
    const pairs = this.layers.map(({ multiheadAttn }) => multiheadAttn.keysOf(memory));
    return { keys: pairs.map(([k]) => k), values: pairs.map(([, v]) => v) };
  }

  /**
   * Targets that see those before them and the source that `readMemory` has read. With a cache they come behind
   * what it holds. Without dropout of attention. Shape: tgt [T, N, dModel] -> same; the batch leads with `batchFirst`.
   */
  continueText(
    tgt: Tensor,
    { keys, values, shown }: ShownSource,
    { cache }: { readonly cache?: AttentionCache | undefined } = {},
  ): Tensor {
    const y = this.layers.reduce(
      (x, layer, i) => layer.continueText(x, [keys[i]!, values[i]!], shown, cache),
      tgt,
    );
    return this.norm === undefined ? y : this.norm.forward(y);
  }
}

export interface TransformerOptions extends TransformerLayerOptions {
  /** Default 512. */
  readonly dModel?: number;
  /** Default 8. */
  readonly nhead?: number;
  /** Default 6. */
  readonly numEncoderLayers?: number;
  /** Default 6. */
  readonly numDecoderLayers?: number;
}

export interface TransformerCallOptions extends EncoderCallOptions, DecoderCallOptions {}

/**
 * Encoder and decoder with a normalisation behind each (PyTorch's `Transformer`); weights are Xavier uniform
 * at the start. Shape: src [S, N, dModel], tgt [T, N, dModel] -> [T, N, dModel]; the batch leads with
 * `batchFirst`.
 */
export class Transformer extends Module {
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;
  readonly encoder: TransformerEncoder;
  readonly decoder: TransformerDecoder;

  constructor(options: TransformerOptions = {}) {
    super();
    const { dModel = 512, nhead = 8, numEncoderLayers = 6, numDecoderLayers = 6 } = options;
    const { layerNormEps = 1e-5, bias = true } = options;
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = options.batchFirst ?? false;
    const norm = () => new LayerNorm(dModel, { eps: layerNormEps, bias, ...typeOf(options) });
    this.encoder = new TransformerEncoder(
      () => new TransformerEncoderLayer(dModel, nhead, options),
      numEncoderLayers,
      { norm: norm() },
    );
    this.decoder = new TransformerDecoder(
      () => new TransformerDecoderLayer(dModel, nhead, options),
      numDecoderLayers,
      { norm: norm() },
    );
    for (const parameter of this.parameters()) {
      if (parameter.shape.length > 1) {
        parameter.value = init.xavierUniform(parameter.shape, howOf(options));
      }
    }
  }

  forward(src: Tensor, tgt: Tensor, options: TransformerCallOptions = {}): Tensor {
    const { srcMask, srcKeyPaddingMask, isCausal } = options;
    const batchAxis = this.batchFirst ? 0 : 1;
    if (src.rank === 3 && src.shape[batchAxis] !== tgt.shape[batchAxis]) {
      fail(
        'Transformer',
        'src and tgt have different batches',
        `${src.shape[batchAxis]}, ${tgt.shape[batchAxis]}`,
      );
    }
    const memory = this.encoder.forward(src, { srcMask, srcKeyPaddingMask, isCausal });
    return this.decoder.forward(tgt, memory, options);
  }
}
