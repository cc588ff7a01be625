/** Training with teacher forcing, then with some of the decoder's own words; and the held-out loss. */
import { compile, stopGradient, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { withMode } from '@hebb/nn';
import { lengthMask, perplexity, scheduledSampling, sequenceCrossEntropy } from '@hebb/ops';
import { AdamW, OneCycleLR, clipGradNorm } from '@hebb/train';
import { batchOf, epochOf } from '../parallel-text/batches.ts';
import type { EncodedPair, TextBatch } from '../parallel-text/batches.ts';
import type { Translator } from './model.ts';

export interface TrainOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly labelSmoothing: number;
  /** Share of its own words that the decoder is fed in an epoch, counted from 0. */
  readonly own: (epoch: number) => number;
  readonly seed: number;
  readonly validation: readonly EncodedPair[];
  readonly log: (line: string) => void;
}

type Tensors = Omit<TextBatch, 'tokens'>;

function lossOf(logits: Tensor, batch: Tensors, labelSmoothing: number, sum = false): Tensor {
  const mask = lengthMask(batch.targetLengths, batch.targets.shape[1]!);
  return sequenceCrossEntropy(logits, batch.targets, mask, {
    labelSmoothing,
    reduction: sum ? 'sum' : 'mean',
  });
}

export async function train(
  model: Translator,
  pairs: readonly EncodedPair[],
  options: TrainOptions,
): Promise<void> {
  const { epochs, batchSize, lr, labelSmoothing, own, seed, validation, log } = options;
  const { encoder, decoder } = model;
  model.train();
  const totalSteps = epochs * Math.floor(pairs.length / batchSize);
  const optimizer = new AdamW({ lr, betas: [0.9, 0.98], weightDecay: 1e-3 });
  optimizer.attach(model.parameters());
  const schedule = new OneCycleLR({ maxLr: lr, totalSteps, pctStart: 0.15 });
  schedule.attach(optimizer);
  const update = (loss: Tensor): Tensor => {
    optimizer.step(clipGradNorm(optimizer.gradients(loss), 1).grads);
    return loss;
  };
  const forced = compile((batch: Tensors) => {
    const logits = model.forward(batch.source, batch.sourceLengths, batch.inputs);
    return update(lossOf(logits, batch, labelSmoothing));
  });
  const sampled = compile((batch: Tensors, share: Tensor) => {
    const [values, state] = encoder.forward(batch.source, batch.sourceLengths);
    const memory = decoder.remember(values, batch.sourceLengths);
    // What the decoder would say, before any of it is fed back.
    const [first] = withMode(decoder, false, () => decoder.forward(batch.inputs, state, memory));
    const inputs = scheduledSampling(batch.inputs, stopGradient(first), share);
    const [logits] = decoder.forward(inputs, state, memory);
    return update(lossOf(logits, batch, labelSmoothing));
  });
  const judge = validator(model);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const started = performance.now();
    const share = own(epoch);
    let [total, steps, tokens] = [0, 0, 0];
    for await (const { tokens: count, ...batch } of epochOf(pairs, epoch, { batchSize, seed })) {
      const loss = share > 0 ? sampled(batch, tensor(share)) : forced(batch);
      total += Number(await (await loss).item());
      schedule.step();
      steps += 1;
      tokens += count;
      if (!Number.isFinite(total)) throw new Error(`the loss is ${total} at step ${steps}`);
    }
    const speed = tokens / ((performance.now() - started) / 1000);
    log(
      `epoch ${epoch + 1}/${epochs}  loss ${(total / steps).toFixed(3)}  held-out perplexity ` +
        `${perplexity(await judge.meanLoss(validation)).toFixed(2)}  ${(speed / 1000).toFixed(1)}k pieces/s` +
        (share > 0 ? `  ${Math.round(100 * share)} % of its own` : ''),
    );
  }
  for (const each of [forced, sampled, judge]) each.dispose();
}

/** Held-out loss of a word, teacher forced. */
export function validator(model: Translator) {
  const run = compile((batch: Tensors) =>
    withMode(model, false, () =>
      lossOf(model.forward(batch.source, batch.sourceLengths, batch.inputs), batch, 0, true),
    ),
  );
  return {
    async meanLoss(pairs: readonly EncodedPair[], batchSize = 64): Promise<number> {
      const sorted = [...pairs].sort(
        (a, b) =>
          Math.max(a.source.length, a.target.length) - Math.max(b.source.length, b.target.length),
      );
      let [total, tokens] = [0, 0];
      // Sizes of batches are programs too: the last one is filled up with what does not count.
      for (let at = 0; at < sorted.length; at += batchSize) {
        const { tokens: count, ...batch } = batchOf(sorted.slice(at, at + batchSize));
        total += Number(await (await run(batch)).item());
        tokens += count;
      }
      return total / tokens;
    },
    dispose: () => run.dispose(),
  };
}
