/** An encoder that first learns from reviews without labels, then from a few that have them. */
import { manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { softmax } from '@hebb/nn';
import type { BertConfig } from '@hebb/layers-transformer';
import { encodeTensors } from '@hebb/train';
import { dot, line } from '@observablehq/plot';
import { chart } from '../common/chart.ts';
import type { Example, Run } from '../common/example.ts';
import { ship } from '../common/ship.ts';
import { imdb, polarity } from '../sentiment/corpora.ts';
import { vocabularyOf } from '../sentiment/features.ts';
import { bagAccuracy } from '../sentiment/train.ts';
import { classify, percentRight } from './classify.ts';
import type { Setting } from './classify.ts';
import { HiddenWords, ReviewClassifier } from './model.ts';
import { frequencyLoss, pretrain, wordsOf } from './pretrain.ts';
import { labelled, markOf, partsOf, piecesOf } from './reviews.ts';
import type { Pieces } from './reviews.ts';

const plans = {
  full: {
    size: { layers: 2, heads: 4, width: 128, hidden: 256, dropout: 0.1 },
    length: 64,
    words: 6000,
    parts: { read: Infinity, validation: 300, test: 600 },
    pretrain: { steps: 1600, reviews: 16, pieces: 3, share: 0.15, lr: 3e-3, weightDecay: 0.05 },
    labels: [50, 100, 200, 400, 800],
    /** Where settings are chosen: for other numbers, the next smaller one's count, or the first's. */
    chosenAt: [100, 400],
    settings: [
      { lr: 3e-4, steps: 60 },
      { lr: 3e-4, steps: 200 },
      { lr: 1e-3, steps: 200 },
      { lr: 3e-3, steps: 200 },
    ],
    draws: 3,
  },
  quick: {
    size: { layers: 1, heads: 2, width: 32, hidden: 64, dropout: 0 },
    length: 48,
    words: 1500,
    parts: { read: 600, validation: 60, test: 100 },
    pretrain: { steps: 300, reviews: 6, pieces: 2, share: 0.15, lr: 5e-3, weightDecay: 0.05 },
    labels: [100],
    chosenAt: [100],
    settings: [
      { lr: 2e-3, steps: 30 },
      { lr: 5e-4, steps: 10 },
    ],
    draws: 1,
  },
} as const;

const scratch = 'from nothing';
const tuned = 'pre-trained on hidden words';
const bag = 'bag of words';
const ways = [scratch, tuned, bag] as const;
type Way = (typeof ways)[number];

interface Point {
  readonly labels: number;
  readonly draw: number;
  readonly how: Way;
  readonly percent: number;
}

/** Mean and standard deviation. */
function spreadOf(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return { mean, std: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
}

async function compare(run: Run): Promise<void> {
  const { quick, seed } = run.options;
  const plan = quick ? plans.quick : plans.full;
  const { length } = plan;
  const [few, many] = await Promise.all([imdb(), polarity()]);
  const parts = partsOf([...few.reviews, ...many.reviews], plan.parts, seed);
  const { read } = parts;
  const vocabulary = vocabularyOf(read, { minCount: 3, most: plan.words });
  const pieces = (reviews: typeof read) => piecesOf(reviews, vocabulary, length);
  const [text, validation, test] = [pieces(read), pieces(parts.validation), pieces(parts.test)];
  const config: BertConfig = {
    ...plan.size,
    vocabSize: markOf(vocabulary).total,
    contextLength: length,
  };
  run.say(
    `${read.length} reviews to read without labels, ${parts.validation.length} to choose settings by, ` +
      `${parts.test.length} to judge by; ${vocabulary.size} words`,
  );

  const started = performance.now();
  const words = wordsOf(text, vocabulary);
  const hidden = new HiddenWords(config, words.frequency);
  const losses = await pretrain(
    hidden,
    { read: text, held: validation },
    vocabulary,
    words,
    plan.pretrain,
    {
      seed,
      report: (step, own, held) =>
        run.say(
          `step ${step}: a hidden word from its place ${own.places.toFixed(3)} nats, held out ` +
            `${held.places.toFixed(3)}; from its review ${own.reviews.toFixed(3)}, held out ${held.reviews.toFixed(3)}`,
        ),
    },
  );
  const minutes = (performance.now() - started) / 60_000;
  const body = await bodyOf(hidden);
  await run.write('encoder.safetensors', await encodeTensors(body));
  run.note('pre-training', `${minutes.toFixed(1)} min`);
  run.measure({
    what: 'hidden words, by their frequency alone',
    value: frequencyLoss(validation, words),
    unit: 'nats',
    digits: 3,
  });
  run.measure({ what: 'hidden words', value: losses.places, unit: 'nats', digits: 3 });

  const learn = async (how: Way, own: Pieces, setting: Setting, draw: number) => {
    manualSeed(seed + draw);
    const model = new ReviewClassifier(config, 2);
    // All but the layer that decides.
    if (how === tuned) model.loadStateDict(body, { strict: false });
    await classify(model, own, setting, seed + draw);
    return model;
  };
  /** Draws that are not those of the test. */
  const choosing = 1000;
  const chosen = new Map<string, Setting>();
  for (const count of plan.settings.length > 1 ? plan.chosenAt : []) {
    const own = pieces(labelled(read, count, choosing));
    for (const how of [scratch, tuned] as const) {
      let best = -1;
      for (const setting of plan.settings) {
        const percent = await percentRight(await learn(how, own, setting, choosing), validation);
        run.say(
          `${count} labels, ${how}, rate ${setting.lr}, ${setting.steps} steps: ` +
            `${percent.toFixed(1)} % of the validation part`,
        );
        if (percent > best) chosen.set(`${how} ${count}`, setting);
        best = Math.max(best, percent);
      }
    }
  }
  const settingOf = (how: Way, count: number): Setting => {
    const at = plan.chosenAt.findLast((each) => each <= count) ?? plan.chosenAt[0];
    return chosen.get(`${how} ${at}`) ?? plan.settings[0];
  };

  const points: Point[] = [];
  let last: ReviewClassifier | undefined;
  for (const labels of plan.labels) {
    for (let draw = 0; draw < plan.draws; draw++) {
      const given = labelled(read, labels, draw);
      const own = pieces(given);
      for (const how of [scratch, tuned] as const) {
        last = await learn(how, own, settingOf(how, labels), draw);
        points.push({ labels, draw, how, percent: await percentRight(last, test) });
      }
      const bags = { epochs: 30, minCount: 1, most: 20_000 };
      const share = await bagAccuracy({ train: given, test: parts.test }, bags, seed + draw);
      points.push({ labels, draw, how: bag, percent: 100 * share });
      const now = points.slice(-3).map(({ how, percent }) => `${how} ${percent.toFixed(1)} %`);
      run.say(`${labels} labels, draw ${draw + 1}: ${now.join(', ')}`);
    }
  }
  await report(run, points, plan.labels, plan.draws, parts.test.length);
  await ship(run, {
    name: 'bert',
    model: (ids: Tensor) => softmax(last!.eval().forward(ids)),
    input: { ids: { shape: ['batch', length], dtype: 'int32' } },
    output: ['probabilities'],
    cases: [0, 1, 2].map((i) => ({
      ids: tensor(test.ids.slice(i * length, (i + 1) * length), { shape: [1, length] }),
    })),
    shapes: [{ batch: 1 }],
    opset: 23,
  });
}

async function report(
  run: Run,
  points: readonly Point[],
  counts: readonly number[],
  draws: number,
  judged: number,
): Promise<void> {
  const of = (labels: number, how: Way): number[] =>
    points.filter((each) => each.labels === labels && each.how === how).map((each) => each.percent);
  /** On the same labels, draw for draw. */
  const gained = (labels: number): number[] => {
    const before = of(labels, scratch);
    return of(labels, tuned).map((percent, draw) => percent - before[draw]!);
  };
  const shown = ({ mean, std }: { mean: number; std: number }): string =>
    `${mean.toFixed(1)} ± ${std.toFixed(1)}`;
  run.say(`Right of ${judged} reviews, mean and deviation of ${draws} draws of labels, percent`);
  run.table(
    ['labels', ...ways, 'gained'],
    counts.map((labels) => [
      labels,
      ...ways.map((how) => shown(spreadOf(of(labels, how)))),
      shown(spreadOf(gained(labels))),
    ]),
  );
  for (const labels of counts) {
    for (const how of ways) {
      const { mean } = spreadOf(of(labels, how));
      run.measure({ what: `${labels} labels, ${how}`, value: mean, unit: '%', digits: 1 });
    }
    const { mean, std } = spreadOf(gained(labels));
    run.measure({
      what: `${labels} labels, gained by hidden words`,
      value: mean,
      unit: 'points',
      digits: 1,
      ...(draws > 1 && labels <= 100 && { atLeast: 0 }),
    });
    if (draws > 1) run.note(`gained, ${labels} labels`, `± ${std.toFixed(1)} points between draws`);
  }
  const means = counts.flatMap((labels) =>
    ways.map((how) => ({ labels, how, percent: spreadOf(of(labels, how)).mean })),
  );
  await run.write(
    'labels.svg',
    chart({
      title: 'Reviews that are right by labels given, percent',
      grid: true,
      color: { legend: true },
      x: { type: 'log', ticks: [...counts], tickFormat: 'd', label: 'labels' },
      y: { label: null },
      marks: [
        line(means, { x: 'labels', y: 'percent', z: 'how', stroke: 'how', strokeWidth: 2 }),
        dot(points, { x: 'labels', y: 'percent', stroke: 'how', r: 2.5 }),
      ],
    }),
    { alt: 'Reviews that are right by labels given: from nothing, pre-trained, bag of words' },
  );
}

async function bodyOf({ lm }: HiddenWords) {
  const state = Object.entries(await lm.stateDict());
  return Object.fromEntries(state.filter(([name]) => name.startsWith('bert.')));
}

export const bert: Example = {
  name: 'bert',
  summary:
    'Film reviews by an encoder pre-trained on hidden words, against one trained from nothing',
  run: compare,
};
