/** Training with teacher forcing, and translation by the likeliest word each time. */
import { compile, full, gather, reshape, scatter, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { padSequences } from '@hebb/data';
import { withMode } from '@hebb/nn';
import { greedySearch, lengthMask, perplexity, sequenceCrossEntropy } from '@hebb/ops';
import { AdamW, clipGradNorm } from '@hebb/train';
import { batchOf, end, epochOf, padding, start, widthFor } from '../parallel-text/batches.ts';
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

interface State {
  /** int32 [N, most]: what was said so far. */
  readonly said: Tensor;
  /** int32 [N]: how many words that is. */
  readonly count: Tensor;
  readonly memory: Tensor;
  readonly lengths: Tensor;
}

/** Sentences translated 32 at a time; the decoder reads all that it has said at each step. */
export async function translate(
  model: CaptionTransformer,
  texts: readonly string[],
  from: Tokenizer,
  to: Tokenizer,
  most: number,
): Promise<string[]> {
  const together = 32;
  const encode = compile((ids: Tensor, lengths: Tensor) =>
    withMode(model, false, () => model.encode(ids, lengths)),
  );
  const step = compile((tokens: Tensor, { said, count, memory, lengths }: State) =>
    withMode(model, false, () => {
      const at = reshape(count.narrow(0, 0, 1), [1]);
      const next = scatter(said, at, reshape(tokens, [together, 1]), 1);
      const x = gather(model.decode(next, memory, lengths), at, 1);
      const logits = reshape(model.logits(x), [together, model.size.targetWords]);
      return [logits, { said: next, count: count.add(1), memory, lengths }] as const;
    }),
  );
  const results: string[] = [];
  for (let at = 0; at < texts.length; at += together) {
    const lists = texts
      .slice(at, at + together)
      .map((text) => [...Array.from(from.encode(text)), end].slice(-most));
    const real = lists.length;
    while (lists.length < together) lists.push([end]);
    const longest = Math.max(...lists.map(({ length }) => length));
    const rows = padSequences(lists, { fill: padding, length: widthFor(longest) ?? longest });
    const lengths = tensor(rows.lengths);
    const memory = await encode(tensor(rows.data, { shape: rows.shape }), lengths);
    const said = full([together, most], padding, 'int32');
    const count = full([together], 0, 'int32');
    const search = { start, end, maxLength: most, batch: together };
    const found = await greedySearch(step, { said, count, memory, lengths }, search);
    results.push(...found.slice(0, real).map((ids) => to.decode(ids)));
  }
  for (const each of [encode, step]) each.dispose();
  return results;
}
