/** Text in, text out. */
import { checkSampling } from '@hebb/ops';
import type { GenerateOptions, TextGenerator } from '../generation/generate.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface GenerateTextOptions extends Omit<GenerateOptions, 'stop'> {
  /** Texts that end the result; they are not part of it. */
  readonly stop?: readonly string[] | undefined;
}

/**
 * Text as it is generated, in pieces as they become certain. Ends at the tokenizer's end token, at one of
 * `stop`, or when the tokens are used up.
 */
export async function* streamText(
  generator: TextGenerator,
  tokenizer: Tokenizer,
  prompt: string,
  { stop = [], ...options }: GenerateTextOptions = {},
): AsyncGenerator<string, void, undefined> {
  checkSampling('streamText', options);
  const { eosToken } = tokenizer;
  const endTokens = options.endTokens ?? (eosToken === undefined ? [] : [eosToken]);
  const decoder = tokenizer.stream();
  let held = '';
  /** What can be given out, and whether the text is over: what may begin a stop stays back. */
  const certain = (piece: string): [text: string, over: boolean] => {
    held += piece;
    const ends = stop.map((end) => held.indexOf(end)).filter((at) => at >= 0);
    if (ends.length > 0) return [held.slice(0, Math.min(...ends)), true];
    let keep = 0;
    for (const end of stop) {
      let count = Math.min(end.length - 1, held.length);
      while (count > 0 && !held.endsWith(end.slice(0, count))) count--;
      keep = Math.max(keep, count);
    }
    const text = held.slice(0, held.length - keep);
    held = held.slice(held.length - keep);
    return [text, false];
  };
  const { ids } = tokenizer.encode(prompt);
  for await (const token of generator.stream(ids, { ...options, endTokens })) {
    const [text, over] = certain(decoder.push(token));
    if (text !== '') yield text;
    if (over) return;
  }
  const [text, over] = certain(decoder.flush());
  const last = over ? text : text + held;
  if (last !== '') yield last;
}

/** The whole text of `streamText`. */
export async function generateText(
  generator: TextGenerator,
  tokenizer: Tokenizer,
  prompt: string,
  options: GenerateTextOptions = {},
): Promise<string> {
  let text = '';
  for await (const piece of streamText(generator, tokenizer, prompt, options)) text += piece;
  return text;
}
