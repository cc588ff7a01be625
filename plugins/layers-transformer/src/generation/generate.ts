/** Text from a language model: token by token, with the keys and values of what came before. */
import { compile, fail, tensor } from '@hebb/core';
import type { Compiled, DType, Tensor } from '@hebb/core';
import { StopSequences, beamSearch, checkSampling, sampleToken, seededUniform } from '@hebb/ops';
import type { BeamResult, TokenSamplingOptions } from '@hebb/ops';
import type { CausalLM } from '../models/causal.ts';
import { KVCache, checkCapacity, promptLengths } from './cache.ts';
import { decode, decodeFrom, prefill } from './functions.ts';

export interface TextGeneratorOptions {
  /** Tokens of prompt and text together; default the model's context. */
  readonly capacity?: number;
  /** Texts side by side; default 1. */
  readonly batch?: number;
  /** Type of the cache; default float32. */
  readonly dtype?: DType;
}

export interface GenerateOptions extends TokenSamplingOptions {
  /** Most tokens of the text; default: until the capacity is reached. */
  readonly maxNewTokens?: number | undefined;
  /** Tokens that end a text. They are not given out. */
  readonly endTokens?: readonly number[] | undefined;
  /** Sequences of tokens that end a text. They are not given out. */
  readonly stop?: readonly (readonly number[])[] | undefined;
  /** Start of the random numbers; default 0. Row i of a batch draws with seed + i. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the logits [V] of a row before each draw, for those who show or keep probabilities. */
  readonly onLogits?: ((logits: Float32Array, row: number) => void) | undefined;
}

export interface BeamGenerateOptions {
  /** Texts kept at each step; at most the generator's batch, which is the default. */
  readonly beams?: number;
  readonly maxNewTokens: number;
  /** Token that ends a text. */
  readonly endToken: number;
  /** Exponent of the length penalty; default 0. */
  readonly lengthPenalty?: number;
}

/** One row: what it has said, and whether it is done. */
class Row {
  readonly seen: number[];
  readonly #options: GenerateOptions;
  readonly #random: () => number;
  readonly #stops: StopSequences;
  count = 0;
  done = false;

  constructor(prompt: readonly number[], options: GenerateOptions, seed: number) {
    this.seen = [...prompt];
    this.#options = options;
    this.#random = seededUniform(seed);
    this.#stops = new StopSequences(options.stop ?? []);
  }
  /** Draws the next token; returns it and what may be given out. */
  next(logits: ArrayLike<number>, limit: number): [token: number, out: number[]] {
    const token = sampleToken(logits, this.#options, this.#random, this.seen);
    this.seen.push(token);
    this.count += 1;
    if (this.#options.endTokens?.includes(token) === true) {
      this.done = true;
      return [token, this.#stops.flush()];
    }
    const out = this.#stops.push(token);
    if (this.#stops.stopped) this.done = true;
    else if (this.count >= limit) {
      this.done = true;
      out.push(...this.#stops.flush());
    }
    return [token, out];
  }
}

/**
 * Generates with a model: `for await (const token of generator.stream(prompt, { temperature: 0.8 }))`.
 * Prompt and further tokens are two compiled functions over the model's own weights and a cache of fixed
 * size, so nothing is compiled again as a text grows, and a model that learns on is used as it is. Prompts
 * are filled up to 16, 64, 256... tokens, each length compiled once. One text (or batch) at a time: the cache
 * is the generator's.
 */
export class TextGenerator {
  readonly model: CausalLM;
  readonly capacity: number;
  readonly batch: number;
  readonly cache: KVCache;
  readonly #prefill: Compiled<[ids: Tensor, count: Tensor, first: Tensor], Tensor>;
  readonly #decode: Compiled<[ids: Tensor], Tensor>;
  readonly #decodeFrom: Compiled<[ids: Tensor, rows: Tensor], Tensor>;
  #busy = false;

  constructor(model: CausalLM, options: TextGeneratorOptions = {}) {
    const { capacity = model.contextLength, batch = 1, dtype = 'float32' } = options;
    checkCapacity('TextGenerator', 'capacity', capacity, model.contextLength);
    this.model = model;
    this.capacity = capacity;
    this.batch = batch;
    const cache = new KVCache(model.cacheSizes, { capacity, batch, dtype });
    this.cache = cache;
    this.#prefill = compile(
      (ids: Tensor, count: Tensor, first: Tensor) => prefill(model, cache, ids, count, first),
      { name: 'prefill' },
    );
    this.#decode = compile((ids: Tensor) => decode(model, cache, ids), { name: 'decode' });
    this.#decodeFrom = compile((ids: Tensor, rows: Tensor) => decodeFrom(model, cache, ids, rows), {
      name: 'decodeFrom',
    });
  }

  /** Tokens of one text as they come, as many at a time as are certain not to begin a stop sequence. */
  async *stream(
    prompt: readonly number[],
    options: GenerateOptions = {},
  ): AsyncGenerator<number, void, undefined> {
    this.#needBatch('stream', 1);
    for await (const [, tokens] of this.#run([prompt], options)) yield* tokens;
  }

  /** The whole text. */
  async generate(prompt: readonly number[], options: GenerateOptions = {}): Promise<number[]> {
    const found: number[] = [];
    for await (const token of this.stream(prompt, options)) found.push(token);
    return found;
  }

  /** Several texts side by side, of any lengths, as many as the batch. */
  async generateBatch(
    prompts: readonly (readonly number[])[],
    options: GenerateOptions = {},
  ): Promise<number[][]> {
    this.#needBatch('generateBatch', prompts.length);
    const found = prompts.map((): number[] => []);
    for await (const [row, tokens] of this.#run(prompts, options)) found[row]!.push(...tokens);
    return found;
  }

  /** The likeliest texts by beam search, best first. The generator's batch is the most beams. */
  async beamSearch(
    prompt: readonly number[],
    { beams = this.batch, maxNewTokens, endToken, lengthPenalty = 0 }: BeamGenerateOptions,
  ): Promise<BeamResult[]> {
    this.#needBatch('beamSearch', beams);
    this.#checkPrompt(prompt, maxNewTokens);
    return this.#alone(async () => {
      const before = prompt.slice(0, -1);
      if (before.length > 0) {
        const rows = Array.from({ length: beams }, () => before);
        (await this.#start(rows)).dispose();
      } else this.#forget();
      using range = tensor(Int32Array.from({ length: beams }, (_, i) => i));
      using begin = tensor(Int32Array.of(0));
      const step = async (ids: Tensor, { rows }: { rows: Tensor }) =>
        [await this.#decodeFrom(ids, rows), { rows: range }] as const;
      return await beamSearch(
        step,
        { rows: begin },
        { start: prompt.at(-1)!, end: endToken, maxLength: maxNewTokens, beams, lengthPenalty },
      );
    });
  }

  /** Logits after a prompt [V], for comparisons and scoring. */
  async logits(prompt: readonly number[]): Promise<Float32Array> {
    this.#needBatch('logits', 1);
    this.#checkPrompt(prompt, 0);
    return this.#alone(async () => rowsOf(await this.#start([prompt]), 1).then(([row]) => row!));
  }

  /** Frees the compiled functions. */
  dispose(): void {
    for (const each of [this.#prefill, this.#decode, this.#decodeFrom]) each.dispose();
  }

  async *#run(
    prompts: readonly (readonly number[])[],
    options: GenerateOptions,
  ): AsyncGenerator<[row: number, tokens: number[]], void, undefined> {
    checkSampling('generate', options);
    const longest = Math.max(...prompts.map(({ length }) => length));
    const { maxNewTokens = this.capacity - longest, seed = 0, signal } = options;
    for (const prompt of prompts) this.#checkPrompt(prompt, maxNewTokens, longest);
    if (this.#busy) this.#refuse();
    this.#busy = true;
    try {
      const rows = prompts.map((prompt, i) => new Row(prompt, options, seed + i));
      if (maxNewTokens === 0) return;
      let logits = await this.#start(prompts);
      for (;;) {
        const numbers = await rowsOf(logits, rows.length);
        signal?.throwIfAborted();
        const next = new Int32Array(rows.length);
        for (const [i, row] of rows.entries()) {
          if (row.done) continue;
          options.onLogits?.(numbers[i]!, i);
          const [token, out] = row.next(numbers[i]!, maxNewTokens);
          next[i] = token;
          if (out.length > 0) yield [i, out];
        }
        if (rows.every(({ done }) => done)) return;
        signal?.throwIfAborted();
        using ids = tensor(next);
        logits = await this.#decode(ids);
      }
    } finally {
      this.#busy = false;
    }
  }

  /** Runs the prompts; rows shorter than the longest begin later. */
  async #start(prompts: readonly (readonly number[])[]): Promise<Tensor> {
    const longest = Math.max(...prompts.map(({ length }) => length));
    if (longest === 1) {
      // The first token of a text is one like all others.
      this.#forget();
      using ids = tensor(Int32Array.from(prompts, ([id]) => id!));
      return await this.#decode(ids);
    }
    const steps = promptLengths(this.capacity).find((length) => length >= longest)!;
    const all = new Int32Array(prompts.length * steps);
    const begin = new Int32Array(prompts.length);
    prompts.forEach((prompt, row) => {
      begin[row] = longest - prompt.length;
      all.set(prompt, row * steps + begin[row]!);
    });
    using ids = tensor(all, { shape: [prompts.length, steps] });
    using count = tensor(longest, { dtype: 'int32' });
    using first = tensor(begin);
    return await this.#prefill(ids, count, first);
  }

  #forget(): void {
    this.cache.length.value = tensor(0, { dtype: 'int32' });
    this.cache.first.value = tensor(new Int32Array(this.batch));
  }

  async #alone<T>(body: () => Promise<T>): Promise<T> {
    if (this.#busy) this.#refuse();
    this.#busy = true;
    try {
      return await body();
    } finally {
      this.#busy = false;
    }
  }
  #refuse(): never {
    return fail(
      'TextGenerator',
      'another text is being generated: its cache is in use; finish it, or make another generator',
    );
  }

  #needBatch(op: string, rows: number): void {
    if (rows !== this.batch) {
      fail(op, 'the generator has another batch', String(rows), String(this.batch));
    }
  }

  #checkPrompt(prompt: readonly number[], more: number, longest = prompt.length): void {
    const { vocabSize } = this.model;
    if (prompt.length === 0) fail('generate', 'the prompt is empty');
    const wrong = prompt.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (wrong !== undefined) {
      fail('generate', 'a token is out of range', String(wrong), `0 to ${vocabSize - 1}`);
    }
    if (!Number.isInteger(more) || more < 0) {
      if (longest <= this.capacity)
        fail('generate', 'maxNewTokens is a whole number', String(more));
    }
    if (longest + more > this.capacity || longest > this.capacity) {
      fail(
        'generate',
        'prompt and text do not fit into the cache',
        `${longest} + ${Math.max(0, more)} tokens`,
        `at most ${this.capacity}`,
      );
    }
  }
}

/** Rows of logits on the host. */
async function rowsOf(logits: Tensor, rows: number): Promise<Float32Array[]> {
  const values = Float32Array.from(await logits.data(), Number);
  logits.dispose();
  const width = values.length / rows;
  return Array.from({ length: rows }, (_, i) => values.subarray(i * width, (i + 1) * width));
}
