/** Generation for other runtimes: keys and values of the tokens so far go in, those with the new ones come out. */
import { concat, expand, gt, iota, le, ne, reshape, sub } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { withMode } from '@hebb/nn';
import { scaledDotProductAttention } from '@hebb/ops';
import type { CausalLM } from '../models/causal.ts';
import { isEncoderDecoder } from '../models/source.ts';
import type { EncoderDecoderLM } from '../models/source.ts';
import { biased } from './cache.ts';
import type { AttentionCache, CacheSizes, CachedAttentionOptions } from './cache.ts';
import type { StatelessFunction } from './functions.ts';

/** A cache that grows by what comes in. All rows of a batch are of one length. */
class GrowingCache implements AttentionCache {
  readonly #past: readonly (readonly [keys: Tensor, values: Tensor])[];
  readonly #batch: number;
  readonly #steps: number;
  readonly keys: Tensor[] = [];
  readonly values: Tensor[] = [];

  constructor(past: readonly (readonly [Tensor, Tensor])[], ids: Tensor) {
    this.#past = past;
    [this.#batch, this.#steps] = ids.shape as [number, number];
  }
  get #held(): number {
    return this.#past[0]![0].shape[2]!;
  }
  /** Of the new tokens, int32 [steps]. */
  #places(): Tensor {
    return iota(this.#held + this.#steps).narrow(0, this.#held, this.#steps);
  }
  positions(): Tensor {
    return expand(reshape(this.#places(), [1, this.#steps]), [this.#batch, this.#steps]);
  }
  distances(): Tensor {
    return sub(iota(this.#held + this.#steps), reshape(this.#places(), [this.#steps, 1]));
  }
  attend(q: Tensor, k: Tensor, v: Tensor, options: CachedAttentionOptions = {}): Tensor {
    const { window, scale, bias } = options;
    const [before, worth] = this.#past[this.keys.length]!;
    const keys = concat([before, k], 2);
    const values = concat([worth, v], 2);
    this.keys.push(keys);
    this.values.push(values);
    const behind = this.distances();
    let seen = le(behind, 0);
    if (window !== undefined) seen = seen.and(gt(behind, -window));
    const attnMask = biased(seen, bias);
    return scaledDotProductAttention(q, keys, values, { attnMask, scale });
  }
}

export interface PastFunctionsOptions {
  /** Type of the keys and values; default float32. */
  readonly dtype?: DType;
}

const namesOf = ({ layers }: CacheSizes, prefix: string): string[] =>
  ['keys', 'values'].flatMap((kind) =>
    Array.from({ length: layers }, (_, i) => `${prefix}.${kind}.${i}`),
  );
const pairsOf = (list: readonly Tensor[]): (readonly [Tensor, Tensor])[] => {
  const half = list.length / 2;
  return list.slice(0, half).map((keys, i) => [keys, list[half + i]!] as const);
};
const named = (names: readonly string[], tensors: readonly Tensor[]): Record<string, Tensor> =>
  Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));

/**
 * What `exportOnnx` takes so that other runtimes generate step by step, of any batch, with caches that grow:
 *
 * - `decoder`: `ids` int32 [batch, steps] and the cache `past.keys.I`, `past.values.I` [batch, heads, past, size] to
 *   `logits` [batch, steps, V] and `present.keys.I`, `present.values.I` [batch, heads, past + steps, size]. The
 *   whole prompt is a call with past 0, each further token one with steps 1.
 * - `encoder`, of a model that writes about a source: `ids` [batch, source] and `attentionMask` int32
 *   [batch, source], 0 for what is filling, to `source.keys.I`, `source.values.I` [batch, heads, source, size]. Its
 *   decoder takes these and the mask, too.
 *
 * The caller sees to it that past + steps is no more than the context of the model. A context of fewer than 24 tokens
 * needs `sizes` that fit when it is exported.
 */
export function pastFunctions(
  model: EncoderDecoderLM,
  options?: PastFunctionsOptions,
): { readonly encoder: StatelessFunction; readonly decoder: StatelessFunction };
export function pastFunctions(
  model: CausalLM,
  options?: PastFunctionsOptions,
): { readonly decoder: StatelessFunction };
export function pastFunctions(
  model: CausalLM | EncoderDecoderLM,
  { dtype = 'float32' }: PastFunctionsOptions = {},
): { readonly encoder?: StatelessFunction; readonly decoder: StatelessFunction } {
  const sizes = model.cacheSizes;
  const count = 2 * sizes.layers;
  const ints = (...shape: (number | string)[]) => ({ shape, dtype: 'int32' }) as const;
  const caches = (names: readonly string[], axis: string) =>
    Object.fromEntries(
      names.map((name) => [name, { shape: ['batch', sizes.heads, axis, sizes.size], dtype }]),
    );
  const [past, present] = [namesOf(sizes, 'past'), namesOf(sizes, 'present')];
  const decoded = (
    ids: Tensor,
    before: readonly Tensor[],
    forward: (cache: AttentionCache) => Tensor,
  ): Record<string, Tensor> => {
    const cache = new GrowingCache(pairsOf(before), ids);
    const logits = withMode(model, false, () => forward(cache));
    return { logits, ...named(present, [...cache.keys, ...cache.values]) };
  };
  if (!isEncoderDecoder(model)) {
    return {
      decoder: {
        run: (ids, ...before) => decoded(ids!, before, (cache) => model.forward(ids!, { cache })),
        input: { ids: ints('batch', 'steps'), ...caches(past, 'past') },
      },
    };
  }
  const source = namesOf(sizes, 'source');
  return {
    encoder: {
      run: (ids, mask) => {
        const how = { attentionMask: ne(mask!, 0) };
        const { keys, values } = withMode(model, false, () => model.readSource(ids!, how));
        return named(source, [...keys, ...values]);
      },
      input: { ids: ints('batch', 'source'), attentionMask: ints('batch', 'source') },
    },
    decoder: {
      run: (ids, mask, ...held) => {
        const shown = ne(mask!, 0).unsqueeze(1).unsqueeze(1);
        const [keys, values] = [held.slice(0, sizes.layers), held.slice(sizes.layers, count)];
        return decoded(ids!, held.slice(count), (cache) =>
          model.continueText(ids!, { keys, values, shown }, { cache }),
        );
      },
      input: {
        ids: ints('batch', 'steps'),
        attentionMask: ints('batch', 'source'),
        ...caches(source, 'source'),
        ...caches(past, 'past'),
      },
    },
  };
}
