/** Training on random windows of the text, and the loss on the held-out tenth. */
import { compile } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { nextTokenLoss, tokenWindows } from '@hebb/layers-transformer';
import type { GPT } from '@hebb/layers-transformer';
import { decayGroups, withMode } from '@hebb/nn';
import { seededUniform } from '@hebb/ops';
import { AdamW, clipGradNorm } from '@hebb/train';

/** Loss on the text cut into windows side by side, at most `limit` of them. */
export async function evaluate(
  model: GPT,
  ids: Int32Array,
  { rows, limit = Infinity }: { rows: number; limit?: number },
): Promise<number> {
  const length = model.contextLength + 1;
  const run = compile((x: Tensor) => withMode(model, false, () => nextTokenLoss(model, x)));
  const places: number[] = [];
  for (let at = 0; at + length <= ids.length; at += length - 1) places.push(at);
  const chosen = places.slice(0, limit);
  let [total, count] = [0, 0];
  for (let i = 0; i + rows <= chosen.length; i += rows) {
    total += Number(await (await run(tokenWindows(ids, chosen.slice(i, i + rows), length))).item());
    count += 1;
  }
  run.dispose();
  return total / count;
}

export interface TrainOptions {
  readonly steps: number;
  readonly rows: number;
  readonly lr: number;
  readonly seed: number;
  /** Called now and then with what has been reached. */
  readonly report: (step: number, loss: number, secondsAStep: number) => Promise<void>;
  readonly every: number;
}

/** AdamW with warm-up and a cosine down to a tenth, weights decay, biases and norms do not. */
export async function train(model: GPT, ids: Int32Array, options: TrainOptions): Promise<void> {
  const { steps, rows, lr, seed, report, every } = options;
  model.train();
  const random = seededUniform(seed);
  const length = model.contextLength + 1;
  const optimizer = new AdamW({ lr, betas: [0.9, 0.99] }).attach(decayGroups(model, 0.1));
  const warmUp = Math.min(100, steps / 10);
  const rate = (k: number): number =>
    k < warmUp
      ? (lr * (k + 1)) / warmUp
      : lr * (0.1 + 0.45 * (1 + Math.cos((Math.PI * (k - warmUp)) / (steps - warmUp))));
  const step = compile((batch: Tensor) => {
    const loss = nextTokenLoss(model, batch);
    optimizer.step(clipGradNorm(optimizer.gradients(loss), 1).grads);
    return loss;
  });
  let started = performance.now();
  let [total, count] = [0, 0];
  for (let k = 0; k < steps; k++) {
    optimizer.lr = rate(k);
    const places = Array.from({ length: rows }, () => Math.floor(random() * (ids.length - length)));
    const loss = Number(await (await step(tokenWindows(ids, places, length))).item());
    if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss} at step ${k + 1}`);
    total += loss;
    count += 1;
    if ((k + 1) % every === 0 || k + 1 === steps) {
      await report(k + 1, total / count, (performance.now() - started) / count / 1000);
      started = performance.now();
      [total, count] = [0, 0];
    }
  }
  step.dispose();
}
