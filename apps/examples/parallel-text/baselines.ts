/** Translations that need no network: the source as it is, and one word for each word. */
import { Vocabulary, words } from '@hebb/data';
import type { TextPair } from '@hebb/data/node';

/** From a text to a text, as words separated by spaces. */
export type Translation = (text: string) => string;

export const copy: Translation = (text) => words(text).join(' ');

/**
 * A dictionary learned from pairs of sentences: which word of the target most likely stands for each of the
 * source, whatever their places. IBM model 1 by expectation maximisation (Brown et al. 1993), with an empty
 * source word for those that nothing stands for. Unknown words are copied.
 */
export function wordByWord(
  pairs: readonly TextPair[],
  { rounds = 5 }: { readonly rounds?: number } = {},
): Translation {
  const none = '<none>';
  const from = Vocabulary.from(
    pairs.map(({ source }) => source),
    { special: [none] },
  );
  const to = Vocabulary.from(pairs.map(({ target }) => target));
  const sentences = pairs.map(({ source, target }) => ({
    source: [0, ...from.encode(source)],
    target: [...to.encode(target)],
  }));
  // One place for each pair of words that occur together.
  const places = new Map<number, number>();
  const links = sentences.map(({ source, target }) => {
    const link = new Int32Array(source.length * target.length);
    target.forEach((f, j) =>
      source.forEach((e, i) => {
        const key = e * to.size + f;
        let place = places.get(key);
        if (place === undefined) places.set(key, (place = places.size));
        link[j * source.length + i] = place;
      }),
    );
    return link;
  });
  let probability = new Float64Array(places.size).fill(1 / to.size);
  for (let round = 0; round < rounds; round++) {
    const counts = new Float64Array(places.size);
    const totals = new Float64Array(from.size);
    sentences.forEach(({ source, target }, s) => {
      const link = links[s]!;
      for (let j = 0; j < target.length; j++) {
        const row = j * source.length;
        let sum = 0;
        for (let i = 0; i < source.length; i++) sum += probability[link[row + i]!]!;
        for (let i = 0; i < source.length; i++) {
          const share = probability[link[row + i]!]! / sum;
          counts[link[row + i]!]! += share;
          totals[source[i]!]! += share;
        }
      }
    });
    for (const [key, place] of places) {
      counts[place]! /= totals[Math.floor(key / to.size)]!;
    }
    probability = counts;
  }
  const best = new Map<number, { readonly word: number; readonly p: number }>();
  for (const [key, place] of places) {
    const e = Math.floor(key / to.size);
    const p = probability[place]!;
    if (p > (best.get(e)?.p ?? 0)) best.set(e, { word: key % to.size, p });
  }
  const known = new Map(from.tokens.map((token, id) => [token, id]));
  return (text) =>
    words(text)
      .map((word) => {
        const found = best.get(known.get(word) ?? -1);
        return found === undefined ? word : to.tokens[found.word]!;
      })
      .join(' ');
}
