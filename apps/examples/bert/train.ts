/** Masked words, then labels. */
import { compile, gather, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Vocabulary } from '@hebb/data';
import type { BertForMaskedLM } from '@hebb/layers-transformer';
import { crossEntropy, softmax, withMode } from '@hebb/nn';
import type { Module } from '@hebb/nn';
import { seededUniform } from '@hebb/ops';
import { AdamW, clipGradNorm } from '@hebb/train';
import type { Review } from '../sentiment/features.ts';
import type { ReviewClassifier } from './model.ts';

/** Reviews in pieces of one length, a first token before each. */
export interface Rows {
  readonly ids: Int32Array;
  /** Of the piece's review. */
  readonly labels: Int32Array;
  /** Which review each piece is from. */
  readonly reviews: Int32Array;
  readonly count: number;
  readonly length: number;
}

/** Numbers behind those of the words. */
export const markOf = ({ size }: Vocabulary) => ({ first: size, mask: size + 1, total: size + 2 });

/** All words of the reviews; what is left over at the end of one counts when it is a quarter of a piece. */
export function rowsOf(reviews: readonly Review[], vocabulary: Vocabulary, length: number): Rows {
  const most = length - 1;
  const pieces = reviews.flatMap(({ words, label }, review) =>
    Array.from({ length: Math.ceil(words.length / most) }, (_, k) => ({
      review,
      label,
      words: words.slice(k * most, (k + 1) * most),
    })).filter((piece, k) => k === 0 || piece.words.length >= most / 4),
  );
  const ids = new Int32Array(pieces.length * length);
  pieces.forEach(({ words }, i) => {
    ids[i * length] = markOf(vocabulary).first;
    ids.set(vocabulary.encode(words.join(' ')).subarray(0, most), i * length + 1);
  });
  return {
    ids,
    labels: Int32Array.from(pieces, ({ label }) => label),
    reviews: Int32Array.from(pieces, ({ review }) => review),
    count: pieces.length,
    length,
  };
}

interface StepOptions {
  readonly steps: number;
  readonly batch: number;
  readonly lr: number;
  readonly seed: number;
}

/** A step of AdamW on a loss, the rate warming up and falling in a straight line. */
function stepper<Args extends readonly Tensor[]>(
  model: Module,
  { lr, steps }: StepOptions,
  loss: (...args: Args) => Tensor,
) {
  const optimizer = new AdamW({ lr, weightDecay: 0.01 }).attach(model.parameters());
  const run = compile((...args: Args) => {
    const value = loss(...args);
    optimizer.step(clipGradNorm(optimizer.gradients(value), 1).grads);
    return value;
  });
  const warm = Math.max(1, steps * 0.1);
  return {
    async step(k: number, ...args: Args): Promise<number> {
      optimizer.lr = lr * Math.min((k + 1) / warm, (steps - k) / (steps - warm));
      const value = Number(await (await run(...args)).item());
      if (!Number.isFinite(value)) throw new Error(`the loss is ${value} at step ${k + 1}`);
      return value;
    },
    dispose: () => run.dispose(),
  };
}

interface Hidden {
  /** int32 [N, T], some words replaced. */
  readonly ids: Tensor;
  /** int32 [K]: where the hidden words stand, counted through all rows. */
  readonly places: Tensor;
  /** int32 [K]: what they are; -100 where fewer than K were hidden. */
  readonly targets: Tensor;
}

/** A larger share than BERT's 0.15 teaches more a step: Wettig et al. 2022, arXiv:2202.08005. */
const share = 0.3;

/**
 * Rows with words hidden: of these 80 in 100 become the mask, 10 another word, 10 stay (Devlin et al. 2018, section
 * 3.1). The number of places is the same each time, so that one program serves all steps.
 */
function hide(
  rows: Rows,
  picked: readonly number[],
  vocabulary: Vocabulary,
  random: () => number,
): Hidden {
  const { length } = rows;
  const ids = new Int32Array(picked.length * length);
  picked.forEach((at, i) => ids.set(rows.ids.subarray(at * length, (at + 1) * length), i * length));
  const most = Math.ceil(share * ids.length);
  const places = new Int32Array(most);
  const targets = new Int32Array(most).fill(-100);
  let count = 0;
  for (let i = 0; i < ids.length && count < most; i++) {
    // Neither padding, unknown words nor the first token.
    if (ids[i]! < 2 || i % length === 0 || random() >= share) continue;
    places[count] = i;
    targets[count++] = ids[i]!;
    const choice = random();
    if (choice < 0.8) ids[i] = markOf(vocabulary).mask;
    else if (choice < 0.9) ids[i] = 2 + Math.floor(random() * (vocabulary.size - 2));
  }
  return {
    ids: tensor(ids, { shape: [picked.length, length] }),
    places: tensor(places),
    targets: tensor(targets),
  };
}

const pick = (rows: Rows, count: number, random: () => number): number[] =>
  Array.from({ length: count }, () => Math.floor(random() * rows.count));

/** Foretells hidden words. Returns the mean loss of the last quarter of the steps, in nats. */
export async function pretrain(
  model: BertForMaskedLM,
  rows: Rows,
  vocabulary: Vocabulary,
  options: StepOptions & { readonly report: (step: number, loss: number) => void },
): Promise<number> {
  const { steps, batch, seed, report } = options;
  const random = seededUniform(seed);
  const { width } = model.bert.config;
  model.train();
  const learner = stepper(model, options, (ids: Tensor, places: Tensor, targets: Tensor) => {
    const [sequence] = model.bert.forward(ids, { attentionMask: ids.ne(0) });
    // The whole vocabulary is weighed at the hidden places alone, a seventh of the work.
    const hidden = gather(sequence.reshape([-1, width]), places, 0);
    const logits = model.cls.forward(hidden, model.bert.embeddings.wordEmbeddings.weight.value);
    return crossEntropy(logits, targets, { ignoreIndex: -100 });
  });
  let [sum, count, late, lateCount] = [0, 0, 0, 0];
  for (let k = 0; k < steps; k++) {
    const { ids, places, targets } = hide(rows, pick(rows, batch, random), vocabulary, random);
    const loss = await learner.step(k, ids, places, targets);
    sum += loss;
    count += 1;
    if (k >= 0.75 * steps) {
      late += loss;
      lateCount += 1;
    }
    if ((k + 1) % Math.ceil(steps / 10) === 0) {
      report(k + 1, sum / count);
      [sum, count] = [0, 0];
    }
  }
  learner.dispose();
  return late / lateCount;
}

/** Learns the labels of pieces; the share of reviews that is right afterwards. */
export async function classify(
  model: ReviewClassifier,
  train: Rows,
  test: Rows,
  options: StepOptions,
): Promise<number> {
  const { steps, batch, seed } = options;
  const random = seededUniform(seed);
  model.train();
  const learner = stepper(model, options, (ids: Tensor, labels: Tensor) =>
    crossEntropy(model.forward(ids), labels),
  );
  const take = (rows: Rows, picked: readonly number[]): [ids: Tensor, labels: Tensor] => {
    const { length } = rows;
    const ids = new Int32Array(picked.length * length);
    picked.forEach((at, i) =>
      ids.set(rows.ids.subarray(at * length, (at + 1) * length), i * length),
    );
    const labels = Int32Array.from(picked, (at) => rows.labels[at]!);
    return [tensor(ids, { shape: [picked.length, length] }), tensor(labels)];
  };
  for (let k = 0; k < steps; k++) {
    await learner.step(k, ...take(train, pick(train, batch, random)));
  }
  learner.dispose();
  const judge = compile((ids: Tensor) =>
    withMode(model, false, () => softmax(model.forward(ids)).narrow(1, 1, 1)),
  );
  // A review is praise when its pieces say so on average.
  const praise = new Map<number, { sum: number; count: number; label: number }>();
  for (let at = 0; at < test.count; at += batch) {
    // The last batch is filled up with what does not count.
    const picked = Array.from({ length: batch }, (_, i) => Math.min(at + i, test.count - 1));
    const found = await (await judge(take(test, picked)[0])).data();
    for (let i = 0; i < batch && at + i < test.count; i++) {
      const review = test.reviews[at + i]!;
      const { sum, count } = praise.get(review) ?? { sum: 0, count: 0 };
      const label = test.labels[at + i]!;
      praise.set(review, { sum: sum + Number(found[i]), count: count + 1, label });
    }
  }
  judge.dispose();
  const right = [...praise.values()].filter(
    ({ sum, count, label }) => Number(sum / count > 0.5) === label,
  );
  return right.length / praise.size;
}
