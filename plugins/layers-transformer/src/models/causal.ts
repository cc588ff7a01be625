/** What models that give the next token have in common. */
import { fail, formatShape, isInteger } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Module } from '@hebb/nn';
import type { CacheCall, CacheSizes } from '../generation/cache.ts';

/** A language model: GPT, Llama, or one of your own. */
export interface CausalLM extends Module {
  readonly vocabSize: number;
  /** Tokens that it can look at. */
  readonly contextLength: number;
  readonly cacheSizes: CacheSizes;
  /**
   * Logits of the token after each. With `cache`, the tokens come behind those that it holds; `last` gives
   * the logits after one of the new tokens alone, int32 [] -> [N, V].
   * Shape: ids [N, T] integers -> [N, T, V].
   */
  forward(ids: Tensor, options?: CausalCallOptions): Tensor;
}

export interface CausalCallOptions {
  readonly cache?: CacheCall | undefined;
  readonly last?: Tensor | undefined;
}

/** Throws unless ids is [N, T] and no longer than the context. */
export function requireIds(model: string, ids: Tensor, contextLength: number): void {
  if (ids.rank !== 2 || !isInteger(ids.dtype)) {
    fail(model, 'ids do not fit', `${ids.dtype}${formatShape(ids.shape)}`, 'integers [N, T]');
  }
  if (ids.shape[1]! > contextLength) {
    fail(
      model,
      'the sequence is longer than the context',
      String(ids.shape[1]),
      `at most ${contextLength}`,
    );
  }
}

/** One step of x [N, T, D] at an index [], as [N, 1, D]. */
export function stepAt(x: Tensor, index: Tensor | undefined): Tensor {
  return index === undefined ? x : x.gather(index.reshape([1]), 1);
}

/** Logits [N, 1, V] of one step as [N, V]. */
export function withoutSteps(logits: Tensor, index: Tensor | undefined): Tensor {
  if (index === undefined) return logits;
  return logits.reshape([logits.shape[0]!, logits.shape[2]!]);
}
