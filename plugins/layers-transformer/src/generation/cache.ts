/** Keys and values of the tokens so far, at a capacity that never changes. */
import {
  Variable,
  add,
  fail,
  full,
  iota,
  le,
  maximum,
  reshape,
  scalar,
  scatter,
  sub,
  where,
  zeros,
} from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { scaledDotProductAttention } from '@hebb/ops';

/** What a model keeps for each token. */
export interface CacheSizes {
  readonly layers: number;
  /** Heads of keys and values. */
  readonly heads: number;
  /** Width of a head. */
  readonly size: number;
}

/** The values of a cache: keys and values of each layer [N, heads, capacity, size]. */
export interface CacheState {
  readonly keys: readonly Tensor[];
  readonly values: readonly Tensor[];
  /** Tokens held, int32 []: the next one goes there. */
  readonly length: Tensor;
  /** First token of each row that counts, int32 [N]: rows of a batch that are shorter begin later. */
  readonly first: Tensor;
}

export interface CachedAttentionOptions {
  /** Only keys nearer than this. */
  readonly window?: number | undefined;
  readonly scale?: number | undefined;
  /** Added to the scores: broadcasts to [N, H, steps, keys] for the keys that `distances` counts. */
  readonly bias?: Tensor | undefined;
}

/** The tokens that came before those of one call, as layers see them. */
export interface AttentionCache {
  /** Position of each new token in its row, int32 [N, steps]. */
  positions(): Tensor;
  /** Positions of the keys that are looked at, less that of each new token: int32 [steps, keys]. */
  distances(): Tensor;
  /**
   * Attention of the next layer: its new keys and values are kept, and the queries see all tokens up to
   * their own. Shape: q [N, H, steps, size], k and v [N, Hk, steps, size] -> [N, H, steps, size].
   */
  attend(q: Tensor, k: Tensor, v: Tensor, options?: CachedAttentionOptions): Tensor;
}

/**
 * A cache in the course of one call: layers write their keys and values into it and attend to all that it
 * holds. Nothing is changed: `state` is the cache behind the call.
 */
export class CacheCall implements AttentionCache {
  readonly #keys: Tensor[];
  readonly #values: Tensor[];
  readonly #length: Tensor;
  readonly #first: Tensor;
  readonly #steps: number;
  /** The cache is empty before this call. */
  readonly #fresh: boolean;
  #layer = 0;

  /** `steps` tokens are added. `fresh`: there are none yet, so that attention is among them alone. */
  constructor(state: CacheState, steps: number, { fresh = false }: { fresh?: boolean } = {}) {
    this.#keys = [...state.keys];
    this.#values = [...state.values];
    this.#length = fresh ? scalar(0, 'int32') : state.length;
    this.#first = state.first;
    this.#steps = steps;
    this.#fresh = fresh;
    const capacity = this.#keys[0]!.shape[2]!;
    if (steps > capacity) {
      fail('cache', 'more tokens than the cache holds', String(steps), `at most ${capacity}`);
    }
  }

  /** 0 for what does not count. */
  positions(): Tensor {
    const places = add(this.#length, iota(this.#steps));
    const first = reshape(this.#first, [this.#first.size, 1]);
    return maximum(sub(reshape(places, [1, this.#steps]), first), 0);
  }

  distances(): Tensor {
    const count = this.#fresh ? this.#steps : this.#keys[0]!.shape[2]!;
    const places = add(this.#length, iota(this.#steps));
    return sub(iota(count), reshape(places, [this.#steps, 1]));
  }

  attend(q: Tensor, k: Tensor, v: Tensor, options: CachedAttentionOptions = {}): Tensor {
    const { window, scale, bias } = options;
    const layer = this.#layer++;
    const places = add(this.#length, iota(this.#steps));
    const keys = scatter(this.#keys[layer]!, places, k, 2);
    const values = scatter(this.#values[layer]!, places, v, 2);
    this.#keys[layer] = keys;
    this.#values[layer] = values;
    const rows = this.#first.size;
    const begun = (count: number): Tensor =>
      le(reshape(this.#first, [rows, 1, 1, 1]), reshape(iota(count), [1, 1, 1, count]));
    if (this.#fresh) {
      const attnMask = biased(begun(this.#steps), bias);
      const how = { attnMask, isCausal: true, window, scale };
      return scaledDotProductAttention(q, k, v, how);
    }
    const capacity = keys.shape[2]!;
    const column = reshape(iota(capacity), [1, 1, 1, capacity]);
    const row = reshape(places, [1, 1, this.#steps, 1]);
    let seen = le(column, row).and(begun(capacity));
    if (window !== undefined) seen = seen.and(sub(row, column).lt(window));
    return scaledDotProductAttention(q, keys, values, { attnMask: biased(seen, bias), scale });
  }

  /** The cache with `count` of the new tokens in it; left out: all. */
  state(count: Tensor = scalar(this.#steps, 'int32')): CacheState {
    return {
      keys: this.#keys,
      values: this.#values,
      length: add(this.#length, count),
      first: this.#first,
    };
  }
}

/** What may be seen as a mask, with the biases where there are some. */
export const biased = (seen: Tensor, bias: Tensor | undefined): Tensor =>
  bias === undefined ? seen : where(seen, bias, -Infinity);

export interface CacheOptions {
  /** Tokens that fit. */
  readonly capacity: number;
  /** Rows side by side; default 1. */
  readonly batch?: number;
  /** Default float32. */
  readonly dtype?: DType;
}

/** Keys and values of each layer in variables of zeros, at a fixed capacity. */
export abstract class LayerCache {
  readonly capacity: number;
  readonly batch: number;
  readonly keys: readonly Variable[];
  readonly values: readonly Variable[];

  protected constructor(
    { layers, heads, size }: CacheSizes,
    { capacity, batch = 1, dtype = 'float32' }: CacheOptions,
  ) {
    for (const [name, value] of Object.entries({ capacity, batch })) {
      if (!Number.isInteger(value) || value < 1) {
        fail(new.target.name, `${name} is a positive whole number`, String(value));
      }
    }
    this.capacity = capacity;
    this.batch = batch;
    const make = (): Variable => new Variable(zeros([batch, heads, capacity, size], dtype));
    this.keys = Array.from({ length: layers }, make);
    this.values = Array.from({ length: layers }, make);
  }

  *namedState(): Iterable<readonly [string, Variable]> {
    for (const [i, variable] of this.keys.entries()) yield [`keys.${i}`, variable];
    for (const [i, variable] of this.values.entries()) yield [`values.${i}`, variable];
  }
}

/**
 * A cache in variables: compiled functions write single rows of it in place, and `compileFunctions` keeps it
 * as state. Names in state dicts are `keys.0`, `values.0`, ..., `length`, `first`.
 */
export class KVCache extends LayerCache {
  readonly length: Variable;
  readonly first: Variable;

  constructor(sizes: CacheSizes, options: CacheOptions) {
    super(sizes, options);
    this.length = new Variable(full([], 0, 'int32'));
    this.first = new Variable(full([this.batch], 0, 'int32'));
  }

  get state(): CacheState {
    return {
      keys: this.keys.map(({ value }) => value),
      values: this.values.map(({ value }) => value),
      length: this.length.value,
      first: this.first.value,
    };
  }
  set state({ keys, values, length, first }: CacheState) {
    keys.forEach((value, i) => (this.keys[i]!.value = value));
    values.forEach((value, i) => (this.values[i]!.value = value));
    this.length.value = length;
    this.first.value = first;
  }

  override *namedState(): Iterable<readonly [string, Variable]> {
    yield* super.namedState();
    yield ['length', this.length];
    yield ['first', this.first];
  }
}

/** 16, 64, 256... and the capacity itself: the lengths that sequences are filled up to. */
export function promptLengths(capacity: number): number[] {
  const lengths: number[] = [];
  for (let length = 16; length < capacity; length *= 4) lengths.push(length);
  return [...lengths, capacity];
}

/** Throws where a cache would hold more than a model can look at. */
export function checkCapacity(op: string, name: string, capacity: number, most = Infinity): number {
  if (capacity > most) {
    const what = name === 'capacity' ? 'context' : 'longest source';
    fail(op, `${name} is beyond the ${what} of the model`, String(capacity), `at most ${most}`);
  }
  return capacity;
}
