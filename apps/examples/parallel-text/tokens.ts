/** Pieces of words of both languages, and how they travel to a worker. */
import { BytePairTokenizer } from '@hebb/data';
import { special } from './batches.ts';
import type { Tokenizer } from './batches.ts';

/** The content of a `tokenizer.json`. */
export type SavedTokenizer = object;

/** A sentence's first word is spelled like the others, with a space before it. */
const spaced = (text: string): string => ` ${text.trim()}`;

/** From the texts of the training part. */
export function learnTokenizer(texts: readonly string[], size: number): SavedTokenizer {
  return BytePairTokenizer.train(texts.map(spaced), { vocabularySize: size, special }).toJSON();
}

export function openTokenizer(saved: SavedTokenizer): Tokenizer {
  const tokenizer = BytePairTokenizer.fromJSON(saved);
  return {
    size: tokenizer.size,
    encode: (text) => tokenizer.encode(spaced(text)),
    decode: (ids) => tokenizer.decode(ids).trimStart(),
  };
}
