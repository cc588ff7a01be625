/** Learning from labelled reviews, and being judged by others. */
import { compile, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { crossEntropy, withMode } from '@hebb/nn';
import { seededUniform } from '@hebb/ops';
import { AdamW, clipGradNorm } from '@hebb/train';
import type { ReviewClassifier } from './model.ts';
import { rowsOf, shuffle } from './reviews.ts';
import type { Pieces } from './reviews.ts';

/** What is chosen by the validation part. */
export interface Setting {
  /** Of the encoder; the layer that decides learns at a rate of its own. */
  readonly lr: number;
  readonly steps: number;
}

export const batch = { reviews: 8, pieces: 4 } as const;
const headLr = 5e-3;

/** So many of all, in passes of which each is in a new order. */
function* passes(all: readonly number[], random: () => number): Generator<number, never> {
  for (;;) yield* shuffle([...all], random);
}

/** Each step sees as many reviews of each class, some pieces of each; the rates warm up and fall in a straight line. */
export async function classify(
  model: ReviewClassifier,
  pieces: Pieces,
  { lr, steps }: Setting,
  seed: number,
): Promise<void> {
  const random = seededUniform(seed);
  const head = model.classifier.parameters();
  const optimizer = new AdamW({ lr, weightDecay: 0.01 }).attach([
    { parameters: model.parameters().filter((each) => !head.includes(each)), lr },
    { parameters: head, lr: headLr },
  ]);
  const step = compile((ids: Tensor, labels: Tensor) => {
    const loss = crossEntropy(model.forward(ids, batch.pieces), labels);
    optimizer.step(clipGradNorm(optimizer.gradients(loss), 1).grads);
    return loss;
  });
  const classes = [0, 1].map((label) =>
    passes(
      Array.from(pieces.labels.keys()).filter((i) => pieces.labels[i] === label),
      random,
    ),
  );
  const own = pieces.of.map((rows) => passes(rows, random));
  model.train();
  for (let k = 0; k < steps; k++) {
    const rate = Math.min((k + 1) / (0.1 * steps), (steps - k) / (0.9 * steps));
    const [body, last] = optimizer.groups;
    body!.lr = lr * rate;
    last!.lr = headLr * rate;
    const reviews = Array.from({ length: batch.reviews }, (_, i) => classes[i % 2]!.next().value);
    const picked = reviews.flatMap((review) =>
      Array.from({ length: batch.pieces }, () => own[review]!.next().value),
    );
    const loss = await step(
      tensor(rowsOf(pieces, picked, picked.length), { shape: [picked.length, pieces.length] }),
      tensor(Int32Array.from(reviews, (review) => pieces.labels[review]!)),
    );
    const value = Number(await loss.item());
    if (!Number.isFinite(value)) throw new Error(`the loss is ${value} at step ${k + 1}`);
  }
  step.dispose();
}

/** The percentage of reviews that is right: their pieces vote by their logits. */
export async function percentRight(model: ReviewClassifier, pieces: Pieces): Promise<number> {
  const rows = 64;
  const judge = compile((ids: Tensor) => withMode(model, false, () => model.forward(ids)));
  const votes = new Float64Array(pieces.of.length);
  for (let at = 0; at < pieces.count; at += rows) {
    // The last rows are filled up with what does not count.
    const picked = Array.from({ length: rows }, (_, i) => Math.min(at + i, pieces.count - 1));
    const ids = tensor(rowsOf(pieces, picked, rows), { shape: [rows, pieces.length] });
    const logits = await (await judge(ids)).data();
    for (let i = 0; i < rows && at + i < pieces.count; i++) {
      votes[pieces.reviews[at + i]!]! += Number(logits[2 * i + 1]) - Number(logits[2 * i]);
    }
  }
  judge.dispose();
  const right = votes.filter((vote, i) => Number(vote > 0) === pieces.labels[i]);
  return (100 * right.length) / votes.length;
}
