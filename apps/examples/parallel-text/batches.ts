/** Pairs of sentences as padded rows of numbers, in batches of about the same length. */
import { tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { padSequences } from '@hebb/data';
import type { TextPair } from '@hebb/data/node';
import { BucketBatches } from '@hebb/train';

/** Text to numbers and back: a vocabulary of words or of pieces of words. */
export interface Tokenizer {
  readonly size: number;
  encode(text: string): ArrayLike<number>;
  decode(ids: ArrayLike<number>): string;
}

/** Numbers that both vocabularies begin with. */
export const special = ['<pad>', '<s>', '</s>'] as const;
export const [padding, start, end] = [0, 1, 2] as const;

export interface EncodedPair {
  /** With the end token. */
  readonly source: readonly number[];
  /** With the end token, without the start. */
  readonly target: readonly number[];
}

export const encodePair = (
  { source, target }: TextPair,
  from: Tokenizer,
  to: Tokenizer,
): EncodedPair => ({
  source: [...Array.from(from.encode(source)), end],
  target: [...Array.from(to.encode(target)), end],
});

/** Widths that rows are padded to: each is one compiled program. */
export const widths = [10, 12, 14, 16, 18, 20, 24, 30, 40, 56] as const;

/** The least width that holds a row; undefined for one longer than all. */
export const widthFor = (length: number): number | undefined =>
  widths.find((width) => width >= length);

export interface TextBatch {
  /** int32 [N, S] and its lengths [N]. */
  readonly source: Tensor;
  readonly sourceLengths: Tensor;
  /** int32 [N, T]: the start token and all of the target but its end, as teacher forcing feeds it. */
  readonly inputs: Tensor;
  /** int32 [N, T]: what should come out. */
  readonly targets: Tensor;
  readonly targetLengths: Tensor;
  /** Tokens of the targets. */
  readonly tokens: number;
}

export function batchOf(pairs: readonly EncodedPair[]): TextBatch {
  const longest = Math.max(
    ...pairs.map(({ source, target }) => Math.max(source.length, target.length)),
  );
  const length = widthFor(longest) ?? longest;
  const rows = (lists: readonly (readonly number[])[]) => {
    const { data, shape, lengths } = padSequences(lists, { fill: padding, length });
    return { ids: tensor(data, { shape }), lengths: tensor(lengths) };
  };
  const source = rows(pairs.map((pair) => pair.source));
  const targets = rows(pairs.map((pair) => pair.target));
  const inputs = rows(pairs.map(({ target }) => [start, ...target.slice(0, -1)]));
  return {
    source: source.ids,
    sourceLengths: source.lengths,
    inputs: inputs.ids,
    targets: targets.ids,
    targetLengths: targets.lengths,
    tokens: pairs.reduce((sum, { target }) => sum + target.length, 0),
  };
}

/** The batches of an epoch, pairs of like length together. */
export async function* epochOf(
  pairs: readonly EncodedPair[],
  epoch: number,
  { batchSize, seed }: { readonly batchSize: number; readonly seed: number },
): AsyncIterable<TextBatch> {
  const lengths = pairs.map(({ source, target }) => Math.max(source.length, target.length));
  const sampler = new BucketBatches(lengths, { batchSize, seed, dropLast: true });
  for (const indices of await sampler.batches(epoch)) {
    yield batchOf(Array.from(indices, (i) => pairs[i]!));
  }
}
