import { cpu } from '@hebb/backend-cpu';
import { testLayer } from '@hebb/conformance';
import type { LayerTestOptions } from '@hebb/conformance';
import type { Tensor } from '@hebb/core';
import type { Module } from '@hebb/nn';
import * as t from '../src/index.ts';

const ids = { shape: [2, 3], dtype: 'int32', values: [3, 1, 4, 1, 5, 2] } as const;
const size = { vocabSize: 7, contextLength: 4, layers: 1, heads: 2, width: 4, hidden: 5 } as const;
const layer = { dimFeedforward: 5, dropout: 0, batchFirst: true } as const;

/** A module with several arguments as one of a list of tensors. */
const called =
  <M extends Module>(run: (module: M, ...inputs: Tensor[]) => unknown) =>
  (module: unknown, inputs: readonly Tensor[]): unknown =>
    run(module as M, ...inputs);

const cases: Readonly<Record<string, [() => Module, LayerTestOptions]>> = {
  MultiheadAttention: [
    () => new t.MultiheadAttention(4, 2, { kdim: 3, vdim: 2, addBiasKv: true, batchFirst: true }),
    {
      inputs: [
        [2, 3, 4],
        [2, 5, 3],
        [2, 5, 2],
      ],
      call: called((m: t.MultiheadAttention, q, k, v) => m.forward(q!, k!, v!, { isCausal: true })),
      output: [
        [2, 3, 4],
        [2, 3, 6],
      ],
      parameters: {
        q_proj_weight: [4, 4],
        k_proj_weight: [4, 3],
        v_proj_weight: [4, 2],
        in_proj_bias: [12],
        bias_k: [1, 1, 4],
        bias_v: [1, 1, 4],
        'out_proj.weight': [4, 4],
        'out_proj.bias': [4],
      },
    },
  ],
  TransformerEncoderLayer: [
    () => new t.TransformerEncoderLayer(4, 2, { ...layer, activation: 'gelu' }),
    { input: [2, 3, 4], output: [2, 3, 4] },
  ],
  TransformerDecoderLayer: [
    () => new t.TransformerDecoderLayer(4, 2, { ...layer, normFirst: true, activation: 'silu' }),
    {
      inputs: [
        [2, 3, 4],
        [2, 2, 4],
      ],
      call: called((m: t.TransformerDecoderLayer, x, y) =>
        m.forward(x!, y!, { tgtIsCausal: true }),
      ),
      output: [2, 3, 4],
    },
  ],
  Transformer: [
    () =>
      new t.Transformer({
        ...layer,
        dModel: 4,
        nhead: 2,
        numEncoderLayers: 1,
        numDecoderLayers: 1,
        activation: 'gelu',
      }),
    {
      inputs: [
        [2, 3, 4],
        [2, 2, 4],
      ],
      output: [2, 2, 4],
    },
  ],
  FeedForward: [() => new t.FeedForward(4, 6), { input: [2, 4], output: [2, 4] }],
  SwiGLU: [
    () => new t.SwiGLU(4, 6),
    {
      input: [2, 4],
      output: [2, 4],
      parameters: {
        'gate_proj.weight': [6, 4],
        'up_proj.weight': [6, 4],
        'down_proj.weight': [4, 6],
      },
    },
  ],
  MixtureOfExperts: [
    () => new t.MixtureOfExperts(4, 3, 3, { topK: 2 }),
    { input: [2, 3, 4], output: [2, 3, 4] },
  ],
  LearnedPositions: [
    () => new t.LearnedPositions(4, 5),
    { input: [2, 3, 4], output: [2, 3, 4], parameters: { weight: [5, 4] } },
  ],
  SinusoidalPositions: [
    () => new t.SinusoidalPositions(4, 5),
    { input: [2, 3, 4], output: [2, 3, 4], parameters: {} },
  ],
  RotaryPositions: [
    () => new t.RotaryPositions(4),
    { input: [2, 2, 3, 4], output: [2, 2, 3, 4], parameters: {} },
  ],
  GPT: [() => new t.GPT(size), { input: ids, output: [2, 3, 7] }],
  Llama: [() => new t.Llama({ ...size, kvHeads: 1 }), { input: ids, output: [2, 3, 7] }],
  BertForMaskedLM: [
    () => new t.BertForMaskedLM({ ...size, dropout: 0 }),
    {
      input: ids,
      output: [2, 3, 7],
      skip: { 'names its state': "names are Hugging Face's, which has LayerNorm in capitals" },
    },
  ],
  VisionTransformer: [
    () =>
      new t.VisionTransformer({
        imageSize: 4,
        patchSize: 2,
        layers: 1,
        heads: 2,
        width: 4,
        hidden: 5,
        inChannels: 1,
        numClasses: 3,
      }),
    { input: [2, 1, 4, 4], output: [2, 3] },
  ],
};

for (const [name, [make, options]] of Object.entries(cases)) {
  testLayer(name, make, { ...options, backend: () => cpu() });
}
