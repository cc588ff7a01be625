/** Training with teacher forcing, and translation by the likeliest word each time. */
import { compile } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { SourceTextGenerator } from '@hebb/layers-transformer';
import { withMode } from '@hebb/nn';
import { lengthMask, perplexity, sequenceCrossEntropy } from '@hebb/ops';
import { AdamW, clipGradNorm } from '@hebb/train';
import { batchOf, end, epochOf } from '../parallel-text/batches.ts';
import type { EncodedPair, TextBatch, Tokenizer } from '../parallel-text/batches.ts';
import type { CaptionTransformer } from './model.ts';

type Tensors = Omit<TextBatch, 'tokens'>;

function lossOf(
  model: CaptionTransformer,
  batch: Tensors,
  options: { labelSmoothing: number; reduction: 'sum' | 'mean' },
): Tensor {
  const logits = model.forward(batch.source, batch.sourceLengths, batch.inputs);
  const mask = lengthMask(batch.targetLengths, batch.targets.shape[1]!);
  return sequenceCrossEntropy(logits, batch.targets, mask, options);
}

export interface TrainOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly warmUp: number;
  readonly seed: number;
  readonly validation: readonly EncodedPair[];
  readonly log: (line: string) => void;
}

/** AdamW with label smoothing; the rate warms up and falls in a straight line. */
export async function train(
  model: CaptionTransformer,
  pairs: readonly EncodedPair[],
  { epochs, batchSize, lr, warmUp, seed, validation, log }: TrainOptions,
): Promise<void> {
  model.train();
  const optimizer = new AdamW({ lr, betas: [0.9, 0.98], weightDecay: 1e-3 });
  optimizer.attach(model.parameters());
  const step = compile((batch: Tensors) => {
    const loss = lossOf(model, batch, { labelSmoothing: 0.1, reduction: 'mean' });
    optimizer.step(clipGradNorm(optimizer.gradients(loss), 1).grads);
    return loss;
  });
  const total = epochs * Math.floor(pairs.length / batchSize);
  let k = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const started = performance.now();
    let [sum, steps, tokens] = [0, 0, 0];
    for await (const { tokens: count, ...batch } of epochOf(pairs, epoch, { batchSize, seed })) {
      k += 1;
      optimizer.lr = lr * Math.min(k / warmUp, Math.max(0.01, (total - k) / (total - warmUp)));
      sum += Number(await (await step(batch)).item());
      steps += 1;
      tokens += count;
      if (!Number.isFinite(sum)) throw new Error(`the loss is ${sum} at step ${k}`);
    }
    const speed = tokens / ((performance.now() - started) / 1000);
    const held = perplexity(await heldOutLoss(model, validation));
    log(
      `epoch ${epoch + 1}/${epochs}  loss ${(sum / steps).toFixed(3)}  held-out perplexity ` +
        `${held.toFixed(2)}  ${(speed / 1000).toFixed(1)}k pieces/s`,
    );
  }
  step.dispose();
}

/** Held-out loss of a piece of a word, teacher forced. */
export async function heldOutLoss(
  model: CaptionTransformer,
  pairs: readonly EncodedPair[],
  batchSize = 64,
): Promise<number> {
  const run = compile((batch: Tensors) =>
    withMode(model, false, () => lossOf(model, batch, { labelSmoothing: 0, reduction: 'sum' })),
  );
  const longest = ({ source, target }: EncodedPair): number =>
    Math.max(source.length, target.length);
  const sorted = [...pairs].sort((a, b) => longest(a) - longest(b));
  let [total, tokens] = [0, 0];
  for (let at = 0; at < sorted.length; at += batchSize) {
    const { tokens: count, ...batch } = batchOf(sorted.slice(at, at + batchSize));
    total += Number(await (await run(batch)).item());
    tokens += count;
  }
  run.dispose();
  return total / tokens;
}

/** Sentences translated 32 at a time by the likeliest piece; keys and values of what was read are kept. */
export async function translate(
  model: CaptionTransformer,
  texts: readonly string[],
  from: Tokenizer,
  to: Tokenizer,
  most: number,
): Promise<string[]> {
  const batch = 32;
  const generator = new SourceTextGenerator(model, {
    batch,
    capacity: most + 1,
    sourceCapacity: most,
  });
  const results: string[] = [];
  for (let at = 0; at < texts.length; at += batch) {
    const lists = texts
      .slice(at, at + batch)
      .map((text) => [...Array.from(from.encode(text)), end].slice(-most));
    const real = lists.length;
    while (lists.length < batch) lists.push([end]);
    const options = { temperature: 0, maxNewTokens: most, endTokens: [end] };
    const found = await generator.generateBatch(lists, options);
    results.push(...found.slice(0, real).map((ids) => to.decode(ids)));
  }
  generator.dispose();
  return results;
}
