/** What text is generated with. Structural, as served models are: anything that gives logits for tokens fits. */
import type { Loadable } from '../model.ts';

/** Text to ids and back; the tokenizers of `@hebb/layers-transformer` and the vocabularies of `@hebb/data` fit. */
export interface TextTokenizer {
  encode(text: string): ArrayLike<number> | { readonly ids: ArrayLike<number> };
  decode(ids: readonly number[]): string;
  /** Text of tokens that come one at a time; made of `decode` where it is left out. */
  stream?(): TextDecoding;
}

export interface TextDecoding {
  push(id: number): string;
  flush(): string;
}

/** Logits of the next token. Shape: [V] or [1, V]. */
export type Logits = ArrayLike<number>;

/** One text in the making. */
export interface Sequence {
  /** Reads the prompt, which has at least one token. Called once, first. */
  prefill(ids: readonly number[]): Logits | Promise<Logits>;
  /** Reads one more token. */
  step(id: number): Logits | Promise<Logits>;
  /** Lets go of what the text needed. */
  close?(): void;
}

export interface TextModel {
  readonly tokenizer: TextTokenizer;
  /** Begins a text. Several may be in the making at once. */
  start(): Sequence;
  /** Most tokens of prompt (or `textStart`) and text together; left out where nothing bounds them. */
  readonly contextLength?: number;
  /** Most tokens of a prompt, where that is less. */
  readonly promptLength?: number;
  /** Tokens that prompts may be made of are those below. Default: any. */
  readonly vocabSize?: number;
  /** Tokens that end a text. */
  readonly endTokens?: readonly number[];
  /** What a text begins with where the prompt is a source that it is written about, and no part of it. */
  readonly textStart?: readonly number[];
  /** What the text of nothing begins with. Default: an empty prompt is refused. */
  readonly startTokens?: readonly number[];
  /** Embedding of a text. Shape: [E]. */
  embed?(ids: readonly number[]): ArrayLike<number> | Promise<ArrayLike<number>>;
}

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

export interface TextEntry extends Loadable {
  /** Loads the model; called once, at the first request that needs it, and again after a failure. */
  readonly load: () => TextModel | Promise<TextModel>;
  /** Lets go of what the entry itself keeps of the model. */
  readonly unload?: () => void;
  /** The prompt of a conversation. Default: `ROLE: CONTENT` a line, and `assistant:` for what comes. */
  readonly chatTemplate?: (messages: readonly ChatMessage[]) => string;
  /** Texts that end an answer in a conversation. Default with the default template: a line break. */
  readonly chatStop?: readonly string[];
}

/** A tokenizer of single characters. Ids are positions in the list. */
export function characterTokenizer(characters: readonly string[]): TextTokenizer {
  const ids = new Map(characters.map((character, id) => [character, id]));
  return {
    encode: (text) =>
      Array.from(text, (character) => {
        const id = ids.get(character);
        if (id === undefined) {
          throw new RangeError(`the model knows no ${JSON.stringify(character)}`);
        }
        return id;
      }),
    decode: (list) => list.map((id) => characters[id] ?? '\uFFFD').join(''),
  };
}
