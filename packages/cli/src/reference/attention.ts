/** Family `attention`: functions of `@hebb/ops`, layers and models of `@hebb/layers-transformer`. */
import { full, iota, not, where } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { attrs as read } from '@hebb/conformance/reference';
import type {
  CaseAttrs,
  CaseTable,
  Outputs,
  ReferenceCase,
  Tensors,
} from '@hebb/conformance/reference';
import {
  BertModel,
  GPT,
  MultiheadAttention,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
  causalMask,
} from '@hebb/layers-transformer';
import type { TransformerLayerOptions } from '@hebb/layers-transformer';
import { LayerNorm, crossEntropy } from '@hebb/nn';
import type { Module } from '@hebb/nn';
import {
  alibiBias,
  attentionWeights,
  rotaryAngles,
  rotaryEmbedding,
  scaledDotProductAttention,
  sinusoidalPositions,
  softmax,
} from '@hebb/ops';

const { num, flag, word, maybeNum } = read;

/** Gives a model the case's parameters, so that gradients reach them; `rename` finds the model's names. */
function filled<M extends Module>(
  model: M,
  tensors: Tensors,
  { params }: ReferenceCase,
  rename: (name: string) => string = (name) => name,
): M {
  const own = model.namedParameters();
  for (const name of Object.keys(params)) {
    const variable = own.get(rename(name));
    if (variable === undefined) throw new TypeError(`the model has no ${rename(name)}`);
    variable.value = tensors[name]!;
    own.delete(rename(name));
  }
  if (own.size > 0) throw new TypeError(`the case has no ${[...own.keys()].join(', ')}`);
  return model.eval();
}

/** PyTorch's functions say true where a key is hidden in these cases; ours, where it is seen. */
const shown = (mask: Tensor | undefined): Tensor | undefined =>
  mask?.dtype === 'bool' ? not(mask) : mask;

function attention(tensors: Tensors, attrs: CaseAttrs): Outputs {
  const options = {
    attnMask: shown(tensors['mask'] ?? tensors['attn_mask']),
    isCausal: flag(attrs['is_causal']),
    scale: maybeNum(attrs['scale']),
  };
  const [q, k, v] = [tensors['q']!, tensors['k']!, tensors['v']!];
  return {
    output: scaledDotProductAttention(q, k, v, options),
    probabilities: attentionWeights(q, k, options),
  };
}

function multihead(
  tensors: Tensors,
  attrs: CaseAttrs,
  given: ReferenceCase,
  { dtype }: { dtype: DType },
): Outputs {
  const query = tensors['query']!;
  const self = flag(attrs['self_attention']);
  const key = self ? query : tensors['key']!;
  const value = self ? query : (tensors['value'] ?? key);
  const layer = new MultiheadAttention(num(attrs['embed_dim']), num(attrs['num_heads']), {
    batchFirst: flag(attrs['batch_first']),
    addBiasKv: flag(attrs['add_bias_kv']),
    addZeroAttn: flag(attrs['add_zero_attn']),
    bias: 'in_proj_bias' in given.params,
    kdim: num(attrs['kdim'] ?? key.shape.at(-1)!),
    vdim: num(attrs['vdim'] ?? value.shape.at(-1)!),
    dtype,
  });
  const [output, weights] = filled(layer, tensors, given).forward(query, key, value, {
    attnMask: tensors['attn_mask'] ?? tensors['mask'],
    keyPaddingMask: tensors['key_padding_mask'],
    averageAttnWeights: attrs['average_attn_weights'] !== false,
  });
  return { output, weights: weights! };
}

function layerOptions(attrs: CaseAttrs, dtype: DType): TransformerLayerOptions {
  return {
    dimFeedforward: num(attrs['dim_feedforward']),
    dropout: 0,
    activation: word(attrs['activation'] ?? 'relu', ['relu', 'gelu']),
    layerNormEps: num(attrs['layer_norm_eps'] ?? 1e-5),
    batchFirst: flag(attrs['batch_first']),
    normFirst: flag(attrs['norm_first']),
    dtype,
  };
}
const sizesOf = (attrs: CaseAttrs): [dModel: number, heads: number] => [
  num(attrs['d_model']),
  num(attrs['nhead']),
];
function finalNorm(attrs: CaseAttrs, dtype: DType): { norm?: LayerNorm } {
  if (!flag(attrs['final_norm'])) return {};
  const eps = num(attrs['layer_norm_eps'] ?? 1e-5);
  return { norm: new LayerNorm(num(attrs['d_model']), { eps, dtype }) };
}

/** The mask of the case, or the causal one that its settings speak of. */
function ownMask(tensors: Tensors, attrs: CaseAttrs): Tensor | undefined {
  const found = tensors['mask'] ?? tensors['src_mask'] ?? tensors['tgt_mask'];
  if (found !== undefined || !flag(attrs['causal_mask'])) return found;
  return causalMask(tensors['x']!.shape[flag(attrs['batch_first']) ? 1 : 0]!);
}
const encoderMasks = (tensors: Tensors, attrs: CaseAttrs) => ({
  srcMask: ownMask(tensors, attrs),
  srcKeyPaddingMask: tensors['key_padding_mask'] ?? tensors['src_key_padding_mask'],
});
const decoderMasks = (tensors: Tensors, attrs: CaseAttrs) => ({
  tgtMask: ownMask(tensors, attrs),
  memoryMask: tensors['memory_mask'],
  tgtKeyPaddingMask: tensors['key_padding_mask'] ?? tensors['tgt_key_padding_mask'],
  memoryKeyPaddingMask: tensors['memory_key_padding_mask'],
});

/** Names of the GPT cases as the model has them. */
export function gptName(name: string): string {
  return name
    .replace('.attn.qkv.', '.attn.c_attn.')
    .replace('.attn.proj.', '.attn.c_proj.')
    .replace('.mlp.fc.', '.mlp.c_fc.')
    .replace('.mlp.proj.', '.mlp.c_proj.')
    .replace(/^head\./, 'lm_head.');
}

/** The GPT that a case describes. */
export function gptOf({ family, attrs, params }: ReferenceCase, dtype: DType): GPT {
  return new GPT({
    vocabSize: num(attrs['vocab']),
    contextLength: params['wpe.weight']!.shape[0]!,
    layers: num(attrs['layers']),
    heads: num(attrs['heads']),
    width: num(attrs['d_model']),
    hidden: num(attrs['d_ff']),
    activation: attrs['gelu'] === 'tanh' ? 'gelu_tanh' : 'gelu',
    // In a training run eps belongs to the optimizer.
    eps: family === 'training' ? 1e-5 : num(attrs['eps'] ?? 1e-5),
    qkvBias: flag(attrs['qkv_bias']),
    tiedHead: attrs['tied_head'] !== false,
    dtype,
  });
}

const bertName = (name: string): string =>
  name
    .replace(/^embeddings\.(word|position)\./, 'embeddings.$1_embeddings.')
    .replace('embeddings.segment.', 'embeddings.token_type_embeddings.')
    .replace('embeddings.norm.', 'embeddings.LayerNorm.')
    .replace(/^layer\./, 'encoder.layer.')
    .replace(/\.(query|key|value)\./, '.attention.self.$1.')
    .replace('.attention_output.', '.attention.output.dense.')
    .replace('.attention_norm.', '.attention.output.LayerNorm.')
    .replace('.intermediate.', '.intermediate.dense.')
    .replace('.output_norm.', '.output.LayerNorm.')
    .replace(/(layer\.\d+)\.output\.(weight|bias)$/, '$1.output.dense.$2')
    .replace(/^pooler\./, 'pooler.dense.');

export const attentionFamily: CaseTable = {
  scaled_dot_product_attention: attention,
  multihead_attention: multihead,
  transformer_encoder_layer: (tensors, attrs, given, { dtype }) =>
    filled(
      new TransformerEncoderLayer(...sizesOf(attrs), layerOptions(attrs, dtype)),
      tensors,
      given,
    ).forward(tensors['x']!, encoderMasks(tensors, attrs)),
  transformer_decoder_layer: (tensors, attrs, given, { dtype }) =>
    filled(
      new TransformerDecoderLayer(...sizesOf(attrs), layerOptions(attrs, dtype)),
      tensors,
      given,
    ).forward(tensors['x']!, tensors['memory']!, decoderMasks(tensors, attrs)),
  transformer_encoder: (tensors, attrs, given, { dtype }) =>
    filled(
      new TransformerEncoder(
        () => new TransformerEncoderLayer(...sizesOf(attrs), layerOptions(attrs, dtype)),
        num(attrs['num_layers']),
        finalNorm(attrs, dtype),
      ),
      tensors,
      given,
    ).forward(tensors['x']!, encoderMasks(tensors, attrs)),
  transformer_decoder: (tensors, attrs, given, { dtype }) =>
    filled(
      new TransformerDecoder(
        () => new TransformerDecoderLayer(...sizesOf(attrs), layerOptions(attrs, dtype)),
        num(attrs['num_layers']),
        finalNorm(attrs, dtype),
      ),
      tensors,
      given,
    ).forward(tensors['x']!, tensors['memory']!, decoderMasks(tensors, attrs)),
  rotary_position: ({ x }, attrs, _given, { dtype }) => {
    const [start, steps] = [num(attrs['start'] ?? 0), x!.shape[2]!];
    const positions = iota(steps).add(start);
    const angles = rotaryAngles(positions, x!.shape[3]!, { base: num(attrs['base']), dtype });
    const interleaved = word(attrs['style'] ?? 'half', ['half', 'interleaved']) === 'interleaved';
    return rotaryEmbedding(x!, ...angles, { interleaved });
  },
  sinusoidal_position: ({ x }, attrs, _given, { dtype }) => {
    const base = num(attrs['base'] ?? 10_000);
    const encoding = sinusoidalPositions(x!.shape.at(-2)!, x!.shape.at(-1)!, { base, dtype });
    return { output: x!.add(encoding), encoding };
  },
  alibi: ({ scores }, attrs, _given, { dtype }) => {
    const [queries, keys] = scores!.shape.slice(-2) as [number, number];
    const biased = scores!.add(alibiBias(num(attrs['heads']), queries, keys, { dtype }));
    return softmax(where(causalMask(queries, keys), full([], -Infinity, dtype), biased));
  },
  gpt: (tensors, _attrs, given, { dtype }) => {
    const model = filled(gptOf(given, dtype), tensors, given, gptName);
    const logits = model.forward(tensors['ids']!);
    const { targets } = tensors;
    const flat = logits.reshape([-1, logits.shape[2]!]);
    return {
      logits,
      ...(targets === undefined ? {} : { loss: crossEntropy(flat, targets.reshape([-1])) }),
    };
  },
  bert: (tensors, attrs, given, { dtype }) => {
    const { params } = given;
    const model = new BertModel(
      {
        vocabSize: num(attrs['vocab']),
        contextLength: params['embeddings.position.weight']!.shape[0]!,
        segments: params['embeddings.segment.weight']!.shape[0]!,
        layers: num(attrs['layers']),
        heads: num(attrs['heads']),
        width: num(attrs['d_model']),
        hidden: num(attrs['d_ff']),
        eps: num(attrs['eps'] ?? 1e-12),
        dtype,
      },
      { pooler: 'pooler.weight' in params },
    );
    const [sequence, pooled] = filled(model, tensors, given, bertName).forward(tensors['ids']!, {
      segments: tensors['segments'],
      attentionMask: shown(tensors['padding']),
    });
    return {
      sequence_output: sequence,
      ...(pooled === undefined ? {} : { pooled_output: pooled }),
    };
  },
};
