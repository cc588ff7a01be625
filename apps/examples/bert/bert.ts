/** An encoder that first learns to foretell hidden words of film reviews, then whether a film is praised. */
import { manualSeed, tensor } from '@hebb/core';
import { BertForMaskedLM } from '@hebb/layers-transformer';
import type { BertConfig } from '@hebb/layers-transformer';
import { softmax } from '@hebb/nn';
import type { Tensor } from '@hebb/core';
import type { Example, Run } from '../common/example.ts';
import { ship } from '../common/ship.ts';
import { imdb, polarity } from '../sentiment/corpora.ts';
import { vocabularyOf } from '../sentiment/features.ts';
import type { Review } from '../sentiment/features.ts';
import { ReviewClassifier } from './model.ts';
import { classify, markOf, pretrain, rowsOf } from './train.ts';

const plans = {
  full: {
    size: { layers: 2, heads: 4, width: 128, hidden: 256, dropout: 0.1 },
    length: 64,
    words: 6000,
    labelled: 800,
    pretrain: { steps: 1500, batch: 48, lr: 1.5e-3 },
    classify: { steps: 300, batch: 48, lr: 5e-4 },
    atLeast: 70,
  },
  quick: {
    size: { layers: 1, heads: 2, width: 32, hidden: 64, dropout: 0 },
    length: 48,
    words: 1500,
    labelled: 800,
    pretrain: { steps: 120, batch: 16, lr: 3e-3 },
    classify: { steps: 80, batch: 16, lr: 2e-3 },
    atLeast: 45,
  },
} as const;

interface Split {
  /** Their words are read, not their labels. */
  readonly unlabelled: readonly Review[];
  /** Reviews whose labels are given, of those above. */
  readonly labelled: readonly Review[];
  readonly test: readonly Review[];
}

/** Every third review judges; of the others some have labels, praise and blame in turn as they come. */
function split(reviews: readonly Review[], labels: number): Split {
  const unlabelled = reviews.filter((_, i) => i % 3 !== 0);
  const every = unlabelled.length / Math.min(labels, unlabelled.length);
  const labelled = Array.from(
    { length: Math.floor(unlabelled.length / every) },
    (_, i) => unlabelled[Math.floor(i * every)]!,
  );
  return { unlabelled, labelled, test: reviews.filter((_, i) => i % 3 === 0) };
}

async function learn(run: Run): Promise<void> {
  const { quick, seed } = run.options;
  const plan = quick ? plans.quick : plans.full;
  const [few, many] = await Promise.all([imdb(), polarity()]);
  const { unlabelled, labelled, test } = split([...few.reviews, ...many.reviews], plan.labelled);
  const vocabulary = vocabularyOf(unlabelled, { minCount: 3, most: plan.words });
  const { length } = plan;
  const config: BertConfig = {
    ...plan.size,
    vocabSize: markOf(vocabulary).total,
    contextLength: length,
  };
  run.say(
    `${unlabelled.length} reviews to foretell words of, ${labelled.length} of them with labels, ${test.length} to judge by; ` +
      `${vocabulary.size} words`,
  );
  const masked = new BertForMaskedLM(config);
  const loss = await pretrain(masked, rowsOf(unlabelled, vocabulary, length), vocabulary, {
    ...plan.pretrain,
    seed,
    report: (step, value) =>
      run.say(`step ${step}: loss of a hidden word ${value.toFixed(3)} nats`),
  });
  run.measure({ what: 'hidden words', value: loss, unit: 'nats', digits: 3 });

  const rows = [rowsOf(labelled, vocabulary, length), rowsOf(test, vocabulary, length)] as const;
  manualSeed(seed);
  const fresh = new ReviewClassifier(config, 2);
  const scratch = await classify(fresh, ...rows, { ...plan.classify, seed });
  manualSeed(seed);
  const tuned = new ReviewClassifier(config, 2);
  // All but the classifier.
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
  const [, testRows] = rows;
  await ship(run, {
    name: 'bert',
    model: (ids: Tensor) => softmax(tuned.eval().forward(ids)),
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

export const bert: Example = {
  name: 'bert',
  summary:
    'Film reviews by an encoder pre-trained on hidden words, against one trained from nothing',
  run: learn,
};
