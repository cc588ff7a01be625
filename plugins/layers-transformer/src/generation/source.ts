/** Text about a source: what the decoder needs of it is computed once and held at a fixed size. */
import { compile, fail, tensor } from '@hebb/core';
import type { Compiled, Tensor } from '@hebb/core';
import type { BeamResult } from '@hebb/ops';
import type { EncoderDecoderLM } from '../models/source.ts';
import { checkCapacity, promptLengths } from './cache.ts';
import { TextGenerator } from './generate.ts';
import type { BeamGenerateOptions, GenerateOptions, TextGeneratorOptions } from './generate.ts';
import { SourceCache, SourceDecoder, readSource } from './source-cache.ts';

export interface SourceTextGeneratorOptions extends TextGeneratorOptions {
  /** Tokens of a text, its start token included; default 128, or the model's context where that is less. */
  readonly capacity?: number;
  /** Tokens of a source; default 512, or as many as the model takes where that is less. */
  readonly sourceCapacity?: number;
}

/**
 * Generates with an encoder-decoder, as `TextGenerator` does with a model that continues its prompt: the
 * prompts here are sources, the text begins with the model's start token. The encoder runs once a source, for
 * sources of 16, 64, 256... tokens compiled once each; the decoder keeps its keys and values of the source, and
 * those of the text as it grows, at fixed sizes. One text (or batch) at a time.
 */
export class SourceTextGenerator {
  readonly model: EncoderDecoderLM;
  readonly sourceCapacity: number;
  readonly batch: number;
  readonly source: SourceCache;
  readonly #text: TextGenerator;
  readonly #read: Compiled<[ids: Tensor, lengths: Tensor], Tensor>;
  #busy = false;

  constructor(model: EncoderDecoderLM, options: SourceTextGeneratorOptions = {}) {
    const { contextLength = Infinity, sourceLength = Infinity } = model;
    const { capacity = Math.min(128, contextLength), batch = 1, dtype = 'float32' } = options;
    const { sourceCapacity = Math.min(512, sourceLength) } = options;
    checkCapacity('SourceTextGenerator', 'sourceCapacity', sourceCapacity, sourceLength);
    const source = new SourceCache(model.cacheSizes, { capacity: sourceCapacity, batch, dtype });
    this.model = model;
    this.sourceCapacity = sourceCapacity;
    this.batch = batch;
    this.source = source;
    this.#text = new TextGenerator(new SourceDecoder(model, source), { capacity, batch, dtype });
    this.#read = compile(
      (ids: Tensor, lengths: Tensor) => {
        readSource(model, source, ids, lengths);
        return lengths;
      },
      { name: 'readSource' },
    );
  }

  get capacity(): number {
    return this.#text.capacity;
  }

  /** Tokens of one text as they come. */
  async *stream(
    source: readonly number[],
    options: GenerateOptions = {},
  ): AsyncGenerator<number, void, undefined> {
    this.#take();
    try {
      await this.#start([source]);
      yield* this.#text.stream(this.#begin, options);
    } finally {
      this.#busy = false;
    }
  }

  /** The whole text. */
  async generate(source: readonly number[], options: GenerateOptions = {}): Promise<number[]> {
    const found: number[] = [];
    for await (const token of this.stream(source, options)) found.push(token);
    return found;
  }

  /** Texts about several sources side by side, of any lengths, as many as the batch. */
  generateBatch(
    sources: readonly (readonly number[])[],
    options: GenerateOptions = {},
  ): Promise<number[][]> {
    const begin = sources.map(() => this.#begin);
    return this.#with(sources, () => this.#text.generateBatch(begin, options));
  }

  /** The likeliest texts by beam search, best first. The generator's batch is the number of beams. */
  beamSearch(source: readonly number[], options: BeamGenerateOptions): Promise<BeamResult[]> {
    const sources = Array.from({ length: this.batch }, () => source);
    return this.#with(sources, () => this.#text.beamSearch(this.#begin, options));
  }

  /** Logits after a text [V], for comparisons and scoring. */
  logits(source: readonly number[], text: readonly number[] = []): Promise<Float32Array> {
    return this.#with([source], () => this.#text.logits([...this.#begin, ...text]));
  }

  /** Frees the compiled functions. */
  dispose(): void {
    this.#read.dispose();
    this.#text.dispose();
  }

  get #begin(): number[] {
    return [this.model.startToken];
  }

  async #with<T>(sources: readonly (readonly number[])[], body: () => Promise<T>): Promise<T> {
    this.#take();
    try {
      await this.#start(sources);
      return await body();
    } finally {
      this.#busy = false;
    }
  }

  #take(): void {
    if (this.#busy) {
      fail(
        'SourceTextGenerator',
        'another text is being generated: its caches are in use; finish it, or make another generator',
      );
    }
    this.#busy = true;
  }

  async #start(sources: readonly (readonly number[])[]): Promise<void> {
    const op = 'generate';
    if (sources.length !== this.batch) {
      fail(op, 'the generator has another batch', String(sources.length), String(this.batch));
    }
    const vocabSize = this.model.sourceVocabSize ?? this.model.vocabSize;
    for (const source of sources) {
      if (source.length === 0) fail(op, 'the source is empty');
      const wrong = source.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
      if (wrong !== undefined) {
        fail(op, 'a token is out of range', String(wrong), `0 to ${vocabSize - 1}`);
      }
      if (source.length > this.sourceCapacity) {
        fail(
          op,
          'the source does not fit into its cache',
          `${source.length} tokens`,
          `at most ${this.sourceCapacity}`,
        );
      }
    }
    const longest = Math.max(...sources.map(({ length }) => length));
    const steps = promptLengths(this.sourceCapacity).find((length) => length >= longest)!;
    const all = new Int32Array(sources.length * steps);
    sources.forEach((source, row) => all.set(source, row * steps));
    using ids = tensor(all, { shape: [sources.length, steps] });
    using lengths = tensor(Int32Array.from(sources, ({ length }) => length));
    (await this.#read(ids, lengths)).dispose();
  }
}
