/** What generation runs: the whole prompt at once, then token by token. */
import { fail, full, gather, reshape, scalar } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { withMode } from '@hebb/nn';
import type { CausalLM } from '../models/causal.ts';
import { isEncoderDecoder } from '../models/source.ts';
import type { EncoderDecoderLM } from '../models/source.ts';
import { CacheCall, KVCache, checkCapacity, promptLengths } from './cache.ts';
import type { CacheOptions } from './cache.ts';
import { SourceCache, SourceDecoder, readSource } from './source-cache.ts';

/**
 * The prompt's keys and values into the cache, from its beginning, and the logits behind its last token.
 * `ids` may be longer than the prompt: `count` of them count (what is behind is overwritten later). Rows of a
 * batch begin at `first`. Shape: ids int32 [N, T], count int32 [], first int32 [N] -> [N, V].
 */
export function prefill(
  model: CausalLM,
  cache: KVCache,
  ids: Tensor,
  count: Tensor,
  first: Tensor,
): Tensor {
  const call = new CacheCall({ ...cache.state, first }, ids.shape[1]!, { fresh: true });
  const logits = withMode(model, false, () =>
    model.forward(ids, { cache: call, last: count.sub(1) }),
  );
  cache.state = call.state(count);
  return logits;
}

/** One more token for each row. Shape: ids int32 [N] -> logits of the next [N, V]. */
export function decode(model: CausalLM, cache: KVCache, ids: Tensor): Tensor {
  const call = new CacheCall(cache.state, 1);
  const logits = withMode(model, false, () =>
    model.forward(reshape(ids, [ids.shape[0]!, 1]), { cache: call, last: scalar(0, 'int32') }),
  );
  cache.state = call.state();
  return logits;
}

/** `decode` of rows that continue others: row i continues row `rows[i]`. */
export function decodeFrom(model: CausalLM, cache: KVCache, ids: Tensor, rows: Tensor): Tensor {
  const { keys, values, length, first } = cache.state;
  cache.state = {
    keys: keys.map((x) => gather(x, rows, 0)),
    values: values.map((x) => gather(x, rows, 0)),
    length,
    first: gather(first, rows, 0),
  };
  return decode(model, cache, ids);
}

type Axes = readonly (number | string)[];
interface Input {
  readonly shape: Axes;
  readonly dtype: DType;
}

/** The whole prompt, or the whole source. */
interface Beginning<R> {
  readonly run: (ids: Tensor, count: Tensor) => R;
  readonly input: { readonly ids: Input; readonly count: Input };
}
interface Decode {
  readonly run: (ids: Tensor) => Tensor;
  readonly input: { readonly ids: Input };
  readonly output: 'logits';
}

interface Described<Functions, State> {
  readonly name: string;
  readonly functions: Functions;
  readonly shapes: readonly { readonly prompt: number }[];
  readonly state: State;
}
export type GenerationFunctions = Described<
  { readonly prefill: Beginning<Tensor> & { readonly output: 'logits' }; readonly decode: Decode },
  { readonly cache: KVCache }
>;
export type SourceGenerationFunctions = Described<
  { readonly encode: Beginning<undefined>; readonly decode: Decode },
  { readonly cache: KVCache; readonly source: SourceCache }
>;

export interface GenerationFunctionsOptions extends Omit<CacheOptions, 'batch'> {
  /** Lengths that prompts, or sources, are filled up to, each a signature of its own. Default: 16, 64, 256... */
  readonly prompts?: readonly number[];
  /** Name of the model; default its class in lower case. */
  readonly name?: string;
}

export interface SourceGenerationFunctionsOptions extends GenerationFunctionsOptions {
  /** Tokens of a source that fit; default the longest of `prompts`, else 512 or what the model takes. */
  readonly sourceCapacity?: number;
}

/**
 * What `compileFunctions` of `@hebb/cli` takes to write a folder that generates without this library: two
 * functions that share weights, and the caches as state: `prefill` and `decode` of a model that continues its
 * prompt, `encode` and `decode` of one that writes about a source. See the README for what stands in it.
 */
export function generationFunctions(
  model: EncoderDecoderLM,
  options: SourceGenerationFunctionsOptions,
): SourceGenerationFunctions;
export function generationFunctions(
  model: CausalLM,
  options: GenerationFunctionsOptions,
): GenerationFunctions;
export function generationFunctions(
  model: CausalLM | EncoderDecoderLM,
  options: SourceGenerationFunctionsOptions,
): GenerationFunctions | SourceGenerationFunctions {
  const { prompts, name = model.constructor.name.toLowerCase(), capacity, dtype } = options;
  const op = 'generationFunctions';
  checkCapacity(op, 'capacity', capacity, model.contextLength);
  const held = { batch: 1, ...(dtype && { dtype }) };
  const cache = new KVCache(model.cacheSizes, { ...held, capacity });
  const input = {
    ids: { shape: [1, 'prompt'], dtype: 'int32' },
    count: { shape: [], dtype: 'int32' },
  } as const;
  const decodeOf = (decoder: CausalLM): Decode => ({
    run: (ids) => decode(decoder, cache, ids),
    input: { ids: { shape: [1], dtype: 'int32' } },
    output: 'logits',
  });
  const shapesTo = (most: number) => {
    const lengths = prompts ?? promptLengths(most);
    for (const prompt of lengths) {
      if (Number.isInteger(prompt) && prompt >= 1 && prompt <= most) continue;
      fail(op, 'prompts are whole numbers that fit', String(prompt), `1 to ${most}`);
    }
    return lengths.map((prompt) => ({ prompt }));
  };
  if (!isEncoderDecoder(model)) {
    return {
      name,
      functions: {
        prefill: {
          run: (ids, count) => prefill(model, cache, ids, count, full([1], 0, 'int32')),
          input,
          output: 'logits',
        },
        decode: decodeOf(model),
      },
      shapes: shapesTo(capacity),
      state: { cache },
    };
  }
  const { sourceLength = Infinity } = model;
  const {
    sourceCapacity = prompts === undefined ? Math.min(512, sourceLength) : Math.max(...prompts),
  } = options;
  checkCapacity(op, 'sourceCapacity', sourceCapacity, sourceLength);
  const source = new SourceCache(model.cacheSizes, { ...held, capacity: sourceCapacity });
  return {
    name,
    functions: {
      encode: {
        run: (ids, count) => {
          readSource(model, source, ids, count.reshape([1]));
          cache.length.value = full([], 0, 'int32');
          return undefined;
        },
        input,
      },
      decode: decodeOf(new SourceDecoder(model, source)),
    },
    shapes: shapesTo(sourceCapacity),
    state: { cache, source },
  };
}

export interface StatelessFunction {
  readonly run: (...inputs: Tensor[]) => Record<string, Tensor>;
  readonly input: Readonly<Record<string, Input>>;
}

/**
 * The same without state, for `exportOnnx`: the cache goes in and comes out by name, `keys.0`, `values.0`, ...
 * [1, heads, capacity, size]. `prefill` takes `ids` [1, prompt] and `count` [], `decode` `ids` [1] and
 * `length` []: the tokens held so far. Both give `logits` [1, V] and the caches.
 */
export function statelessFunctions(
  model: CausalLM,
  { capacity, dtype = 'float32', prompt }: CacheOptions & { readonly prompt: number },
): { readonly prefill: StatelessFunction; readonly decode: StatelessFunction } {
  checkCapacity('statelessFunctions', 'capacity', capacity, model.contextLength);
  const sizes = model.cacheSizes;
  const shape = [1, sizes.heads, capacity, sizes.size];
  const names = ['keys', 'values'].flatMap((kind) =>
    Array.from({ length: sizes.layers }, (_, i) => `${kind}.${i}`),
  );
  const caches = Object.fromEntries(names.map((name) => [name, { shape, dtype }]));
  const call = (
    ids: Tensor,
    state: readonly Tensor[],
    length: Tensor,
    last: Tensor,
    fresh: boolean,
  ): Record<string, Tensor> => {
    const [keys, values] = [state.slice(0, sizes.layers), state.slice(sizes.layers)];
    const first = full([1], 0, 'int32');
    const cache = new CacheCall({ keys, values, length, first }, ids.shape[1]!, { fresh });
    const logits = withMode(model, false, () => model.forward(ids, { cache, last }));
    const after = cache.state();
    const tensors = [...after.keys, ...after.values];
    return {
      logits,
      ...Object.fromEntries(names.map((name, i) => [`present.${name}`, tensors[i]!])),
    };
  };
  const int = (...axes: number[]): Input => ({ shape: axes, dtype: 'int32' });
  return {
    prefill: {
      run: (ids, count, ...state) => call(ids!, state, scalar(0, 'int32'), count!.sub(1), true),
      input: { ids: int(1, prompt), count: int(), ...caches },
    },
    decode: {
      run: (ids, length, ...state) =>
        call(ids!.reshape([1, 1]), state, length!, scalar(0, 'int32'), false),
      input: { ids: int(1), length: int(), ...caches },
    },
  };
}
