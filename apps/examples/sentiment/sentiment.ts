/** Whether a review praises its film: word by word with an LSTM, and by its words alone. */
import { tensor } from '@hebb/core';
import { stratifiedKFold } from '@hebb/train';
import type { Example, Run } from '../common/example.ts';
import { integer } from '../common/options.ts';
import { ship } from '../common/ship.ts';
import { imdb, polarity } from './corpora.ts';
import type { Collection } from './corpora.ts';
import { sequences } from './features.ts';
import { bagAccuracy, trainNet } from './train.ts';
import type { BagPlan, NetPlan, Split, TrainedNet } from './train.ts';

const bag: BagPlan = { epochs: 10, minCount: 2, most: 20_000 };
const net = {
  epochs: 10,
  minCount: 3,
  most: 8000,
  embedding: 32,
  hidden: 32,
  dropout: 0.5,
  lr: 5e-3,
} as const;

interface Plan {
  readonly open: () => Promise<Collection>;
  /** Most words that the LSTM reads of a review. */
  readonly length: number;
  /** Share of reviews that each must have right. */
  readonly bagAtLeast: number;
  readonly netAtLeast: number;
}

const plans: readonly Plan[] = [
  { open: imdb, length: 200, bagAtLeast: 80, netAtLeast: 72 },
  { open: polarity, length: 400, bagAtLeast: 84, netAtLeast: 66 },
];

interface Scores {
  readonly mean: number;
  /** Between folds. */
  readonly std: number;
}

function scoresOf(accuracies: readonly number[]): Scores {
  const mean = accuracies.reduce((a, b) => a + b, 0) / accuracies.length;
  const squares = accuracies.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  const std = accuracies.length > 1 ? Math.sqrt(squares / (accuracies.length - 1)) : 0;
  return { mean: 100 * mean, std: 100 * std };
}

const shown = ({ mean, std }: Scores): string => `${mean.toFixed(1)} ± ${std.toFixed(1)} %`;

async function shipNet(
  run: Run,
  { slug }: Collection,
  { model, vocabulary }: TrainedNet,
  { test }: Split,
  length: number,
): Promise<void> {
  model.eval();
  const row = (i: number, count = 1) => {
    const { ids, length: lengths } = sequences(test, vocabulary, length).batch(
      Array.from({ length: count }, (_, k) => i + k),
    );
    return {
      ids: tensor(ids.data as Int32Array, { shape: ids.shape }),
      length: tensor(lengths.data as Int32Array),
    };
  };
  await ship(run, {
    name: slug,
    several: true,
    model,
    input: {
      ids: { shape: ['batch', length], dtype: 'int32' },
      length: { shape: ['batch'], dtype: 'int32' },
    },
    output: ['logits'],
    cases: [row(0), row(1), row(2), row(3, 4)],
    shapes: [{ batch: 1 }],
    atol: 1e-4,
  });
}

async function judge(run: Run, plan: Plan, count: number): Promise<void> {
  const { quick, seed } = run.options;
  const collection = await plan.open();
  const { name, reviews } = collection;
  const length = quick ? 100 : plan.length;
  const netPlan: NetPlan = { ...net, length, ...(quick && { epochs: 5 }) };
  const folds = await stratifiedKFold(
    reviews.map(({ label }) => label),
    { folds: 5, seed },
  );
  const accuracies: { bag: number[]; net: number[] } = { bag: [], net: [] };
  let last: { split: Split; trained: TrainedNet } | undefined;
  for (const fold of folds.slice(0, count)) {
    const pick = (indices: Int32Array) => Array.from(indices, (i) => reviews[i]!);
    const split: Split = { train: pick(fold.train), test: pick(fold.test) };
    accuracies.bag.push(await bagAccuracy(split, bag, seed));
    const trained = await trainNet(split, netPlan, seed);
    accuracies.net.push(trained.accuracy);
    last = { split, trained };
    run.say(
      `${name}, fold ${fold.index + 1}: bag of words ${(100 * accuracies.bag.at(-1)!).toFixed(1)} %, ` +
        `LSTM ${(100 * trained.accuracy).toFixed(1)} % of ${split.test.length} held out`,
    );
  }
  const [words, lstm] = [scoresOf(accuracies.bag), scoresOf(accuracies.net)];
  run.measure({
    what: `${name}: bag of words, accuracy`,
    value: words.mean,
    unit: '%',
    digits: 1,
    ...(!quick && { atLeast: plan.bagAtLeast }),
  });
  run.measure({
    what: `${name}: LSTM, accuracy`,
    value: lstm.mean,
    unit: '%',
    digits: 1,
    ...(!quick && { atLeast: plan.netAtLeast }),
  });
  const better = accuracies.net.filter((x, i) => x > accuracies.bag[i]!).length;
  run.note(
    `${name}: better`,
    `the ${lstm.mean > words.mean ? 'LSTM' : 'bag of words'}: ${shown(words)} by words alone, ` +
      `${shown(lstm)} in order; the LSTM wins ${better} of ${count} folds`,
  );
  if (last !== undefined) await shipNet(run, collection, last.trained, last.split, length);
}

export const sentiment: Example = {
  name: 'sentiment',
  summary:
    'Tells whether film reviews praise or pan, by an LSTM with attention beside a logistic regression on their words',
  options: {
    folds: { type: 'string', help: 'folds that are trained, 1 to 5 (default 5; 1 with --quick)' },
  },
  async run(run) {
    const { quick, own } = run.options;
    const usual = quick ? 1 : 5;
    const folds = own['folds'] === undefined ? usual : integer('folds', own['folds'], 1);
    // The quick run has one collection.
    for (const plan of quick ? plans.slice(0, 1) : plans)
      await judge(run, plan, Math.min(5, folds));
  },
};
