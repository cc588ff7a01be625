/** Writing text character by character: the same in Node, where the network is compiled as needed, and in the worker. */
import { Vocabulary, characters } from '@hebb/data';
import { sampleToken, seededUniform } from '@hebb/ops';

/** One step of the network with its state inside: logits of the next character. */
export type Stepper = (id: number) => ArrayLike<number> | Promise<ArrayLike<number>>;

export interface WriteOptions {
  readonly length: number;
  /** Below 1: likelier characters more often; 0: always the likeliest. */
  readonly temperature: number;
  readonly seed: number;
}

export const vocabularyOf = (tokens: readonly string[]): Vocabulary =>
  new Vocabulary(tokens, { tokenize: characters });

/** Goes on with the prompt. @throws DataError for a character that the plays do not have. */
export async function* write(
  step: Stepper,
  vocabulary: Vocabulary,
  prompt: string,
  { length, temperature, seed }: WriteOptions,
): AsyncIterable<string> {
  const random = seededUniform(seed);
  let logits: ArrayLike<number> = [];
  // Before the first character a line ends.
  for (const id of vocabulary.encode(prompt === '' ? '\n' : prompt)) logits = await step(id);
  for (let k = 0; k < length; k++) {
    const id = sampleToken(logits, { temperature }, random);
    yield vocabulary.tokens[id]!;
    if (k < length - 1) logits = await step(id);
  }
}
