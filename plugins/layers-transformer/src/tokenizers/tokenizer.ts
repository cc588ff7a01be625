/** Tokenizers of Hugging Face's `tokenizer.json`, by their own library: plain JavaScript, also in workers. */
import { Tokenizer as Inner } from '@huggingface/tokenizers';
import { HebbError, fail } from '@hebb/core';

/** A parsed `tokenizer.json`. */
export type TokenizerJson = object;

export interface EncodeOptions {
  /** A second text behind the first. */
  readonly pair?: string;
  /** Whether tokens such as `[CLS]` are put in; default true. */
  readonly addSpecialTokens?: boolean;
}

export interface Encoding {
  readonly ids: number[];
  readonly tokens: string[];
  /** Which of two texts each token belongs to. */
  readonly segments: number[];
}

export interface DecodeOptions {
  /** Default true. */
  readonly skipSpecialTokens?: boolean;
}

type Json = Readonly<Record<string, unknown>>;
const kinds = ['BPE', 'WordPiece', 'Unigram'];

function object(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Json)
    : undefined;
}

/** The text of a token in `tokenizer_config.json`, which is a string or an object with its content. */
function contentOf(value: unknown): string | undefined {
  const content = typeof value === 'string' ? value : object(value)?.['content'];
  return typeof content === 'string' ? content : undefined;
}

/**
 * Text to ids and back: byte pairs, WordPiece or Unigram, as `tokenizer.json` says.
 * `BytePairTokenizer.train` of `@hebb/data` makes such a file from texts.
 */
export class Tokenizer {
  /** Number of ids. */
  readonly vocabSize: number;
  readonly bosToken: number | undefined;
  readonly eosToken: number | undefined;
  readonly padToken: number | undefined;
  readonly unkToken: number | undefined;
  readonly #inner: Inner;

  /**
   * `json` is the parsed `tokenizer.json`, `config` the parsed `tokenizer_config.json` where there is one: it
   * names the tokens of beginning, end and padding. Throws for what is no such file.
   */
  constructor(json: TokenizerJson, config: Json = {}) {
    const model = object(object(json)?.['model']);
    const kind = model?.['type'] ?? (Array.isArray(model?.['merges']) ? 'BPE' : undefined);
    if (model === undefined || !kinds.includes(String(kind))) {
      fail('Tokenizer', 'no tokenizer.json', `model.type ${String(kind)}`, kinds.join(', '));
    }
    try {
      this.#inner = new Inner(json, config);
    } catch (error) {
      throw new HebbError(
        `the tokenizer.json cannot be used: ${error instanceof Error ? error.message : String(error)}`,
        { op: 'Tokenizer', cause: error },
      );
    }
    const ids = [...this.#inner.get_vocab(true).values()];
    this.vocabSize = ids.reduce((most, id) => Math.max(most, id + 1), 0);
    const special = (name: string): number | undefined => {
      const content = contentOf(config[name]);
      return content === undefined ? undefined : this.#inner.token_to_id(content);
    };
    this.bosToken = special('bos_token');
    this.eosToken = special('eos_token');
    this.padToken = special('pad_token');
    this.unkToken = special('unk_token');
  }

  encode(text: string, { pair, addSpecialTokens = true }: EncodeOptions = {}): Encoding {
    const { ids, tokens, token_type_ids } = this.#inner.encode(text, {
      ...(pair === undefined ? {} : { text_pair: pair }),
      add_special_tokens: addSpecialTokens,
      return_token_type_ids: true,
    });
    return { ids, tokens, segments: token_type_ids };
  }

  /** Throws for ids that the tokenizer does not have. */
  decode(ids: readonly number[], { skipSpecialTokens = true }: DecodeOptions = {}): string {
    if (ids.length === 0) return '';
    for (const id of ids) {
      if (this.#inner.id_to_token(id) === undefined) {
        fail(
          'Tokenizer.decode',
          'there is no such token',
          String(id),
          `0 to ${this.vocabSize - 1}`,
        );
      }
    }
    return this.#inner.decode([...ids], { skip_special_tokens: skipSpecialTokens });
  }

  idOf(token: string): number | undefined {
    return this.#inner.token_to_id(token);
  }
  tokenOf(id: number): string | undefined {
    return this.#inner.id_to_token(id);
  }

  /**
   * Text of tokens that come one at a time: each call gives what is certain by then. A character whose bytes
   * are spread over tokens comes when it is whole.
   */
  stream(options: DecodeOptions = {}): { push(id: number): string; flush(): string } {
    let ids: number[] = [];
    let given = '';
    const rest = (text: string): string => {
      const fresh = text.slice(given.length);
      given = text;
      return fresh;
    };
    return {
      push: (id) => {
        ids.push(id);
        const text = this.decode(ids, options);
        if (text.endsWith('\uFFFD')) return '';
        const fresh = rest(text);
        // Old tokens are let go at a line's end: decoding all of them each time would grow with the text.
        if (text.endsWith('\n')) {
          ids = [];
          given = '';
        }
        return fresh;
      },
      flush: () => rest(this.decode(ids, options)),
    };
  }
}
