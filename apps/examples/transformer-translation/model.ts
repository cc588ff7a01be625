/** An encoder and a decoder of attention alone: Vaswani et al. 2017, arXiv:1706.03762. */
import { gather, mul, not, reshape } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { SinusoidalPositions, Transformer } from '@hebb/layers-transformer';
import type {
  CacheSizes,
  CausalCallOptions,
  EncoderDecoderLM,
  ShownSource,
  SourceKeys,
} from '@hebb/layers-transformer';
import { Embedding, Module, Parameter, init } from '@hebb/nn';
import { lengthMask, linear } from '@hebb/ops';
import { start } from '../parallel-text/batches.ts';

export interface Size {
  readonly sourceWords: number;
  readonly targetWords: number;
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly dropout: number;
  /** Longest sentence. */
  readonly longest: number;
}

function tableOf(words: number, width: number): Embedding {
  const table = new Embedding(words, width);
  table.weight = new Parameter(init.normal([words, width], { std: width ** -0.5 }));
  return table;
}

/** The output layer is the table of target words. */
export class CaptionTransformer extends Module implements EncoderDecoderLM {
  readonly size: Size;
  readonly startToken = start;
  readonly source: Embedding;
  readonly target: Embedding;
  readonly positions: SinusoidalPositions;
  readonly transformer: Transformer;

  constructor(size: Size) {
    super();
    const { sourceWords, targetWords, width, heads, layers, dropout, longest } = size;
    this.size = size;
    this.source = tableOf(sourceWords, width);
    this.target = tableOf(targetWords, width);
    this.positions = new SinusoidalPositions(width, longest, { dropout });
    this.transformer = new Transformer({
      dModel: width,
      nhead: heads,
      numEncoderLayers: layers,
      numDecoderLayers: layers,
      dimFeedforward: 4 * width,
      dropout,
      batchFirst: true,
      normFirst: true,
    });
  }

  get vocabSize(): number {
    return this.size.targetWords;
  }
  get sourceVocabSize(): number {
    return this.size.sourceWords;
  }
  get contextLength(): number {
    return this.size.longest;
  }
  get sourceLength(): number {
    return this.size.longest;
  }
  get cacheSizes(): CacheSizes {
    return this.transformer.decoder.cacheSizes;
  }

  #placed(table: Embedding, ids: Tensor, positions?: Tensor): Tensor {
    const x = mul(table.forward(ids), Math.sqrt(this.size.width));
    return this.positions.forward(x, positions);
  }

  /** Shape: ids int32 [N, S], shown bool [N, S] -> [N, S, width]. */
  encode(ids: Tensor, shown: Tensor): Tensor {
    const srcKeyPaddingMask = not(shown);
    return this.transformer.encoder.forward(this.#placed(this.source, ids), { srcKeyPaddingMask });
  }

  readSource(ids: Tensor, { attentionMask }: { attentionMask: Tensor }): SourceKeys {
    return this.transformer.decoder.readMemory(this.encode(ids, attentionMask));
  }

  continueText(ids: Tensor, source: ShownSource, { cache, last }: CausalCallOptions = {}): Tensor {
    const x = this.#placed(this.target, ids, cache?.positions());
    const y = this.transformer.decoder.continueText(x, source, { cache });
    if (last === undefined) return this.logits(y);
    const { width } = this.size;
    return this.logits(reshape(gather(y, reshape(last, [1]), 1), [ids.shape[0]!, width]));
  }

  /** What comes after each target word. Shape: ids int32 [N, T] -> [N, T, width]. */
  decode(ids: Tensor, memory: Tensor, shown: Tensor): Tensor {
    return this.transformer.decoder.forward(this.#placed(this.target, ids), memory, {
      tgtIsCausal: true,
      memoryKeyPaddingMask: not(shown),
    });
  }

  /** Shape: [..., width] -> [..., targetWords]. */
  logits(x: Tensor): Tensor {
    return linear(x, this.target.weight.value);
  }

  forward(source: Tensor, lengths: Tensor, inputs: Tensor): Tensor {
    const shown = lengthMask(lengths, source.shape[1]!);
    return this.logits(this.decode(inputs, this.encode(source, shown), shown));
  }
}
