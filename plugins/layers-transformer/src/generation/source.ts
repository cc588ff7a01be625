/** Text about a source: what the decoder needs of it is computed once and held at a fixed size. */
import { Variable, compile, fail, full, iota, lt, pad, reshape, tensor, zeros } from '@hebb/core';
import type { Compiled, Tensor } from '@hebb/core';
import { Module, withMode } from '@hebb/nn';
import type { BeamResult } from '@hebb/ops';
import type { CausalCallOptions, CausalLM } from '../models/causal.ts';
import type { EncoderDecoderLM, ShownSource } from '../models/source.ts';
import type { CacheOptions, CacheSizes } from './cache.ts';
import { promptLengths } from './functions.ts';
import { TextGenerator } from './generate.ts';
import type { BeamGenerateOptions, GenerateOptions, TextGeneratorOptions } from './generate.ts';

/** Keys and values of a source in variables, filled up to a capacity. */
export class SourceCache {
  readonly capacity: number;
  readonly batch: number;
  readonly keys: readonly Variable[];
  readonly values: readonly Variable[];
  /** Tokens of each row that count, int32 [N]. */
  readonly length: Variable;

  constructor(
    { layers, heads, size }: CacheSizes,
    { capacity, batch = 1, dtype = 'float32' }: CacheOptions,
  ) {
    for (const [name, value] of Object.entries({ capacity, batch })) {
      if (!Number.isInteger(value) || value < 1) {
        fail('SourceCache', `${name} is a positive whole number`, String(value));
      }
    }
    this.capacity = capacity;
    this.batch = batch;
    const make = (): Variable => new Variable(zeros([batch, heads, capacity, size], dtype));
    this.keys = Array.from({ length: layers }, make);
    this.values = Array.from({ length: layers }, make);
    this.length = new Variable(full([batch], 0, 'int32'));
  }

  get state(): ShownSource {
    const columns = reshape(iota(this.capacity), [1, 1, 1, this.capacity]);
    return {
      keys: this.keys.map(({ value }) => value),
      values: this.values.map(({ value }) => value),
      shown: lt(columns, reshape(this.length.value, [this.batch, 1, 1, 1])),
    };
  }

  *namedState(): Iterable<readonly [string, Variable]> {
    for (const [i, variable] of this.keys.entries()) yield [`keys.${i}`, variable];
    for (const [i, variable] of this.values.entries()) yield [`values.${i}`, variable];
    yield ['length', this.length];
  }
}

/**
 * A source into its cache: row i is the first `lengths[i]` of `ids[i]`. Shape: ids int32 [N, S] with S up to
 * the capacity, lengths int32 [N].
 */
export function readSource(
  model: EncoderDecoderLM,
  cache: SourceCache,
  ids: Tensor,
  lengths: Tensor,
): void {
  const [rows, steps] = ids.shape as [number, number];
  const attentionMask = lt(reshape(iota(steps), [1, steps]), reshape(lengths, [rows, 1]));
  const { keys, values } = withMode(model, false, () => model.readSource(ids, { attentionMask }));
  const filled = (x: Tensor): Tensor =>
    pad(x, { low: [0, 0, 0, 0], high: [0, 0, cache.capacity - steps, 0] });
  keys.forEach((x, i) => (cache.keys[i]!.value = filled(x)));
  values.forEach((x, i) => (cache.values[i]!.value = filled(x)));
  cache.length.value = lengths;
}

/** The decoder of a model as one that continues texts about the source that a cache holds. */
export class SourceDecoder extends Module implements CausalLM {
  readonly model: EncoderDecoderLM;
  readonly contextLength = Infinity;
  readonly #source: SourceCache;

  constructor(model: EncoderDecoderLM, source: SourceCache) {
    super();
    this.model = model;
    this.#source = source;
  }
  get vocabSize(): number {
    return this.model.vocabSize;
  }
  get cacheSizes(): CacheSizes {
    return this.model.cacheSizes;
  }
  forward(ids: Tensor, options: CausalCallOptions = {}): Tensor {
    return this.model.continueText(ids, this.#source.state, options);
  }
}

export interface SourceTextGeneratorOptions extends TextGeneratorOptions {
  /** Tokens of a text, its start token included; default 128. */
  readonly capacity?: number;
  /** Tokens of a source; default 512. */
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
    const { capacity = 128, sourceCapacity = 512, batch = 1, dtype = 'float32' } = options;
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
    const { vocabSize } = this.model;
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
