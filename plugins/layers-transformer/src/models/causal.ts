/** What models that give the next token have in common. */
import { fail, formatShape, isInteger } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Module } from '@hebb/nn';
import type { AttentionCache, CacheSizes } from '../generation/cache.ts';

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
  readonly cache?: AttentionCache | undefined;
  readonly last?: Tensor | undefined;
}

/**
 * Throws unless ids is [N, T] and no longer than the context, and where a token is out of range, as far as
 * that can be known: from the host's data, not from what a compiled function will be given.
 */
export function requireIds(
  model: string,
  ids: Tensor,
  { contextLength, vocabSize }: { readonly contextLength?: number; readonly vocabSize: number },
): void {
  if (ids.rank !== 2 || !isInteger(ids.dtype)) {
    fail(model, 'ids do not fit', `${ids.dtype}${formatShape(ids.shape)}`, 'integers [N, T]');
  }
  if (contextLength !== undefined && ids.shape[1]! > contextLength) {
    fail(
      model,
      'the sequence is longer than the context',
      String(ids.shape[1]),
      `at most ${contextLength}`,
    );
  }
  const held = ids.node.storage[ids.output];
  if (held?.kind !== 'host') return;
  const wrong = Array.from(held.data as ArrayLike<number | bigint>).find(
    (id) => id < 0 || id >= vocabSize,
  );
  if (wrong !== undefined) {
    fail(model, 'a token is out of range', String(wrong), `0 to ${vocabSize - 1}`);
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
