/** An encoder and a decoder of attention alone: Vaswani et al. 2017, arXiv:1706.03762. */
import { mul, not } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { SinusoidalPositions, Transformer } from '@hebb/layers-transformer';
import { Embedding, Module, Parameter, init } from '@hebb/nn';
import { lengthMask, linear } from '@hebb/ops';

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
export class CaptionTransformer extends Module {
  readonly size: Size;
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

  #placed(table: Embedding, ids: Tensor): Tensor {
    return this.positions.forward(mul(table.forward(ids), Math.sqrt(this.size.width)));
  }

  /** Shape: ids int32 [N, S], lengths int32 [N] -> [N, S, width]. */
  encode(ids: Tensor, lengths: Tensor): Tensor {
    const srcKeyPaddingMask = not(lengthMask(lengths, ids.shape[1]!));
    return this.transformer.encoder.forward(this.#placed(this.source, ids), { srcKeyPaddingMask });
  }

  /** What comes after each target word. Shape: ids int32 [N, T] -> [N, T, width]. */
  decode(ids: Tensor, memory: Tensor, lengths: Tensor): Tensor {
    return this.transformer.decoder.forward(this.#placed(this.target, ids), memory, {
      tgtIsCausal: true,
      memoryKeyPaddingMask: not(lengthMask(lengths, memory.shape[1]!)),
    });
  }

  /** Shape: [..., width] -> [..., targetWords]. */
  logits(x: Tensor): Tensor {
    return linear(x, this.target.weight.value);
  }

  forward(source: Tensor, lengths: Tensor, inputs: Tensor): Tensor {
    return this.logits(this.decode(inputs, this.encode(source, lengths), lengths));
  }
}
