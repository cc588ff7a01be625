/** The model whose tokens are counted: the decoder of `infer`, as a GPT that generates. */
import { concat, manualSeed, reshape, scalar } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { CacheCall, GPT } from '@hebb/layers-transformer';
import type { CachedAttentionOptions } from '@hebb/layers-transformer';
import { scaledDotProductAttention } from '@hebb/ops';
import type { InputSpec } from '@hebb/onnx';

const layers = 6;
const heads = 6;
const width = 384;
/** Characters of a text, and tokens that fit into the cache. */
export const vocabulary = 65;
export const capacity = 256;
/** Tokens of the prompt, and of the text behind it. */
export const promptLength = 16;
export const textLength = 112;

export const prompt: readonly number[] = Array.from(
  { length: promptLength },
  (_, i) => (i * 7 + 3) % vocabulary,
);

/** The same weights in every process. */
export function decoderModel(): GPT {
  manualSeed(0);
  const model = new GPT({ vocabSize: vocabulary, contextLength: capacity, layers, heads, width });
  // Larger than at the start of training, so that texts are no repetition of one token.
  for (const parameter of model.parameters()) {
    if (parameter.shape.length === 2) parameter.value = parameter.value.mul(3);
  }
  return model.eval();
}

/** A cache that grows by what comes in, as models exported elsewhere have it. */
class GrowingCache extends CacheCall {
  readonly #past: readonly Tensor[];
  readonly #length: Tensor;
  readonly present: Tensor[] = [];

  constructor(past: readonly Tensor[], length: Tensor) {
    const half = past.length / 2;
    const state = { keys: past.slice(0, half), values: past.slice(half), length };
    super({ ...state, first: scalar(0, 'int32').reshape([1]) }, 1);
    this.#past = past;
    this.#length = length;
  }
  override positions(): Tensor {
    return reshape(this.#length, [1, 1]);
  }
  override attend(q: Tensor, k: Tensor, v: Tensor, options: CachedAttentionOptions = {}): Tensor {
    const layer = this.present.length / 2;
    const keys = concat([this.#past[layer]!, k], 2);
    const values = concat([this.#past[layers + layer]!, v], 2);
    this.present.push(keys, values);
    return scaledDotProductAttention(q, keys, values, options);
  }
}

/** Names of the caches, keys before values. */
export const cacheNames: readonly string[] = ['keys', 'values'].flatMap((kind) =>
  Array.from({ length: layers }, (_, i) => `${kind}.${i}`),
);
export const cacheShape = (past: number | string): (number | string)[] => [
  1,
  heads,
  past,
  width / heads,
];

/** One token behind a cache that is handed in and out: what ONNX runtimes are given. */
export function growingDecode(model: GPT): {
  readonly run: (...inputs: Tensor[]) => Record<string, Tensor>;
  readonly input: Record<string, InputSpec>;
} {
  return {
    run: (ids, length, ...past) => {
      const cache = new GrowingCache(past, length!);
      const logits = model.forward(reshape(ids!, [1, 1]), { cache, last: scalar(0, 'int32') });
      const { present } = cache;
      const ordered = [
        ...present.filter((_, i) => i % 2 === 0),
        ...present.filter((_, i) => i % 2 === 1),
      ];
      return {
        logits,
        ...Object.fromEntries(cacheNames.map((name, i) => [`present.${name}`, ordered[i]!])),
      };
    },
    input: {
      ids: { shape: [1], dtype: 'int32' },
      length: { shape: [], dtype: 'int32' },
      ...Object.fromEntries(
        cacheNames.map((name) => [name, { shape: cacheShape('past'), dtype: 'float32' as const }]),
      ),
    },
  };
}
