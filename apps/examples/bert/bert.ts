/** An encoder that first learns to foretell hidden words of film reviews, then whether a film is praised. */
import { manualSeed, tensor } from '@hebb/core';
import { BertForMaskedLM, BertForSequenceClassification } from '@hebb/layers-transformer';
import type { BertConfig } from '@hebb/layers-transformer';
import { softmax } from '@hebb/nn';
import type { Tensor } from '@hebb/core';
import type { Example, Run } from '../common/example.ts';
import { ship } from '../common/ship.ts';
import { imdb, polarity } from '../sentiment/corpora.ts';
import { vocabularyOf } from '../sentiment/features.ts';
import type { Review } from '../sentiment/features.ts';
import { classify, markOf, pretrain, rowsOf } from './train.ts';

const plans = {
  full: {
    size: { layers: 3, heads: 4, width: 96, dropout: 0.1 },
    length: 128,
    words: 6000,
    pretrain: { steps: 2500, batch: 24, lr: 1e-3 },
    classify: { steps: 350, batch: 24, lr: 4e-4 },
    atLeast: 70,
  },
  quick: {
    size: { layers: 1, heads: 2, width: 32, dropout: 0 },
    length: 48,
    words: 1500,
    pretrain: { steps: 120, batch: 16, lr: 3e-3 },
    classify: { steps: 80, batch: 16, lr: 2e-3 },
    atLeast: 50,
  },
} as const;

/** Every `n`th review for the test, the others to learn from. */
function split(reviews: readonly Review[], n = 5): [train: Review[], test: Review[]] {
  return [reviews.filter((_, i) => i % n !== 0), reviews.filter((_, i) => i % n === 0)];
}

async function learn(run: Run): Promise<void> {
  const { quick, seed } = run.options;
  const plan = quick ? plans.quick : plans.full;
  const [few, many] = await Promise.all([imdb(), polarity()]);
  // The labels of one collection; of the other only its words.
  const [train, test] = split(few.reviews);
  const unlabelled = [...train, ...many.reviews];
  const vocabulary = vocabularyOf(unlabelled, { minCount: 3, most: plan.words });
  const { length } = plan;
  const config: BertConfig = {
    ...plan.size,
    vocabSize: markOf(vocabulary).total,
    contextLength: length,
  };
  run.say(
    `${unlabelled.length} reviews to foretell words of, ${train.length} with labels, ${test.length} to judge by; ` +
      `${vocabulary.size} words`,
  );
  const masked = new BertForMaskedLM(config);
  const chunks = unlabelled.flatMap((review) => chunksOf(review, length - 1));
  const loss = await pretrain(masked, rowsOf(chunks, vocabulary, length), vocabulary, {
    ...plan.pretrain,
    seed,
    report: (step, value) =>
      run.say(`step ${step}: loss of a hidden word ${value.toFixed(3)} nats`),
  });
  run.measure({ what: 'hidden words', value: loss, unit: 'nats', digits: 3 });

  const rows = [rowsOf(train, vocabulary, length), rowsOf(test, vocabulary, length)] as const;
  manualSeed(seed);
  const fresh = new BertForSequenceClassification(config, 2);
  const scratch = await classify(fresh, ...rows, { ...plan.classify, seed });
  manualSeed(seed);
  const tuned = new BertForSequenceClassification(config, 2);
  // All but the pooling layer and the classifier, which masked words do not have.
  tuned.loadStateDict(await bodyOf(masked), { strict: false });
  const pretrained = await classify(tuned, ...rows, { ...plan.classify, seed });
  run.table(
    ['start', 'right'],
    [
      ['from nothing', `${(100 * scratch).toFixed(1)} %`],
      ['from hidden words', `${(100 * pretrained).toFixed(1)} %`],
    ],
  );
  run.measure({ what: 'right, trained from nothing', value: 100 * scratch, unit: '%', digits: 1 });
  run.measure({
    what: 'right, pre-trained on hidden words',
    value: 100 * pretrained,
    unit: '%',
    digits: 1,
    atLeast: plan.atLeast,
  });
  if (!quick) {
    run.check(pretrained > scratch, 'pre-training did not help');
  }
  const [, testRows] = rows;
  await ship(run, {
    name: 'bert',
    model: (ids: Tensor) => softmax(tuned.eval().forward(ids, { attentionMask: ids.ne(0) })),
    input: { ids: { shape: ['batch', length], dtype: 'int32' } },
    output: ['probabilities'],
    cases: [0, 1, 2].map((i) => ({
      ids: tensor(testRows.ids.slice(i * length, (i + 1) * length), { shape: [1, length] }),
    })),
    shapes: [{ batch: 1 }],
    opset: 23,
  });
}

async function bodyOf(model: BertForMaskedLM) {
  const state = Object.entries(await model.stateDict());
  return Object.fromEntries(state.filter(([name]) => name.startsWith('bert.')));
}

/** A review in pieces of so many words, so that all of it is read. */
function chunksOf({ words, label }: Review, most: number): Review[] {
  const pieces: Review[] = [];
  for (let at = 0; at < words.length; at += most) {
    pieces.push({ label, words: words.slice(at, at + most) });
  }
  return pieces.filter((piece) => piece.words.length > most / 4);
}

export const bert: Example = {
  name: 'bert',
  summary:
    'Film reviews by an encoder pre-trained on hidden words, against one trained from nothing',
  run: learn,
};
