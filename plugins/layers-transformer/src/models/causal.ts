/** What models that give the next token have in common. */
import { fail, formatShape, isInteger, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Module } from '@hebb/nn';
import { crossEntropy } from '@hebb/ops';
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

/**
 * Mean loss, in nats, of the tokens 1, 2, ... of each row given those before: what a language model learns from.
 * Shape: rows integers [N, T + 1] -> [].
 */
export function nextTokenLoss(model: CausalLM, rows: Tensor): Tensor {
  if (rows.rank !== 2 || rows.shape[1]! < 2) {
    fail('nextTokenLoss', 'rows do not fit', formatShape(rows.shape), '[N, T], T at least 2');
  }
  const steps = rows.shape[1]! - 1;
  const logits = model.forward(rows.narrow(1, 0, steps));
  const targets = rows.narrow(1, 1, steps).reshape([-1]);
  return crossEntropy(logits.reshape([targets.size, model.vocabSize]), targets);
}

/** Rows to learn from: `length` tokens from each of the places on. Shape: int32 [places, length]. */
export function tokenWindows(ids: Int32Array, places: readonly number[], length: number): Tensor {
  const rows = new Int32Array(places.length * length);
  places.forEach((at, row) => {
    if (at < 0 || at + length > ids.length) {
      fail(
        'tokenWindows',
        'a window is not in the text',
        `${at} to ${at + length}`,
        `${ids.length} tokens`,
      );
    }
    rows.set(ids.subarray(at, at + length), row * length);
  });
  return tensor(rows, { shape: [places.length, length] });
}
