/** Learning from text without labels: words are hidden and foretold. */
import { compile, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Vocabulary } from '@hebb/data';
import { crossEntropy, logSoftmax, withMode } from '@hebb/nn';
import { seededUniform } from '@hebb/ops';
import { AdamW, clipGradNorm } from '@hebb/train';
import type { HiddenWords } from './model.ts';
import { markOf, rowsOf, shuffle } from './reviews.ts';
import type { Pieces } from './reviews.ts';

/**
 * How often a word is to be foretold: frequent ones less, as they say little of a review, by the square root of their
 * frequency (Mikolov et al. 2013, arXiv:1310.4546, section 2.3).
 */
export interface Words {
  readonly weights: Float32Array;
  /** Of all words as they come. */
  readonly meanWeight: number;
  /** Logarithm of the share among the words that are to be foretold. */
  readonly frequency: Float32Array;
}

const rare = 3e-4;

export function wordsOf({ ids }: Pieces, vocabulary: Vocabulary): Words {
  const { total, first } = markOf(vocabulary);
  const counts = new Float64Array(total);
  // Neither padding, unknown words nor the first token.
  for (const id of ids) if (id > 1 && id < first) counts[id]! += 1;
  const all = counts.reduce((sum, count) => sum + count, 0);
  const weights = Float32Array.from(counts, (count) =>
    count === 0 ? 0 : Math.min(1, Math.sqrt((rare * all) / count)),
  );
  const weighted = counts.reduce((sum, count, id) => sum + count * weights[id]!, 0);
  const frequency = Float32Array.from(counts, (count, id) =>
    Math.log(((count + 0.01) * Math.max(weights[id]!, 0.01)) / weighted),
  );
  return { weights, meanWeight: weighted / all, frequency };
}

export interface PretrainPlan {
  readonly steps: number;
  /** Reviews of a step. */
  readonly reviews: number;
  /** Pieces that are shown of each. */
  readonly pieces: number;
  /** Share of words that are hidden. */
  readonly share: number;
  readonly lr: number;
  readonly weightDecay: number;
}

type Batch = readonly [ids: Tensor, places: Tensor, targets: Tensor, rest: Tensor];

/**
 * Pieces with words hidden: of these 80 in 100 become the mask, 10 another word, 10 stay (Devlin et al. 2018, section
 * 3.1). `targets` are those words at their places, -100 where fewer than usual were hidden; `rest` [reviews, words] is
 * how often each word was hidden or stands in a piece of the review that is not shown, in shares that sum to 1.
 */
function hide(
  pieces: Pieces,
  groups: readonly (readonly number[])[],
  vocabulary: Vocabulary,
  { weights, meanWeight }: Words,
  plan: PretrainPlan,
  random: () => number,
): Batch {
  const { length } = pieces;
  const { first, mask, total } = markOf(vocabulary);
  const rows = plan.reviews * plan.pieces;
  const room = Math.ceil(1.05 * plan.share * rows * length);
  const ids = new Int32Array(rows * length);
  const places = new Int32Array(room);
  const targets = new Int32Array(room).fill(-100);
  const rest = new Float32Array(plan.reviews * total);
  let count = 0;
  groups.forEach((group, r) => {
    const own = rest.subarray(r * total, (r + 1) * total);
    const start = r * plan.pieces * length;
    ids.set(rowsOf(pieces, group, group.length), start);
    for (const at of pieces.of[pieces.reviews[group[0]!]!]!) {
      if (group.includes(at)) continue;
      for (const id of pieces.ids.subarray(at * length, (at + 1) * length))
        own[id]! += weights[id]!;
    }
    for (let i = start; i < start + group.length * length && count < room; i++) {
      const id = ids[i]!;
      if (random() * meanWeight >= plan.share * weights[id]!) continue;
      places[count] = i;
      targets[count++] = id;
      own[id]! += weights[id]!;
      const choice = random();
      if (choice < 0.8) ids[i] = mask;
      else if (choice < 0.9) ids[i] = 2 + Math.floor(random() * (first - 2));
    }
    const sum = own.reduce((a, b) => a + b, 0);
    if (sum > 0) for (let id = 0; id < total; id++) own[id]! /= sum;
  });
  return [
    tensor(ids, { shape: [rows, length] }),
    tensor(places),
    tensor(targets),
    tensor(rest, { shape: [plan.reviews, total] }),
  ];
}

/** Every piece once, those shown together of one review each time anew. */
function groupsOf(pieces: Pieces, most: number, random: () => number): number[][] {
  const groups = pieces.of.flatMap((all) => {
    const mixed = shuffle([...all], random);
    return Array.from({ length: Math.ceil(mixed.length / most) }, (_, k) =>
      mixed.slice(k * most, (k + 1) * most),
    ).filter((group, k) => k === 0 || group.length >= most / 2);
  });
  return shuffle(groups, random);
}

export interface Losses {
  /** Nats of a hidden word, from its place. */
  readonly places: number;
  /** Nats of a word of the review that is not shown, from the mean over what is. */
  readonly reviews: number;
}

/** What the frequency of words alone reaches on such text, in nats of a hidden word from its place. */
export function frequencyLoss({ ids }: Pieces, { weights, frequency }: Words): number {
  let [sum, all] = [0, 0];
  for (const id of ids) {
    sum -= weights[id]! * frequency[id]!;
    all += weights[id]!;
  }
  return sum / all;
}

/**
 * The mean counts five times: it is what classification will stand on, and one prediction of hundreds of words is
 * worth more than as many that share one place each.
 */
const meanCounts = 5;

/** Foretells hidden words; returns the losses on held-out text at the end. */
export async function pretrain(
  model: HiddenWords,
  { read, held }: { readonly read: Pieces; readonly held: Pieces },
  vocabulary: Vocabulary,
  words: Words,
  plan: PretrainPlan,
  { seed, report }: { seed: number; report: (step: number, losses: Losses, held: Losses) => void },
): Promise<Losses> {
  const random = seededUniform(seed);
  const lossesOf = (...[ids, places, targets, rest]: Batch): [Tensor, Tensor] => {
    const foretold = model.forward(ids, places, plan.pieces);
    const shares = logSoftmax(foretold.reviews, 1).mul(rest).sum().neg();
    return [
      crossEntropy(foretold.places, targets, { ignoreIndex: -100 }),
      shares.div(plan.reviews),
    ];
  };
  const optimizer = new AdamW({ lr: plan.lr, weightDecay: plan.weightDecay, betas: [0.9, 0.98] });
  optimizer.attach(model.parameters());
  const step = compile((...batch: Batch) => {
    const losses = lossesOf(...batch);
    const loss = losses[0].add(losses[1].mul(meanCounts));
    optimizer.step(clipGradNorm(optimizer.gradients(loss), 1).grads);
    return losses;
  });
  const judge = compile((...batch: Batch) => withMode(model, false, () => lossesOf(...batch)));
  const heldLosses = async (): Promise<Losses> => {
    // The same pieces and hidden words each time.
    const own = seededUniform(7);
    const groups = groupsOf(held, plan.pieces, own);
    const mean = new Mean();
    for (
      let at = 0;
      at + plan.reviews <= Math.min(groups.length, 20 * plan.reviews);
      at += plan.reviews
    ) {
      const picked = groups.slice(at, at + plan.reviews);
      await mean.add(await judge(...hide(held, picked, vocabulary, words, plan, own)));
    }
    return mean.take();
  };
  model.train();
  const mean = new Mean();
  const warm = Math.max(1, Math.min(50, plan.steps / 10));
  let waiting: number[][] = [];
  for (let k = 0; k < plan.steps; k++) {
    optimizer.lr = plan.lr * Math.min((k + 1) / warm, (plan.steps - k) / (plan.steps - warm));
    while (waiting.length < plan.reviews) {
      waiting = [...groupsOf(read, plan.pieces, random), ...waiting];
    }
    const picked = waiting.splice(-plan.reviews);
    await mean.add(await step(...hide(read, picked, vocabulary, words, plan, random)));
    if ((k + 1) % Math.ceil(plan.steps / 10) === 0) report(k + 1, mean.take(), await heldLosses());
  }
  const last = await heldLosses();
  for (const each of [step, judge]) each.dispose();
  return last;
}

class Mean {
  #sums = [0, 0];
  #count = 0;
  async add(losses: readonly Tensor[]): Promise<void> {
    const values = await Promise.all(losses.map(async (loss) => Number(await loss.item())));
    if (!values.every(Number.isFinite)) throw new Error(`the losses are ${values.join(', ')}`);
    this.#sums = this.#sums.map((sum, i) => sum + values[i]!);
    this.#count += 1;
  }
  /** And begins anew. */
  take(): Losses {
    const [places = 0, reviews = 0] = this.#sums.map((sum) => sum / this.#count);
    this.#sums = [0, 0];
    this.#count = 0;
    return { places, reviews };
  }
}
