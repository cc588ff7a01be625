/** What models that write about a source have in common. */
import type { Tensor } from '@hebb/core';
import type { Module } from '@hebb/nn';
import type { CacheSizes } from '../generation/cache.ts';
import type { CausalCallOptions, CausalLM } from './causal.ts';

/** Keys and values that each decoder layer has of a source: [N, heads, S, size]. */
export interface SourceKeys {
  readonly keys: readonly Tensor[];
  readonly values: readonly Tensor[];
}

export interface ShownSource extends SourceKeys {
  /** True for the tokens of the source that count, bool [N, 1, 1, S]. */
  readonly shown: Tensor;
}

/** An encoder with a decoder: T5, or one of your own. */
export interface EncoderDecoderLM extends Module {
  /** Of texts, and of sources unless `sourceVocabSize` says otherwise. */
  readonly vocabSize: number;
  readonly sourceVocabSize?: number;
  /** Tokens of a text that it can look at, and those of a source; left out: any number. */
  readonly contextLength?: number;
  readonly sourceLength?: number;
  /** What a text begins with. */
  readonly startToken: number;
  /** Of the decoder: its keys of the source have the same heads and sizes as its keys of the text. */
  readonly cacheSizes: CacheSizes;
  /** Shape: ids [N, S] integers, attentionMask [N, S]. */
  readSource(ids: Tensor, options?: { readonly attentionMask?: Tensor | undefined }): SourceKeys;
  /** `CausalLM.forward` of the decoder. Shape: ids [N, T] integers -> [N, T, V], with `last` [N, V]. */
  continueText(ids: Tensor, source: ShownSource, options?: CausalCallOptions): Tensor;
}

export const isEncoderDecoder = (model: CausalLM | EncoderDecoderLM): model is EncoderDecoderLM =>
  'readSource' in model;
