/** Reviews as numbers: weighted bags of words, and padded rows of word numbers. */
import { ArrayDataset, Vocabulary, ndarray, padSequences } from '@hebb/data';

export interface Review {
  readonly words: readonly string[];
  /** 1: the film is praised. */
  readonly label: 0 | 1;
}

const labelsOf = (reviews: readonly Review[]): Int32Array =>
  Int32Array.from(reviews, ({ label }) => label);

/** What a bag of words counts as: tf-idf, `(1 + ln count) · (1 + ln((1 + n) / (1 + df)))`, rows of length 1. */
export class Bags {
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #rarity: Float32Array;

  /** Words and their rarity come from the training part. */
  constructor(train: readonly Review[], { minCount, most }: { minCount: number; most: number }) {
    const seen = new Map<string, number>();
    for (const { words } of train) {
      for (const word of new Set(words)) seen.set(word, (seen.get(word) ?? 0) + 1);
    }
    const kept = [...seen]
      .filter(([, count]) => count >= minCount)
      .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
      .slice(0, most);
    this.#vocabulary = new Map(kept.map(([word], id) => [word, id]));
    this.#rarity = Float32Array.from(
      kept,
      ([, count]) => 1 + Math.log((1 + train.length) / (1 + count)),
    );
  }

  get size(): number {
    return this.#rarity.length;
  }

  dataset(reviews: readonly Review[]) {
    const { size } = this;
    const x = new Float32Array(reviews.length * size);
    reviews.forEach(({ words }, i) => {
      const row = x.subarray(i * size, (i + 1) * size);
      for (const word of words) {
        const id = this.#vocabulary.get(word);
        if (id !== undefined) row[id]! += 1;
      }
      let squares = 0;
      for (let id = 0; id < size; id++) {
        if (row[id] === 0) continue;
        row[id] = (1 + Math.log(row[id]!)) * this.#rarity[id]!;
        squares += row[id]! ** 2;
      }
      if (squares > 0) for (let id = 0; id < size; id++) row[id]! /= Math.sqrt(squares);
    });
    return new ArrayDataset({
      x: ndarray(x, [reviews.length, size]),
      label: ndarray(labelsOf(reviews)),
    });
  }
}

/** Words of the training part that occur at least `minCount` times; 0 is padding. */
export function vocabularyOf(
  train: readonly Review[],
  { minCount, most }: { minCount: number; most: number },
): Vocabulary {
  // The words are there already: a line of them is taken apart at its spaces.
  return Vocabulary.from(
    train.map(({ words }) => words.join(' ')),
    {
      tokenize: (text) => text.split(' '),
      special: ['<pad>'],
      unknown: '<unk>',
      minCount,
      maxSize: most,
    },
  );
}

/** The beginning and the end of a long review, where the verdict stands. */
export function shortened(ids: Int32Array, length: number): Int32Array {
  if (ids.length <= length) return ids;
  const head = Math.floor(length / 4);
  const cut = new Int32Array(length);
  cut.set(ids.subarray(0, head));
  cut.set(ids.subarray(ids.length - (length - head)), head);
  return cut;
}

export function sequences(
  reviews: readonly Review[],
  vocabulary: Vocabulary,
  length: number,
): ArrayDataset<SequenceSample> {
  const rows = reviews.map(({ words }) =>
    shortened(
      Int32Array.from(words, (word) => vocabulary.id(word)),
      length,
    ),
  );
  const { data, shape, lengths } = padSequences(rows, { length });
  return new ArrayDataset({
    ids: ndarray(data, shape),
    length: ndarray(lengths),
    label: ndarray(labelsOf(reviews)),
  });
}

type Column = ReturnType<typeof ndarray>;
export type SequenceSample = {
  readonly ids: Column;
  readonly length: Column;
  readonly label: Column;
};
