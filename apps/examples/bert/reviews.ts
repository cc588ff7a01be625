/** Reviews in parts that share nothing, and in pieces of one length. */
import { permutation } from '@hebb/data';
import type { Vocabulary } from '@hebb/data';
import type { Review } from '../sentiment/features.ts';

export interface Parts {
  /** Their words are read; of some the label is given as well. */
  readonly read: readonly Review[];
  /** Settings are chosen by these. */
  readonly validation: readonly Review[];
  /** Judged once. */
  readonly test: readonly Review[];
}

/** The same parts for the same seed. */
export function partsOf(
  reviews: readonly Review[],
  sizes: { readonly read: number; readonly validation: number; readonly test: number },
  seed: number,
): Parts {
  const order = Array.from(permutation(reviews.length, seed), (i) => reviews[i]!);
  const held = sizes.test + sizes.validation;
  return {
    test: order.slice(0, sizes.test),
    validation: order.slice(sizes.test, held),
    read: order.slice(held, held + sizes.read),
  };
}

/** Reviews whose labels are given, half of them praise: other ones for each draw. */
export function labelled(reviews: readonly Review[], count: number, draw: number): Review[] {
  const left = [Math.floor(count / 2), count - Math.floor(count / 2)];
  const chosen: Review[] = [];
  for (const i of permutation(reviews.length, 100 + draw)) {
    const review = reviews[i]!;
    if (left[review.label]! === 0) continue;
    left[review.label]! -= 1;
    chosen.push(review);
  }
  return chosen;
}

/** Numbers behind those of the words. */
export const markOf = ({ size }: Vocabulary) => ({ first: size, mask: size + 1, total: size + 2 });

/** Rows of one length, a first token before each. */
export interface Pieces {
  readonly ids: Int32Array;
  readonly count: number;
  readonly length: number;
  /** The rows of each review. */
  readonly of: readonly (readonly number[])[];
  /** Which review each row is from. */
  readonly reviews: Int32Array;
  /** Of each review. */
  readonly labels: Int32Array;
}

/** All words of the reviews; what is left over at the end of one counts when it is a quarter of a piece. */
export function piecesOf(
  reviews: readonly Review[],
  vocabulary: Vocabulary,
  length: number,
): Pieces {
  const most = length - 1;
  const pieces = reviews.flatMap(({ words }, review) =>
    Array.from({ length: Math.ceil(words.length / most) }, (_, k) => ({
      review,
      words: words.slice(k * most, (k + 1) * most),
    })).filter((piece, k) => k === 0 || piece.words.length >= most / 4),
  );
  const ids = new Int32Array(pieces.length * length);
  const of: number[][] = reviews.map(() => []);
  pieces.forEach(({ words, review }, i) => {
    of[review]!.push(i);
    ids[i * length] = markOf(vocabulary).first;
    ids.set(vocabulary.encode(words.join(' ')).subarray(0, most), i * length + 1);
  });
  return {
    ids,
    count: pieces.length,
    length,
    of,
    reviews: Int32Array.from(pieces, ({ review }) => review),
    labels: Int32Array.from(reviews, ({ label }) => label),
  };
}

/** In place. */
export function shuffle<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}

/** Rows one after the other, the rest zero. */
export function rowsOf(pieces: Pieces, picked: readonly number[], rows: number): Int32Array {
  const { ids, length } = pieces;
  const found = new Int32Array(rows * length);
  picked.forEach((at, i) => found.set(ids.subarray(at * length, (at + 1) * length), i * length));
  return found;
}
