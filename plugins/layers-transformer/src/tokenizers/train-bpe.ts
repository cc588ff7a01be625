/** Training of byte pair encodings. Sennrich et al. 2016, arXiv:1508.07909, on bytes as in GPT-2. */
import { fail } from '@hebb/core';
import { byteLetters, bytesAsLetters, wordPattern } from './bytes.ts';

export interface TrainBpeOptions {
  /** Tokens in all: 256 bytes, the special ones, and as many pairs as fit. */
  readonly vocabSize: number;
  /** Texts that are tokens of their own and never cut, such as `<|endoftext|>`. They come first. */
  readonly specialTokens?: readonly string[];
  /** Pairs that are rarer are not joined; default 2. */
  readonly minFrequency?: number;
}

/** A `tokenizer.json` as Hugging Face's libraries read it. */
export type TokenizerJson = Readonly<Record<string, unknown>>;

interface Word {
  readonly parts: string[];
  readonly count: number;
}
/** Tokens contain no space: a space is written as a letter. */
const keyOf = (a: string, b: string): string => `${a} ${b}`;

function countWords(texts: Iterable<string>): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.matchAll(wordPattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, count]) => ({ parts: [...bytesAsLetters(word)], count }));
}

/** How often each pair of neighbours occurs, and in which words. */
class Pairs {
  readonly counts = new Map<string, number>();
  readonly #words = new Map<string, Set<number>>();

  add(word: Word, index: number, sign: 1 | -1): void {
    for (let i = 0; i + 1 < word.parts.length; i++) {
      const key = keyOf(word.parts[i]!, word.parts[i + 1]!);
      const count = (this.counts.get(key) ?? 0) + sign * word.count;
      if (count > 0) this.counts.set(key, count);
      else this.counts.delete(key);
      if (sign < 0) continue;
      const words = this.#words.get(key);
      if (words === undefined) this.#words.set(key, new Set([index]));
      else words.add(index);
    }
  }
  /** The most frequent pair; among equals the first in the order of code units. */
  best(): [key: string, count: number] | undefined {
    let found: [string, number] | undefined;
    for (const entry of this.counts) {
      if (
        found === undefined ||
        entry[1] > found[1] ||
        (entry[1] === found[1] && entry[0] < found[0])
      ) {
        found = entry;
      }
    }
    return found;
  }
  wordsOf(key: string): readonly number[] {
    return [...(this.#words.get(key) ?? [])];
  }
}

function join(parts: string[], a: string, b: string): void {
  let to = 0;
  for (let i = 0; i < parts.length; i++) {
    const joined = parts[i] === a && parts[i + 1] === b;
    parts[to++] = joined ? a + b : parts[i]!;
    if (joined) i++;
  }
  parts.length = to;
}

/**
 * Learns a byte-level encoding from texts: the most frequent pair of neighbours becomes a token, again and
 * again. The result is a `tokenizer.json`, for `Tokenizer` and for Hugging Face's libraries. The same texts
 * give the same tokens.
 */
export function trainBpe(texts: Iterable<string>, options: TrainBpeOptions): TokenizerJson {
  const { vocabSize, specialTokens = [], minFrequency = 2 } = options;
  const least = 256 + specialTokens.length;
  if (!Number.isInteger(vocabSize) || vocabSize < least) {
    fail('trainBpe', 'vocabSize is too small', String(vocabSize), `at least ${least}`);
  }
  if (new Set(specialTokens).size !== specialTokens.length || specialTokens.includes('')) {
    fail('trainBpe', 'special tokens are distinct and not empty', specialTokens.join(', '));
  }
  const words = countWords(texts);
  const pairs = new Pairs();
  words.forEach((word, i) => pairs.add(word, i, 1));
  // By code point, as Hugging Face orders its alphabet.
  const vocabulary = [...specialTokens, ...[...byteLetters].sort()];
  const known = new Set(vocabulary);
  const merges: [string, string][] = [];
  while (vocabulary.length < vocabSize) {
    const best = pairs.best();
    if (best === undefined || best[1] < minFrequency) break;
    const [a, b] = best[0].split(' ') as [string, string];
    merges.push([a, b]);
    if (!known.has(a + b)) {
      known.add(a + b);
      vocabulary.push(a + b);
    }
    for (const index of pairs.wordsOf(best[0])) {
      const word = words[index]!;
      pairs.add(word, index, -1);
      join(word.parts, a, b);
      pairs.add(word, index, 1);
    }
  }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'ByteLevel',
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: {
      type: 'ByteLevel',
      add_prefix_space: true,
      trim_offsets: false,
      use_regex: true,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
      merges,
    },
  };
}
