/** What generation runs: the whole prompt at once, then token by token. */
import { full, gather, reshape, scalar } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { withMode } from '@hebb/nn';
import type { CausalLM } from '../models/causal.ts';
import { CacheCall, KVCache } from './cache.ts';
import type { CacheOptions } from './cache.ts';

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

export interface GenerationFunctions {
  readonly name: string;
  readonly functions: {
    readonly prefill: {
      readonly run: (ids: Tensor, count: Tensor) => Tensor;
      readonly input: { readonly ids: Input; readonly count: Input };
      readonly output: 'logits';
    };
    readonly decode: {
      readonly run: (ids: Tensor) => Tensor;
      readonly input: { readonly ids: Input };
      readonly output: 'logits';
    };
  };
  readonly shapes: readonly { readonly prompt: number }[];
  readonly state: { readonly cache: KVCache };
}

export interface GenerationFunctionsOptions extends Omit<CacheOptions, 'batch'> {
  /** Lengths that prompts are filled up to, each a signature of its own. Default: 16, 64, 256... to the capacity. */
  readonly prompts?: readonly number[];
  /** Name of the model; default its class in lower case. */
  readonly name?: string;
}

/**
 * What `compileFunctions` of `@hebb/cli` takes to write a folder that generates without this library: two
 * functions that share weights, and the cache as state. See the README for what stands in it.
 */
export function generationFunctions(
  model: CausalLM,
  { prompts, name, ...options }: GenerationFunctionsOptions,
): GenerationFunctions {
  const cache = new KVCache(model.cacheSizes, { ...options, batch: 1 });
  return {
    name: name ?? model.constructor.name.toLowerCase(),
    functions: {
      prefill: {
        run: (ids, count) => prefill(model, cache, ids, count, full([1], 0, 'int32')),
        input: {
          ids: { shape: [1, 'prompt'], dtype: 'int32' },
          count: { shape: [], dtype: 'int32' },
        },
        output: 'logits',
      },
      decode: {
        run: (ids) => decode(model, cache, ids),
        input: { ids: { shape: [1], dtype: 'int32' } },
        output: 'logits',
      },
    },
    shapes: (prompts ?? promptLengths(cache.capacity)).map((prompt) => ({ prompt })),
    state: { cache },
  };
}

/** 16, 64, 256... and the capacity itself. */
export function promptLengths(capacity: number): number[] {
  const lengths: number[] = [];
  for (let length = 16; length < capacity; length *= 4) lengths.push(length);
  return [...lengths, capacity];
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
