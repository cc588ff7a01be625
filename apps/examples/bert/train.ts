/** Masked words, then labels. */
import { compile, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Vocabulary } from '@hebb/data';
import type { BertForMaskedLM, BertForSequenceClassification } from '@hebb/layers-transformer';
import { crossEntropy, withMode } from '@hebb/nn';
import type { Module } from '@hebb/nn';
import { seededUniform } from '@hebb/ops';
import { AdamW, clipGradNorm } from '@hebb/train';
import type { Review } from '../sentiment/features.ts';

/** Reviews as rows of one length: a first token that is classified, then the last words. */
export interface Rows {
  readonly ids: Int32Array;
  readonly labels: Int32Array;
  readonly count: number;
  readonly length: number;
}

/** Numbers behind those of the words. */
export const markOf = ({ size }: Vocabulary) => ({ first: size, mask: size + 1, total: size + 2 });

export function rowsOf(reviews: readonly Review[], vocabulary: Vocabulary, length: number): Rows {
  const ids = new Int32Array(reviews.length * length);
  reviews.forEach(({ words }, i) => {
    ids[i * length] = markOf(vocabulary).first;
    const encoded = vocabulary.encode(words.slice(-(length - 1)).join(' '));
    ids.set(encoded.subarray(0, length - 1), i * length + 1);
  });
  const labels = Int32Array.from(reviews, ({ label }) => label);
  return { ids, labels, count: reviews.length, length };
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

/**
 * Foretells words that are hidden, 15 in 100: of these 80 become the mask, 10 another word, 10 stay (Devlin et
 * al. 2018, section 3.1). Returns the mean loss of the last quarter of the steps.
 */
export async function pretrain(
  model: BertForMaskedLM,
  rows: Rows,
  vocabulary: Vocabulary,
  options: StepOptions & { readonly report: (step: number, loss: number) => void },
): Promise<number> {
  const { steps, batch, seed, report } = options;
  const { length } = rows;
  const { mask, total } = markOf(vocabulary);
  const random = seededUniform(seed);
  model.train();
  const learner = stepper(model, options, (ids: Tensor, targets: Tensor) => {
    const logits = model.forward(ids, { attentionMask: ids.ne(0) });
    return crossEntropy(logits.reshape([-1, total]), targets.reshape([-1]), { ignoreIndex: -100 });
  });
  let [sum, count, late, lateCount] = [0, 0, 0, 0];
  for (let k = 0; k < steps; k++) {
    const ids = new Int32Array(batch * length);
    const targets = new Int32Array(batch * length).fill(-100);
    for (let row = 0; row < batch; row++) {
      const from = Math.floor(random() * rows.count) * length;
      ids.set(rows.ids.subarray(from, from + length), row * length);
    }
    for (let i = 0; i < ids.length; i++) {
      // Neither padding nor the first token.
      if (ids[i]! < 2 || i % length === 0 || random() >= 0.15) continue;
      targets[i] = ids[i]!;
      const choice = random();
      if (choice < 0.8) ids[i] = mask;
      else if (choice < 0.9) ids[i] = 2 + Math.floor(random() * (vocabulary.size - 2));
    }
    const shape = [batch, length];
    const loss = await learner.step(k, tensor(ids, { shape }), tensor(targets, { shape }));
    sum += loss;
    count += 1;
    if (k >= 0.75 * steps) {
      late += loss;
      lateCount += 1;
    }
    if ((k + 1) % Math.ceil(steps / 5) === 0) {
      report(k + 1, sum / count);
      [sum, count] = [0, 0];
    }
  }
  learner.dispose();
  return late / lateCount;
}

/** Learns labels; the share that is right afterwards. */
export async function classify(
  model: BertForSequenceClassification,
  train: Rows,
  test: Rows,
  options: StepOptions,
): Promise<number> {
  const { steps, batch, seed } = options;
  const random = seededUniform(seed);
  model.train();
  const learner = stepper(model, options, (ids: Tensor, labels: Tensor) =>
    crossEntropy(model.forward(ids, { attentionMask: ids.ne(0) }), labels),
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
    const picked = Array.from({ length: batch }, () => Math.floor(random() * train.count));
    await learner.step(k, ...take(train, picked));
  }
  learner.dispose();
  const judge = compile((ids: Tensor) =>
    withMode(model, false, () => model.forward(ids, { attentionMask: ids.ne(0) }).argmax(1)),
  );
  let right = 0;
  for (let at = 0; at < test.count; at += batch) {
    // The last batch is filled up with what does not count.
    const picked = Array.from({ length: batch }, (_, i) => Math.min(at + i, test.count - 1));
    const found = await (await judge(take(test, picked)[0])).data();
    for (let i = 0; i < batch && at + i < test.count; i++) {
      if (Number(found[i]) === test.labels[at + i]) right += 1;
    }
  }
  judge.dispose();
  return right / test.count;
}
