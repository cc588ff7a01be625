/**
 * Byte-pair encoding over bytes, as GPT-2 has it: Sennrich et al. 2016, arXiv:1508.07909; Radford et al. 2019.
 * Training follows the order of ties of Hugging Face's `tokenizers`, and `tokenizer.json` is that library's
 * format, so that what is trained here works there.
 */

import { DataError } from '../error.ts';
import { learnMerges } from './byte-pair-training.ts';

/** Contractions, words, numbers and signs with the space before them, and other white space. */
const pattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** A printable character for each byte: itself where it has one, else one from U+0100 on. */
const byteCharacters: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte < 256 && byte !== 173);
    return String.fromCodePoint(printable ? byte : next++);
  });
})();
const byteOf = new Map(byteCharacters.map((character, byte) => [character, byte]));
const encoder = new TextEncoder();

const toCharacters = (text: string): string => {
  let characters = '';
  for (const byte of encoder.encode(text)) characters += byteCharacters[byte]!;
  return characters;
};

export interface TrainBytePairOptions {
  /** Most tokens, special ones and the 256 bytes included. Default 30,000. */
  readonly vocabularySize?: number;
  /** A pair that is seen less often is not merged. Default 2. */
  readonly minFrequency?: number;
  /** Tokens that no text contains, such as `<pad>`; they get the first numbers. */
  readonly special?: readonly string[];
}

interface Model {
  /** Tokens by number, spelled in characters that stand for bytes. */
  readonly tokens: readonly string[];
  /** Pairs of tokens in the order in which they are merged. */
  readonly merges: readonly (readonly [string, string])[];
  readonly special: readonly string[];
}

/** Most words whose tokens are remembered. */
const remembered = 1 << 16;

/**
 * Text as numbers of pieces of words; every text has an encoding, and `decode(encode(text))` is the text.
 *
 * ```ts
 * const tokenizer = BytePairTokenizer.train(lines, { vocabularySize: 4000, special: ['<pad>', '<s>', '</s>'] });
 * const ids = tokenizer.encode('two men on a bench');
 * await writeFile('tokenizer.json', JSON.stringify(tokenizer));
 * ```
 */
export class BytePairTokenizer {
  readonly tokens: readonly string[];
  readonly merges: readonly (readonly [string, string])[];
  readonly special: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #specialIds: ReadonlySet<number>;
  readonly #ranks: ReadonlyMap<string, number>;
  readonly #known = new Map<string, readonly number[]>();

  /** @throws DataError when a token occurs twice, or a byte, a merged token or a special one is not there. */
  constructor({ tokens, merges, special }: Model) {
    const op = 'BytePairTokenizer';
    this.tokens = tokens;
    this.merges = merges;
    this.special = special;
    this.#ids = new Map(tokens.map((token, id) => [token, id]));
    if (this.#ids.size < tokens.length) throw new DataError(op, 'a token occurs twice');
    const wanted = [...byteCharacters, ...special, ...merges.flatMap(([a, b]) => [a, b, a + b])];
    const lacking = wanted.find((token) => !this.#ids.has(token));
    if (lacking !== undefined) {
      throw new DataError(op, 'a token is not in the vocabulary', { got: JSON.stringify(lacking) });
    }
    this.#specialIds = new Set(special.map((token) => this.#ids.get(token)!));
    this.#ranks = new Map(merges.map(([a, b], rank) => [`${a} ${b}`, rank]));
  }

  /** Learns the merges of texts, the most frequent pair first. */
  static train(texts: Iterable<string>, options: TrainBytePairOptions = {}): BytePairTokenizer {
    const { vocabularySize = 30_000, minFrequency = 2, special = [] } = options;
    const least = 256 + special.length;
    if (!Number.isInteger(vocabularySize) || vocabularySize < least) {
      throw new DataError('BytePairTokenizer.train', 'vocabularySize is too small', {
        got: String(vocabularySize),
        wanted: `at least ${least}: the bytes and special tokens`,
      });
    }
    const counts = new Map<string, number>();
    for (const text of texts) {
      for (const [word] of text.matchAll(pattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    const tokens = [...special, ...[...byteCharacters].sort()];
    const ids = new Map(tokens.map((token, id) => [token, id]));
    const words = [...counts].map(([word, count]) => ({
      symbols: Array.from(toCharacters(word), (character) => ids.get(character)!),
      count,
    }));
    const merges: [string, string][] = [];
    // Two ways of merging may spell the same token, which has one number.
    learnMerges(words, { minFrequency }, (a, b) => {
      if (tokens.length >= vocabularySize) return undefined;
      const token = tokens[a]! + tokens[b]!;
      let id = ids.get(token);
      if (id === undefined) {
        id = tokens.push(token) - 1;
        ids.set(token, id);
      }
      merges.push([tokens[a]!, tokens[b]!]);
      return id;
    });
    return new BytePairTokenizer({ tokens, merges, special });
  }

  get size(): number {
    return this.tokens.length;
  }

  /** The number of a special token or one spelled in byte characters. */
  id(token: string): number {
    const found = this.#ids.get(token);
    if (found !== undefined) return found;
    throw new DataError('BytePairTokenizer', 'there is no such token', {
      got: JSON.stringify(token),
    });
  }

  /** Numbers of a text's tokens. What reads like a special token is text like any other. */
  encode(text: string): Int32Array {
    const ids: number[] = [];
    for (const [word] of text.matchAll(pattern)) {
      let found = this.#known.get(word);
      if (found === undefined) {
        found = this.#merge(Array.from(toCharacters(word)));
        if (this.#known.size >= remembered) this.#known.clear();
        this.#known.set(word, found);
      }
      ids.push(...found);
    }
    return Int32Array.from(ids);
  }

  #merge(symbols: string[]): number[] {
    while (symbols.length > 1) {
      let [best, rank] = [-1, Infinity];
      for (let i = 0; i + 1 < symbols.length; i++) {
        const found = this.#ranks.get(`${symbols[i]!} ${symbols[i + 1]!}`);
        if (found !== undefined && found < rank) [best, rank] = [i, found];
      }
      if (best < 0) break;
      symbols.splice(best, 2, symbols[best]! + symbols[best + 1]!);
    }
    return symbols.map((symbol) => this.#ids.get(symbol)!);
  }

  /** The text of numbers; special tokens are left out unless asked for. Broken UTF-8 becomes U+FFFD. */
  decode(ids: ArrayLike<number>, { special = false }: { readonly special?: boolean } = {}): string {
    let text = '';
    let bytes: number[] = [];
    const flush = (): void => {
      text += new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
      bytes = [];
    };
    for (let i = 0; i < ids.length; i++) {
      const token = this.tokens[ids[i]!];
      if (token === undefined) {
        throw new DataError('BytePairTokenizer', 'there is no such token', {
          got: String(ids[i]),
          wanted: `0 to ${this.size - 1}`,
        });
      }
      if (!this.#specialIds.has(ids[i]!)) {
        for (const character of token) bytes.push(byteOf.get(character)!);
      } else if (special) {
        flush();
        text += token;
      }
    }
    flush();
    return text;
  }

  /** The content of a `tokenizer.json`, which Hugging Face's libraries read. */
  toJSON(): object {
    const level = {
      type: 'ByteLevel',
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    };
    return {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: this.special.map((content) => ({
        id: this.id(content),
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
      normalizer: null,
      pre_tokenizer: level,
      post_processor: { ...level, trim_offsets: false },
      decoder: level,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries(this.tokens.map((token, id) => [token, id])),
        merges: this.merges,
      },
    };
  }

  /**
   * From what `toJSON` gave, or a `tokenizer.json` of the same kind: byte-level, without normaliser or prefix
   * space. For other kinds take Hugging Face's own library, `@huggingface/tokenizers`.
   */
  static fromJSON(json: unknown): BytePairTokenizer {
    const op = 'BytePairTokenizer.fromJSON';
    const file = json as Partial<TokenizerFile> | null;
    const { type, vocab, merges } = file?.model ?? {};
    const level = file?.pre_tokenizer;
    const usable =
      type === 'BPE' &&
      file?.normalizer == null &&
      level?.type === 'ByteLevel' &&
      level.add_prefix_space === false &&
      level.use_regex !== false;
    if (!usable || vocab === undefined || merges === undefined) {
      throw new DataError(op, 'not the tokenizer.json of a byte-level BPE without normaliser', {
        kind: 'unsupported',
        got: `model ${String(type)}, pre-tokenizer ${String(level?.type)}`,
      });
    }
    const tokens: string[] = [];
    const special = (file?.added_tokens ?? []).filter((token) => token.special);
    const all = [...Object.entries(vocab), ...special.map(({ content, id }) => [content, id])];
    for (const [token, id] of all as [string, number][]) tokens[id] = token;
    for (let id = 0; id < tokens.length; id++) {
      if (tokens[id] === undefined) throw new DataError(op, `there is no token ${id}`);
    }
    return new BytePairTokenizer({
      tokens,
      merges: merges.map((pair) => (typeof pair === 'string' ? halves(pair) : pair)),
      special: special.map(({ content }) => content),
    });
  }
}

interface TokenizerFile {
  readonly added_tokens: readonly { id: number; content: string; special: boolean }[];
  readonly normalizer: unknown;
  readonly pre_tokenizer: { type?: string; add_prefix_space?: boolean; use_regex?: boolean };
  readonly model: {
    readonly type?: string;
    readonly vocab?: Readonly<Record<string, number>>;
    readonly merges?: readonly (string | readonly [string, string])[];
  };
}

function halves(pair: string): [string, string] {
  const [a = '', b = ''] = pair.split(' ');
  return [a, b];
}
