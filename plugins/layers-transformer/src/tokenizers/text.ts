/** Text in, text out. */
import { StopTexts, checkSampling } from '@hebb/ops';
import type { GenerateOptions } from '../generation/generate.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface GenerateTextOptions extends Omit<GenerateOptions, 'stop'> {
  /** Texts that end the result; they are not part of it. */
  readonly stop?: readonly string[] | undefined;
}

/** `TextGenerator`, or `SourceTextGenerator`, whose prompts are sources. */
export interface TokenStream {
  stream(
    prompt: readonly number[],
    options?: GenerateOptions,
  ): AsyncGenerator<number, void, undefined>;
}

/**
 * Text as it is generated, in pieces as they become certain. Ends at the tokenizer's end token, at one of
 * `stop`, or when the tokens are used up.
 */
export async function* streamText(
  generator: TokenStream,
  tokenizer: Tokenizer,
  prompt: string,
  { stop = [], ...options }: GenerateTextOptions = {},
): AsyncGenerator<string, void, undefined> {
  checkSampling('streamText', options);
  const { eosToken } = tokenizer;
  const endTokens = options.endTokens ?? (eosToken === undefined ? [] : [eosToken]);
  const decoder = tokenizer.stream();
  const ends = new StopTexts(stop);
  const { ids } = tokenizer.encode(prompt);
  for await (const token of generator.stream(ids, { ...options, endTokens })) {
    const text = ends.push(decoder.push(token));
    if (text !== '') yield text;
    if (ends.stopped) return;
  }
  const last = ends.push(decoder.flush()) + ends.flush();
  if (last !== '') yield last;
}

/** The whole text of `streamText`. */
export async function generateText(
  generator: TokenStream,
  tokenizer: Tokenizer,
  prompt: string,
  options: GenerateTextOptions = {},
): Promise<string> {
  let text = '';
  for await (const piece of streamText(generator, tokenizer, prompt, options)) text += piece;
  return text;
}
