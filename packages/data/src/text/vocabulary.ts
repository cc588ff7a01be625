/** Text as numbers: vocabularies of characters or words. */

import { DataError } from '../error.ts';

/** The code points of a text. */
export const characters = (text: string): string[] => [...text];

/** Words, numbers and single punctuation marks of a text in lower case. */
export const words = (text: string): string[] =>
  text.toLowerCase().match(/[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*|\p{N}+|[^\s\p{L}\p{M}\p{N}]/gu) ??
  [];

export interface VocabularyOptions {
  /** How a text is taken apart: `words` (the default), `characters`, or one's own. */
  readonly tokenize?: (text: string) => readonly string[];
  /** What stands between tokens when they become a text again; '' for characters, else a space. */
  readonly separator?: string;
  /** Tokens that come first and that no text contains, such as `<pad>`, `<bos>`, `<eos>`. */
  readonly special?: readonly string[];
  /** The special token for what is not in the vocabulary; without one such a text is an error. */
  readonly unknown?: string;
  /** Least number of times that a token occurs, default 1. */
  readonly minCount?: number;
  /** Most tokens, special ones included; the most frequent are kept. */
  readonly maxSize?: number;
}

/** Tokens and their numbers: the special ones first, then by how often they occur, then by their text. */
export class Vocabulary {
  readonly tokens: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #special: ReadonlySet<number>;
  readonly #unknown: number | undefined;
  readonly #tokenize: (text: string) => readonly string[];
  readonly #separator: string;

  /** From the tokens themselves, as `tokens` of another vocabulary gives them. */
  constructor(tokens: readonly string[], options: VocabularyOptions = {}) {
    const { tokenize = words, special = [], unknown } = options;
    this.tokens = [...tokens];
    this.#ids = new Map(tokens.map((token, id) => [token, id]));
    if (this.#ids.size !== tokens.length) throw new DataError('Vocabulary', 'a token occurs twice');
    const all = unknown === undefined ? special : [...special, unknown];
    const missing = all.find((token) => !this.#ids.has(token));
    if (missing !== undefined) {
      throw new DataError('Vocabulary', 'a special token is not among the tokens', {
        got: missing,
      });
    }
    this.#special = new Set(all.map((token) => this.#ids.get(token)!));
    this.#unknown = unknown === undefined ? undefined : this.#ids.get(unknown);
    this.#tokenize = tokenize;
    this.#separator = options.separator ?? (tokenize === characters ? '' : ' ');
  }

  /** Counts the tokens of texts. */
  static from(texts: Iterable<string>, options: VocabularyOptions = {}): Vocabulary {
    const { tokenize = words, special = [], unknown, minCount = 1, maxSize = Infinity } = options;
    const first =
      unknown === undefined || special.includes(unknown) ? special : [...special, unknown];
    const counts = new Map<string, number>();
    for (const text of texts) {
      for (const token of tokenize(text)) counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    for (const token of first) counts.delete(token);
    const kept = [...counts]
      .filter(([, count]) => count >= minCount)
      .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
      .map(([token]) => token)
      .slice(0, Math.max(0, maxSize - first.length));
    return new Vocabulary([...first, ...kept], options);
  }

  get size(): number {
    return this.tokens.length;
  }

  /** The number of a token; throws when it is not there. */
  id(token: string): number {
    const found = this.#ids.get(token) ?? this.#unknown;
    if (found !== undefined) return found;
    throw new DataError('Vocabulary', 'a token is not in the vocabulary', {
      got: JSON.stringify(token),
      wanted: 'an `unknown` token to stand for it',
    });
  }

  /** Numbers of a text's tokens. */
  encode(text: string): Int32Array {
    return Int32Array.from(this.#tokenize(text), (token) => this.id(token));
  }

  /** The text of numbers; special tokens are left out unless asked for. */
  decode(ids: ArrayLike<number>, { special = false }: { readonly special?: boolean } = {}): string {
    return Array.from(ids)
      .filter((id) => special || !this.#special.has(id))
      .map((id) => {
        const token = this.tokens[id];
        if (token !== undefined) return token;
        throw new DataError('Vocabulary', 'there is no such token', {
          got: String(id),
          wanted: `0 to ${this.size - 1}`,
        });
      })
      .join(this.#separator);
  }
}

/**
 * Lists of numbers as rows of one array, filled up with `fill`; longer ones than `length` (default the
 * longest) are cut. Gives the rows [N, length] and the length of each that counts.
 */
export function padSequences(
  lists: readonly ArrayLike<number>[],
  {
    fill = 0,
    length = Math.max(1, ...lists.map((list) => list.length)),
  }: {
    readonly fill?: number;
    readonly length?: number;
  } = {},
): {
  readonly data: Int32Array;
  readonly shape: readonly [number, number];
  readonly lengths: Int32Array;
} {
  if (!Number.isInteger(length) || length < 1) {
    throw new DataError('padSequences', 'length is a positive whole number', {
      got: String(length),
    });
  }
  const data = new Int32Array(lists.length * length).fill(fill);
  const lengths = Int32Array.from(lists, (list, row) => {
    const count = Math.min(list.length, length);
    for (let i = 0; i < count; i++) data[row * length + i] = list[i]!;
    return count;
  });
  return { data, shape: [lists.length, length], lengths };
}
