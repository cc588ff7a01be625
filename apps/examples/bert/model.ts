/** An encoder whose outputs are averaged over the words and classified. */
import { ne, unsqueeze } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { BertModel } from '@hebb/layers-transformer';
import type { BertConfig } from '@hebb/layers-transformer';
import { Dropout, Linear, Module } from '@hebb/nn';

/**
 * The mean over all words (Reimers and Gurevych 2019, arXiv:1908.10084, found it the best of the poolings), since
 * masked words alone teach the first token nothing.
 */
export class ReviewClassifier extends Module {
  readonly bert: BertModel;
  readonly dropout: Dropout;
  readonly classifier: Linear;

  constructor(config: BertConfig, numClasses: number) {
    super();
    this.bert = new BertModel(config, { pooler: false });
    this.dropout = new Dropout(config.dropout ?? 0.1);
    this.classifier = new Linear(config.width, numClasses);
  }

  /** Shape: ids int32 [N, T], 0 for padding -> logits [N, classes]. */
  forward(ids: Tensor): Tensor {
    const shown = ne(ids, 0);
    const [sequence] = this.bert.forward(ids, { attentionMask: shown });
    const weights = shown.to('float32');
    const mean = sequence.mul(unsqueeze(weights, 2)).sum(1).div(weights.sum(1, true));
    return this.classifier.forward(this.dropout.forward(mean));
  }
}
