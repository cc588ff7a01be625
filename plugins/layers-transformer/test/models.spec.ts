/** Models against the files that are published: names, layouts, what they refuse. */
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, ones, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Module } from '@hebb/nn';
import * as t from '../src/index.ts';

beforeAll(() => init(cpu()));

const small = { vocabSize: 11, contextLength: 6, layers: 2, heads: 2, width: 4 } as const;
const ids = tensor(Int32Array.of(3, 1, 4, 1, 5, 9), { shape: [2, 3] });

/** The state of a model under the names of a file, in the layout of a file. */
async function fileOf(
  model: Module,
  change: (name: string, value: Tensor) => [string, Tensor],
): Promise<Record<string, Tensor>> {
  const state = Object.entries(await model.stateDict());
  return Object.fromEntries(state.map(([name, value]) => change(name, value)));
}
async function expectSame(a: Tensor, b: Tensor): Promise<void> {
  expect(await a.toArray()).toEqual(await b.toArray());
}

describe('GPT-2 files', () => {
  const turned = /\.(c_attn|c_proj|c_fc)\.weight$/;
  const gpt2 = (name: string, value: Tensor): [string, Tensor] => [
    `transformer.${name}`,
    turned.test(name) ? value.transpose() : value,
  ];

  it('are taken by name, linear weights turned, masks and the tied head left out', async () => {
    manualSeed(1);
    const [from, to] = [new t.GPT(small), new t.GPT(small)];
    const file = await fileOf(from, gpt2);
    expect(file['transformer.h.0.mlp.c_fc.weight']!.shape).toEqual([4, 16]);
    to.loadHuggingFace({
      ...file,
      'transformer.h.0.attn.bias': ones([1, 1, 6, 6]),
      'transformer.h.1.attn.masked_bias': ones([]),
      'lm_head.weight': file['transformer.wte.weight']!,
    });
    await expectSame(to.forward(ids), from.forward(ids));
  });

  it('have the names of the published file', () => {
    const names = [...new t.GPT(t.gptConfigs.gpt2).namedParameters().keys()];
    expect(names).toHaveLength(148);
    const block = ['ln_1', 'attn.c_attn', 'attn.c_proj', 'ln_2', 'mlp.c_fc', 'mlp.c_proj'];
    const wanted = Array.from({ length: 12 }, (_, i) => block.map((layer) => `h.${i}.${layer}`));
    expect(new Set(names)).toEqual(
      new Set([
        'wte.weight',
        'wpe.weight',
        ...[...wanted.flat(), 'ln_f'].flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]),
      ]),
    );
  });

  it('lacking some names and having others are refused with both lists', async () => {
    const { ['transformer.ln_f.bias']: _, ...rest } = await fileOf(new t.GPT(small), gpt2);
    const load = () =>
      new t.GPT(small).loadHuggingFace({ ...rest, 'transformer.h.2.x': ones([1]) });
    expect(load).toThrow('the state does not fit GPT: missing ln_f.bias; unexpected h.2.x');
    const other = new t.GPT({ ...small, width: 6 });
    expect(() => other.loadHuggingFace(rest)).toThrow('h.0.ln_1.weight (got [4], wanted [6])');
  });

  it('come with a config.json', () => {
    const json = {
      model_type: 'gpt2',
      vocab_size: 50_257,
      n_positions: 1024,
      n_layer: 12,
      n_head: 12,
      n_embd: 768,
      n_inner: null,
      activation_function: 'gelu_new',
      layer_norm_epsilon: 1e-5,
    };
    expect(t.gptConfigOf(json)).toMatchObject(t.gptConfigs.gpt2);
    expect(() => t.gptConfigOf({})).toThrow('config.json has no number n_embd');
    expect(() => t.gptConfigOf({ ...json, activation_function: 'quick' })).toThrow(
      'unknown activation_function (got quick',
    );
  });
});

it('Llama files are taken by name', async () => {
  const config = { ...small, kvHeads: 1, hidden: 6 };
  const [from, to] = [new t.Llama(config), new t.Llama(config)];
  const file = await fileOf(from, (name, value) => [
    name.startsWith('lm_head') ? name : `model.${name}`,
    value,
  ]);
  expect(Object.keys(file)).toEqual(
    expect.arrayContaining([
      'model.embed_tokens.weight',
      'model.layers.1.self_attn.k_proj.weight',
      'model.layers.1.mlp.gate_proj.weight',
      'model.layers.1.input_layernorm.weight',
      'model.layers.1.post_attention_layernorm.weight',
      'model.norm.weight',
      'lm_head.weight',
    ]),
  );
  to.loadHuggingFace({ ...file, 'model.layers.0.self_attn.rotary_emb.inv_freq': ones([1]) });
  await expectSame(to.forward(ids), from.forward(ids));
  expect(
    t.llamaConfigOf({
      model_type: 'llama',
      vocab_size: 32_000,
      max_position_embeddings: 2048,
      num_hidden_layers: 22,
      num_attention_heads: 32,
      num_key_value_heads: 4,
      hidden_size: 2048,
      intermediate_size: 5632,
      rms_norm_eps: 1e-5,
    }),
  ).toMatchObject(t.llamaConfigs['tinyllama-1.1b']);
});

describe('BERT files', () => {
  const file = () => fileOf(new t.BertForMaskedLM(small), (name, value) => [name, value]);

  it('have the names of the published file', () => {
    const names = [...new t.BertModel(t.bertConfigs['bert-base-uncased']).namedParameters().keys()];
    expect(names).toHaveLength(199);
    expect(names).toEqual(
      expect.arrayContaining([
        'embeddings.word_embeddings.weight',
        'embeddings.position_embeddings.weight',
        'embeddings.token_type_embeddings.weight',
        'embeddings.LayerNorm.bias',
        'encoder.layer.11.attention.self.query.weight',
        'encoder.layer.11.attention.output.dense.bias',
        'encoder.layer.11.attention.output.LayerNorm.weight',
        'encoder.layer.11.intermediate.dense.weight',
        'encoder.layer.11.output.dense.weight',
        'encoder.layer.11.output.LayerNorm.bias',
        'pooler.dense.weight',
      ]),
    );
  });

  it('are taken whatever their heads, with the old names of normalisations too', async () => {
    const state = await file();
    const old = Object.fromEntries(
      Object.entries(state).map(([name, value]) => [
        name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('Norm.bias', 'Norm.beta'),
        value,
      ]),
    );
    const masked = new t.BertForMaskedLM(small).eval();
    masked.loadHuggingFace({ ...old, 'cls.predictions.decoder.weight': ones([11, 4]) });
    const body = new t.BertModel(small, { pooler: false }).eval();
    body.loadHuggingFace(old);
    await expectSame(body.forward(ids)[0], masked.bert.forward(ids)[0]);
    expect(masked.forward(ids).shape).toEqual([2, 3, 11]);
    const classifier = new t.BertForSequenceClassification(small, 3);
    expect(() => classifier.loadHuggingFace(state)).toThrow(
      'missing bert.pooler.dense.weight, bert.pooler.dense.bias, classifier.weight, classifier.bias',
    );
    const { missing } = classifier.loadHuggingFace(state, { strict: false });
    expect(missing).toHaveLength(4);
    expect(classifier.forward(ids).shape).toEqual([2, 3]);
  });

  it('hidden tokens change nothing for the others', async () => {
    const model = new t.BertModel(small).eval();
    const mask = tensor([
      [1, 1, 0],
      [1, 1, 0],
    ]);
    const seen = (x: Tensor): Tensor =>
      model.forward(x, { attentionMask: mask })[0].narrow(1, 0, 2);
    const other = tensor(Int32Array.of(3, 1, 7, 1, 5, 2), { shape: [2, 3] });
    await expectSame(seen(ids), seen(other));
    expect(() => model.forward(ids, { attentionMask: ones([2, 4]) })).toThrow(
      'attentionMask does not fit (got [2,4], wanted [2,3])',
    );
  });
});

describe('T5', () => {
  const config = { vocabSize: 11, layers: 2, heads: 2, width: 4, headSize: 3, hidden: 6 } as const;

  it('has the names of the published file', () => {
    const names = [...new t.T5(t.t5Configs['t5-small']).namedParameters().keys()];
    expect(names).toHaveLength(131);
    expect(names).toEqual(
      expect.arrayContaining([
        'shared.weight',
        'encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight',
        'encoder.block.5.layer.0.SelfAttention.q.weight',
        'encoder.block.5.layer.0.layer_norm.weight',
        'encoder.block.5.layer.1.DenseReluDense.wi.weight',
        'encoder.final_layer_norm.weight',
        'decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight',
        'decoder.block.5.layer.1.EncDecAttention.o.weight',
        'decoder.block.5.layer.2.DenseReluDense.wo.weight',
        'decoder.final_layer_norm.weight',
      ]),
    );
  });

  it('counts distances as the paper does', async () => {
    const kind = (distance: number, later: boolean): number => {
      const kinds = later ? 16 : 32;
      const far = later ? Math.abs(distance) : Math.max(0, -distance);
      const exact = kinds / 2;
      const grown = exact + Math.floor((Math.log(far / exact) / Math.log(128 / exact)) * exact);
      return (later && distance > 0 ? 16 : 0) + (far < exact ? far : Math.min(kinds - 1, grown));
    };
    for (const later of [true, false]) {
      const found = t.relativeBuckets(200, 150, { buckets: 32, maxDistance: 128, later });
      const wanted = Array.from({ length: 200 * 150 }, (_, i) =>
        kind((i % 150) - Math.floor(i / 150), later),
      );
      expect(Array.from(await found.data(), Number)).toEqual(wanted);
    }
  });

  it('decodes without looking ahead, and hides inputs that the mask hides', async () => {
    const model = new t.T5(config).eval();
    const target = tensor(Int32Array.of(0, 4, 2, 0, 7, 1), { shape: [2, 3] });
    const changed = tensor(Int32Array.of(0, 4, 9, 0, 7, 9), { shape: [2, 3] });
    const first = (x: Tensor): Tensor => x.narrow(1, 0, 2);
    await expectSame(first(model.forward(ids, target)), first(model.forward(ids, changed)));
    const attentionMask = tensor([[true, true, false], [true, false, false]]); // prettier-ignore
    const other = tensor(Int32Array.of(3, 1, 8, 1, 8, 8), { shape: [2, 3] });
    await expectSame(
      model.forward(ids, target, { attentionMask }),
      model.forward(other, target, { attentionMask }),
    );
  });

  it('takes files with a table of embeddings for each side', async () => {
    const [from, to] = [new t.T5(config).eval(), new t.T5(config).eval()];
    const file = await fileOf(from, (name, value) => [name, value]);
    const table = file['shared.weight']!;
    to.loadHuggingFace({ ...file, 'encoder.embed_tokens.weight': table, 'lm_head.weight': table });
    await expectSame(to.forward(ids, ids), from.forward(ids, ids));
    expect(() => new t.T5({ ...config, gated: true }).loadHuggingFace(file)).toThrow(
      'layer.1.DenseReluDense.wi.weight',
    );
  });
});

it("ViT has torchvision's names", () => {
  const model = new t.VisionTransformer(t.vitConfigs['vit-b-16']);
  const names = [...model.namedParameters().keys()];
  expect(names).toHaveLength(152);
  expect(names).toEqual(
    expect.arrayContaining([
      'class_token',
      'conv_proj.weight',
      'encoder.pos_embedding',
      'encoder.layers.encoder_layer_11.ln_1.weight',
      'encoder.layers.encoder_layer_11.self_attention.in_proj_weight',
      'encoder.layers.encoder_layer_11.self_attention.out_proj.bias',
      'encoder.layers.encoder_layer_11.mlp.0.weight',
      'encoder.layers.encoder_layer_11.mlp.3.bias',
      'encoder.ln.weight',
      'heads.head.weight',
    ]),
  );
  const tiny = new t.VisionTransformer({
    imageSize: 8,
    patchSize: 4,
    layers: 1,
    heads: 2,
    width: 4,
    numClasses: 3,
    inChannels: 1,
  });
  expect(tiny.forward(ones([2, 1, 8, 8])).shape).toEqual([2, 3]);
  expect(() => tiny.forward(ones([2, 3, 8, 8]))).toThrow(
    'images do not fit (got [2,3,8,8], wanted [N,1,8,8])',
  );
});

it('sizes that do not fit are refused', () => {
  expect(() => new t.GPT({ ...small, width: 5 })).toThrow('width does not divide among the heads');
  expect(() => new t.GPT({ ...small, layers: 0 })).toThrow('layers is a positive whole number');
  expect(() => new t.Llama({ ...small, kvHeads: 3, hidden: 4 })).toThrow('do not divide');
  expect(() => new t.VisionTransformer({ ...t.vitConfigs['vit-b-16'], imageSize: 100 })).toThrow(
    'the image does not divide into patches',
  );
});
