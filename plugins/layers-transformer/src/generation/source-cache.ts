/** What a decoder keeps of a source, and the decoder that looks at it. */
import { Variable, full, iota, lt, pad, reshape } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Module, withMode } from '@hebb/nn';
import type { CausalCallOptions, CausalLM } from '../models/causal.ts';
import type { EncoderDecoderLM, ShownSource } from '../models/source.ts';
import { LayerCache } from './cache.ts';
import type { CacheOptions, CacheSizes } from './cache.ts';

/** Keys and values of a source in variables, filled up to a capacity. */
export class SourceCache extends LayerCache {
  /** Tokens of each row that count, int32 [N]. */
  readonly length: Variable;

  constructor(sizes: CacheSizes, options: CacheOptions) {
    super(sizes, options);
    this.length = new Variable(full([this.batch], 0, 'int32'));
  }

  get state(): ShownSource {
    const columns = reshape(iota(this.capacity), [1, 1, 1, this.capacity]);
    return {
      keys: this.keys.map(({ value }) => value),
      values: this.values.map(({ value }) => value),
      shown: lt(columns, reshape(this.length.value, [this.batch, 1, 1, 1])),
    };
  }

  override *namedState(): Iterable<readonly [string, Variable]> {
    yield* super.namedState();
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
  readonly contextLength: number;
  readonly #source: SourceCache;

  constructor(model: EncoderDecoderLM, source: SourceCache) {
    super();
    this.model = model;
    this.contextLength = model.contextLength ?? Infinity;
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
