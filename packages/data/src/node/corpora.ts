/** Collections of texts in the form in which they are published. */

import { join } from 'node:path';
import { DataError, reasonOf } from '../error.ts';
import { readTar } from './archive.ts';
import { readBytes } from './files.ts';

const utf8 = (bytes: Uint8Array, path: string): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DataError('readText', `${path} is not UTF-8 text`, { kind: 'corrupt', cause });
  }
};

/** The lines of a text file in UTF-8, gzip-compressed or not; what follows the last line's end is none. */
export async function readLines(path: string): Promise<string[]> {
  const lines = utf8(await readBytes(path), path).split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

export interface TextPair {
  readonly source: string;
  readonly target: string;
}

/**
 * Sentences of two files, line by line, as translations are published (Multi30k: `train.en.gz` and
 * `train.de.gz`). Pairs of which both sides are empty are left out.
 *
 * @throws DataError when the files differ in length, or one side of a pair is empty, naming the line.
 */
export async function readParallelText(source: string, target: string): Promise<TextPair[]> {
  const op = 'readParallelText';
  const [from, to] = await Promise.all([readLines(source), readLines(target)]);
  if (from.length !== to.length) {
    throw new DataError(op, `${source} and ${target} differ in length`, {
      kind: 'corrupt',
      got: `${from.length} and ${to.length} lines`,
    });
  }
  return from.flatMap((line, i) => {
    const pair = { source: line.trim(), target: to[i]!.trim() };
    if (pair.source !== '' && pair.target !== '') return [pair];
    if (pair.source === pair.target) return [];
    const path = pair.source === '' ? source : target;
    throw new DataError(op, `${path}, line ${i + 1}: it is empty, and the other file's is not`, {
      kind: 'corrupt',
    });
  });
}

export interface Review {
  /** Of a file, or a number. */
  readonly name: string;
  readonly text: string;
  /** 1: positive, 0: negative. */
  readonly label: 0 | 1;
}

/**
 * The 2,000 film reviews of `review_polarity.tar.gz` (Pang and Lee 2004): files `txt_sentoken/neg/*.txt` and
 * `pos/*.txt`, a sentence a line. The first three digits of a name are its number, by whose first digit the
 * authors divide them for cross-validation.
 */
export async function readReviewPolarity(path: string): Promise<Review[]> {
  const files = await readTar(path, /(^|\/)(neg|pos)\/[^/]+\.txt$/);
  if (files.length === 0) {
    throw new DataError('readReviewPolarity', `${path} holds no reviews`, {
      kind: 'missing',
      wanted: 'files neg/*.txt and pos/*.txt',
    });
  }
  return files.map(({ name, bytes }) => ({
    name: name.slice(name.lastIndexOf('/') + 1),
    // Some have a byte that is no UTF-8.
    text: new TextDecoder('windows-1252').decode(bytes),
    label: /(^|\/)pos\//.test(name) ? 1 : 0,
  }));
}

export interface EncodedReview {
  /** Numbers of words: 1 begins, 2 is any rarer word, others `index + 3`, as Keras has them. */
  readonly ids: Int32Array;
  readonly label: 0 | 1;
}

export interface ImdbReviews {
  readonly reviews: readonly EncodedReview[];
  /** Words by number; numbers 0 to 3 are `<pad>`, `<start>`, `<unknown>` and `<unused>`. */
  readonly words: readonly string[];
}

/**
 * Reviews as numbers of words, in the form of Keras's IMDB set: `imdb_dataset_test.json` (a list of `label` and
 * `values`, zeros in front) and `imdb_dataset_word_index_top20000.json`.
 *
 * @throws DataError naming file and review.
 */
export async function readImdb(
  folder: string,
  names: { readonly reviews?: string; readonly index?: string } = {},
): Promise<ImdbReviews> {
  const op = 'readImdb';
  const {
    reviews: list = 'imdb_dataset_test.json',
    index = 'imdb_dataset_word_index_top20000.json',
  } = names;
  const read = async (name: string): Promise<unknown> => {
    const path = join(folder, name);
    const text = utf8(await readBytes(path), path);
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new DataError(op, `${path} is no JSON: ${reasonOf(cause)}`, { kind: 'corrupt', cause });
    }
  };
  const [reviews, ranks] = [await read(list), await read(index)];
  const wrong = (what: string): never => {
    throw new DataError(op, `${join(folder, what)}`, { kind: 'corrupt' });
  };
  if (typeof ranks !== 'object' || ranks === null) return wrong(`${index} is no index of words`);
  const words = ['<pad>', '<start>', '<unknown>', '<unused>'];
  for (const [word, rank] of Object.entries(ranks)) {
    if (!Number.isInteger(rank) || rank < 1) wrong(`${index} has no rank for ${word}`);
    words[(rank as number) + 3] = word;
  }
  for (let id = 0; id < words.length; id++) words[id] ??= '<unused>';
  if (!Array.isArray(reviews)) return wrong(`${list} is no list of reviews`);
  return {
    words,
    reviews: reviews.map((review: { label?: unknown; values?: unknown } | null, i) => {
      const { label, values } = review ?? {};
      if ((label !== 0 && label !== 1) || !Array.isArray(values)) {
        return wrong(`${list}: review ${i} has no label or values`);
      }
      const bad = values.find((id) => !Number.isInteger(id) || id < 0 || id >= words.length);
      if (bad !== undefined) wrong(`${list}: review ${i} has a word beyond the index, ${bad}`);
      const first = values.findIndex((id) => id !== 0);
      return { ids: Int32Array.from(first < 0 ? [] : values.slice(first)), label };
    }),
  };
}
