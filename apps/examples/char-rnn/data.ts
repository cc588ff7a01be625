/** Shakespeare's plays as streams of characters. */
import { readFile } from 'node:fs/promises';
import { Vocabulary, characters } from '@hebb/data';
import { dataPath } from '../common/data.ts';

export const file = 'datasets/tinyshakespeare/input.txt';
const address =
  'https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt';

export interface Corpus {
  readonly vocabulary: Vocabulary;
  readonly train: Int32Array;
  /** The last tenth. */
  readonly validation: Int32Array;
}

export async function corpus(): Promise<Corpus> {
  const text = await readFile(dataPath(file, address), 'utf8');
  const vocabulary = Vocabulary.from([text], { tokenize: characters });
  const ids = vocabulary.encode(text);
  const cut = Math.floor(0.9 * ids.length);
  return { vocabulary, train: ids.subarray(0, cut), validation: ids.subarray(cut) };
}

/**
 * The text as `rows` streams side by side, cut into pieces of `steps` characters: piece k of every row goes
 * on where piece k - 1 ended. Each piece has one character more, the last one to be foretold.
 */
export function* pieces(ids: Int32Array, rows: number, steps: number): Iterable<Int32Array> {
  const length = Math.floor((ids.length - 1) / rows);
  for (let at = 0; at + steps <= length; at += steps) {
    const piece = new Int32Array(rows * (steps + 1));
    for (let row = 0; row < rows; row++) {
      const from = row * length + at;
      piece.set(ids.subarray(from, from + steps + 1), row * (steps + 1));
    }
    yield piece;
  }
}

/** Bits per character of a model that knows how often each character follows each: what training must beat. */
export function bigramBits({ train, validation, vocabulary }: Corpus): number {
  const { size } = vocabulary;
  const counts = new Float64Array(size * size).fill(0.1);
  for (let i = 1; i < train.length; i++) counts[train[i - 1]! * size + train[i]!]! += 1;
  let bits = 0;
  for (let i = 1; i < validation.length; i++) {
    const row = counts.subarray(validation[i - 1]! * size, (validation[i - 1]! + 1) * size);
    bits -= Math.log2(row[validation[i]!]! / row.reduce((a, b) => a + b, 0));
  }
  return bits / (validation.length - 1);
}
