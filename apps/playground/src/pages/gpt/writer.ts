/** Writes on and on with a model: asked for so many characters at a time, so that it can stop at any of them. */
import { TextGenerator } from '@hebb/layers-transformer';
import type { TextModel } from './text-model.ts';
import type { WriteOptions, Written } from './settings.ts';

const shown = 8;

/** The likeliest characters, as they are drawn. */
function choicesOf(
  logits: Float32Array,
  { vocabulary }: TextModel,
  { temperature, topK = Infinity }: WriteOptions,
): Written['choices'] {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]!);
  const kept = order.slice(0, topK);
  const best = logits[kept[0]!]!;
  const weight = (id: number): number =>
    temperature === 0 ? Number(id === kept[0]) : Math.exp((logits[id]! - best) / temperature);
  const total = kept.reduce((sum, id) => sum + weight(id), 0);
  return kept
    .slice(0, shown)
    .map((id) => ({ text: vocabulary.tokens[id]!, probability: weight(id) / total }));
}

/** @throws RangeError that names characters which the model has never seen. */
export function requireKnown({ vocabulary }: TextModel, prompt: string): void {
  const known = new Set(vocabulary.tokens);
  const unknown = [...new Set([...prompt].filter((character) => !known.has(character)))];
  if (unknown.length > 0) {
    throw new RangeError(
      `The model has never seen ${unknown.map((c) => `“${c}”`).join(', ')}: take ${unknown.length === 1 ? 'it' : 'them'} out of the beginning.`,
    );
  }
  if (prompt === '') throw new RangeError('The beginning is empty: give at least one character.');
}

export class Writer {
  readonly #made: TextModel;
  readonly #generator: TextGenerator;
  #options: WriteOptions | undefined;
  #seen: number[] = [];
  #stream: AsyncGenerator<number, void, undefined> | undefined;
  #logits = new Float32Array(0);
  #rounds = 0;

  constructor(made: TextModel) {
    this.#made = made;
    this.#generator = new TextGenerator(made.model);
  }

  /** Begins anew. Throws for a prompt that the model cannot read. */
  async begin(options: WriteOptions): Promise<void> {
    requireKnown(this.#made, options.prompt);
    await this.end();
    this.#options = options;
    this.#seen = [...this.#made.vocabulary.encode(options.prompt)];
    this.#rounds = 0;
  }

  /** The next characters. Beyond the model's context it goes on from the last half of it. */
  async next(count: number): Promise<Written[]> {
    const options = this.#options;
    if (options === undefined) return [];
    const found: Written[] = [];
    while (found.length < count) {
      this.#stream ??= this.#open(options);
      const { value, done } = await this.#stream.next();
      if (done === true) {
        this.#stream = undefined;
        continue;
      }
      this.#seen.push(value);
      found.push({
        text: this.#made.vocabulary.tokens[value]!,
        choices: choicesOf(this.#logits, this.#made, options),
      });
    }
    return found;
  }

  #open(options: WriteOptions): AsyncGenerator<number, void, undefined> {
    const { capacity } = this.#generator;
    const { temperature, topK, seed } = options;
    const prompt = this.#seen.slice(-(this.#seen.length < capacity ? capacity - 1 : capacity >> 1));
    this.#rounds += 1;
    return this.#generator.stream(prompt, {
      temperature,
      topK,
      // Every stretch draws other numbers.
      seed: seed + 7919 * this.#rounds,
      onLogits: (logits) => (this.#logits = Float32Array.from(logits)),
    });
  }

  async end(): Promise<void> {
    await this.#stream?.return();
    this.#stream = undefined;
    this.#options = undefined;
  }

  dispose(): void {
    this.#generator.dispose();
  }
}
