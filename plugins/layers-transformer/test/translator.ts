/** An encoder-decoder of the tests' own. */
import type { Tensor } from '@hebb/core';
import { Embedding, Module } from '@hebb/nn';
import { SinusoidalPositions, Transformer } from '../src/index.ts';
import type { CausalCallOptions, EncoderDecoderLM, ShownSource, SourceKeys } from '../src/index.ts';

/** PyTorch's `Transformer` between two tables; the batch leads or not. */
export class Translator extends Module implements EncoderDecoderLM {
  readonly vocabSize = 19;
  readonly startToken = 2;
  readonly table = new Embedding(19, 8);
  readonly positions = new SinusoidalPositions(8, 30);
  readonly transformer: Transformer;
  readonly #lead: (x: Tensor) => Tensor;

  constructor(batchFirst: boolean, normFirst: boolean) {
    super();
    this.#lead = (x) => (batchFirst ? x : x.transpose(0, 1));
    this.transformer = new Transformer({
      ...{ dModel: 8, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 2, dimFeedforward: 12 },
      ...{ batchFirst, normFirst },
    });
  }
  get cacheSizes() {
    return this.transformer.decoder.cacheSizes;
  }
  #placed(ids: Tensor, positions?: Tensor): Tensor {
    return this.#lead(this.positions.forward(this.table.forward(ids), positions));
  }
  #logits(y: Tensor): Tensor {
    return this.#lead(y).matmul(this.table.weight.value.transpose());
  }
  forward(ids: Tensor, decoderIds: Tensor): Tensor {
    const [src, tgt] = [this.#placed(ids), this.#placed(decoderIds)];
    return this.#logits(this.transformer.forward(src, tgt, { tgtIsCausal: true }));
  }
  readSource(ids: Tensor, { attentionMask }: { attentionMask: Tensor }): SourceKeys {
    const { encoder, decoder } = this.transformer;
    const srcKeyPaddingMask = attentionMask.not();
    return decoder.readMemory(encoder.forward(this.#placed(ids), { srcKeyPaddingMask }));
  }
  continueText(ids: Tensor, source: ShownSource, { cache, last }: CausalCallOptions): Tensor {
    const x = this.#placed(ids, cache?.positions());
    const logits = this.#logits(this.transformer.decoder.continueText(x, source, { cache }));
    if (last === undefined) return logits;
    return logits.gather(last.reshape([1]), 1).reshape([ids.shape[0]!, 19]);
  }
}
