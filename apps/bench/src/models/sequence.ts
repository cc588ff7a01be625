/** The sequence models. */
import type { Layers } from './layers.ts';

export interface TransformerSizes {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
}

/** One layer and a classifier of its last state. Shape: [B, T, I] -> [B, 10]. */
export function lstmClassifier<T>(l: Layers<T>, x: T): T {
  return l.linear(l.last(l.lstm(x, 'lstm', { hidden: 128 })), 'fc', { out: 10 });
}

/** The same with gated units. Shape: [B, T, I] -> [B, 10]. */
export function gruClassifier<T>(l: Layers<T>, x: T): T {
  return l.linear(l.last(l.gru(x, 'gru', { hidden: 128 })), 'fc', { out: 10 });
}

/** Blocks with normalisation first, as in GPT-2; `mix` is their attention. Shape: [B, T, D] -> [B, T, D]. */
function blocks<T>(
  l: Layers<T>,
  x: T,
  { layers, width }: TransformerSizes,
  mix: (qkv: T, block: string) => T,
): T {
  let y = x;
  for (let i = 0; i < layers; i++) {
    const name = `block${i}`;
    let z = l.linear(l.layerNorm(y, `${name}.norm1`), `${name}.qkv`, { out: 3 * width });
    z = l.linear(mix(z, name), `${name}.proj`, { out: width });
    y = l.add(y, z);
    z = l.linear(l.layerNorm(y, `${name}.norm2`), `${name}.fc1`, {
      out: 4 * width,
      activation: 'gelu',
    });
    y = l.add(y, l.linear(z, `${name}.fc2`, { out: width }));
  }
  return l.layerNorm(y, 'norm');
}

export const encoder =
  (sizes: TransformerSizes) =>
  <T>(l: Layers<T>, x: T): T =>
    blocks(l, x, sizes, (qkv) => l.attention(qkv, { heads: sizes.heads, causal: false }));

/** Shape: tokens [B, T] -> [B, T, vocabulary] logits. */
export const decoder =
  (sizes: TransformerSizes, vocabulary: number) =>
  <T>(l: Layers<T>, tokens: T): T => {
    const embedded = l.embedding(tokens, 'tokens', { count: vocabulary, size: sizes.width });
    const y = blocks(l, l.positions(embedded, 'positions'), sizes, (qkv) =>
      l.attention(qkv, { heads: sizes.heads, causal: true }),
    );
    return l.linear(y, 'head', { out: vocabulary, bias: false });
  };

/**
 * The decoder's next step, when keys and values of `past` steps are kept (as weights of each block).
 * Shape: token [1, 1] -> [1, 1, vocabulary] logits.
 */
export const decodeStep =
  (sizes: TransformerSizes, vocabulary: number, past: number) =>
  <T>(l: Layers<T>, token: T): T => {
    const embedded = l.embedding(token, 'tokens', { count: vocabulary, size: sizes.width });
    const shape = [1, past, sizes.width];
    const y = blocks(l, l.positions(embedded, 'positions'), sizes, (qkv, block) => {
      const [keys, values] = [`${block}.keys`, `${block}.values`].map((name) =>
        l.weights(name, { shape }),
      ) as [T, T];
      return l.cachedAttention(qkv, keys, values, { heads: sizes.heads });
    });
    return l.linear(y, 'head', { out: vocabulary, bias: false });
  };
