/** The model whose tokens are counted: the decoder of `infer`, as a GPT that generates. */
import { manualSeed } from '@hebb/core';
import { GPT } from '@hebb/layers-transformer';

const layers = 6;
const heads = 6;
const width = 384;
/** Characters of a text, and tokens that fit into the cache. */
export const vocabulary = 65;
export const capacity = 256;
/** Tokens of the prompt, and of the text behind it. */
export const promptLength = 16;
export const textLength = 112;

export const prompt: readonly number[] = Array.from(
  { length: promptLength },
  (_, i) => (i * 7 + 3) % vocabulary,
);

/** The same weights in every process. */
export function decoderModel(): GPT {
  manualSeed(0);
  const model = new GPT({ vocabSize: vocabulary, contextLength: capacity, layers, heads, width });
  // Larger than at the start of training, so that texts are no repetition of one token.
  for (const parameter of model.parameters()) {
    if (parameter.shape.length === 2) parameter.value = parameter.value.mul(3);
  }
  return model.eval();
}

/** Names of the caches, keys before values. */
export const cacheNames: readonly string[] = ['keys', 'values'].flatMap((kind) =>
  Array.from({ length: layers }, (_, i) => `${kind}.${i}`),
);
export const emptyCache = [1, heads, 0, width / heads] as const;
