/** An encoder whose outputs are averaged over the words: what is foretold from them, and what is decided. */
import { ne, tensor, unsqueeze } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { BertForMaskedLM, BertModel } from '@hebb/layers-transformer';
import type { BertConfig } from '@hebb/layers-transformer';
import { Dropout, Linear, Module, Parameter, init } from '@hebb/nn';
import { linear } from '@hebb/ops';

/**
 * The mean over all words (Reimers and Gurevych 2019, arXiv:1908.10084, found it the best of the poolings), `rows` rows
 * together. Shape: sequence [N, T, width], ids [N, T] -> [N / rows, width].
 */
function meanOf(sequence: Tensor, ids: Tensor, rows: number): Tensor {
  const [count, steps, width] = sequence.shape as [number, number, number];
  const shown = ne(ids, 0).to('float32');
  const groups = count / rows;
  const sum = sequence
    .mul(unsqueeze(shown, 2))
    .reshape([groups, rows * steps, width])
    .sum(1);
  return sum.div(shown.reshape([groups, rows * steps]).sum(1, true));
}

/** Praise or blame. */
export class ReviewClassifier extends Module {
  readonly bert: BertModel;
  readonly dropout: Dropout;
  readonly classifier: Linear;

  constructor(config: BertConfig, numClasses: number) {
    super();
    this.bert = new BertModel(config, { pooler: false });
    this.dropout = new Dropout(config.dropout ?? 0.1);
    this.classifier = new Linear(config.width, numClasses);
    setStartValues(this.bert);
  }

  /** Shape: ids int32 [N, T], 0 for padding -> logits [N / rows, classes]: `rows` pieces are of one review. */
  forward(ids: Tensor, rows = 1): Tensor {
    const [sequence] = this.bert.forward(ids, { attentionMask: ne(ids, 0) });
    return this.classifier.forward(this.dropout.forward(meanOf(sequence, ids, rows)));
  }
}

/** What hidden words are foretold from: their places, and the mean over their review. */
export interface Foretold {
  /** [K, words] */
  readonly places: Tensor;
  /** [reviews, words] */
  readonly reviews: Tensor;
}

export class HiddenWords extends Module {
  readonly lm: BertForMaskedLM;
  readonly dropout: Dropout;
  readonly review: Linear;

  /** @param frequency Logarithm of each word's share: what is foretold before anything is learned. */
  constructor(config: BertConfig, frequency: Float32Array) {
    super();
    this.lm = new BertForMaskedLM(config);
    // Reviews are far fewer than words: half of the mean is left out, or they are learned by heart.
    this.dropout = new Dropout(0.5);
    this.review = new Linear(config.width, config.width);
    setStartValues(this);
    this.lm.cls.predictions.bias = new Parameter(tensor(frequency));
    // Means over many words differ little.
    this.review.weight = new Parameter(init.normal(this.review.weight.shape, { std: 0.3 }));
  }

  /** Shape: ids int32 [N, T], places int32 [K] counted through all rows; `rows` pieces are of one review. */
  forward(ids: Tensor, places: Tensor, rows: number): Foretold {
    const { bert, cls } = this.lm;
    const [sequence] = bert.forward(ids, { attentionMask: ne(ids, 0) });
    const table = bert.embeddings.wordEmbeddings.weight.value;
    const hidden = sequence.reshape([-1, bert.config.width]).gather(places, 0);
    const mean = this.dropout.forward(meanOf(sequence, ids, rows));
    return {
      places: cls.forward(hidden, table),
      reviews: linear(this.review.forward(mean), table, cls.predictions.bias.value),
    };
  }
}

/** Sines of the distance, so that nearness needs not be found out (Vaswani et al. 2017), as large as the words. */
function waves(length: number, width: number, size: number): Tensor {
  const half = width / 2;
  const values = Float32Array.from({ length: length * width }, (_, i) => {
    const [at, k] = [Math.floor(i / width), i % width];
    const angle = at / 10_000 ** ((k % half) / half);
    return size * Math.SQRT2 * (k < half ? Math.sin(angle) : Math.cos(angle));
  });
  return tensor(values, { shape: [length, width] });
}

/** Larger than BERT's 0.02, which is for six times the width: attention that starts even stays so for long. */
function setStartValues(model: Module): void {
  for (const layer of model.modules()) {
    if (layer instanceof BertModel) {
      const { vocabSize, contextLength, width } = layer.config;
      const { wordEmbeddings, positionEmbeddings } = layer.embeddings;
      wordEmbeddings.weight = new Parameter(init.normal([vocabSize, width], { std: 0.03 }));
      positionEmbeddings.weight = new Parameter(waves(contextLength, width, 0.03));
    } else if (layer instanceof Linear) {
      layer.weight = new Parameter(init.normal(layer.weight.shape, { std: 0.06 }));
    }
  }
}
