/**
 * Parameters of the models as they are published. Nothing is computed: start values that nobody reads do not
 * exist.
 */
import { sizeOf } from '@hebb/core';
import type { Module } from '@hebb/nn';
import * as t from '../src/index.ts';

const count = (model: Module): number =>
  model.parameters().reduce((sum, { shape }) => sum + sizeOf(shape), 0);

const published: readonly (readonly [string, () => Module, number])[] = [
  ['gpt2', () => new t.GPT(t.gptConfigs.gpt2), 124_439_808],
  ['gpt2-medium', () => new t.GPT(t.gptConfigs['gpt2-medium']), 354_823_168],
  ['gpt2-large', () => new t.GPT(t.gptConfigs['gpt2-large']), 774_030_080],
  ['gpt2-xl', () => new t.GPT(t.gptConfigs['gpt2-xl']), 1_557_611_200],
  ['distilgpt2', () => new t.GPT(t.gptConfigs.distilgpt2), 81_912_576],
  ['tinyllama-1.1b', () => new t.Llama(t.llamaConfigs['tinyllama-1.1b']), 1_100_048_384],
  ['smollm2-135m', () => new t.Llama(t.llamaConfigs['smollm2-135m']), 134_515_008],
  ['llama-2-7b', () => new t.Llama(t.llamaConfigs['llama-2-7b']), 6_738_415_616],
  ['qwen2-0.5b', () => new t.Llama(t.llamaConfigs['qwen2-0.5b']), 494_032_768],
  ['bert-tiny', () => new t.BertModel(t.bertConfigs['bert-tiny']), 4_385_920],
  ['bert-mini', () => new t.BertModel(t.bertConfigs['bert-mini']), 11_170_560],
  ['bert-small', () => new t.BertModel(t.bertConfigs['bert-small']), 28_763_648],
  ['bert-base-uncased', () => new t.BertModel(t.bertConfigs['bert-base-uncased']), 109_482_240],
  ['bert-base-cased', () => new t.BertModel(t.bertConfigs['bert-base-cased']), 108_310_272],
  ['bert-large-uncased', () => new t.BertModel(t.bertConfigs['bert-large-uncased']), 335_141_888],
  [
    'bert-base-uncased, masked words',
    () => new t.BertForMaskedLM(t.bertConfigs['bert-base-uncased']),
    109_514_298,
  ],
  [
    'bert-base-uncased, two classes',
    () => new t.BertForSequenceClassification(t.bertConfigs['bert-base-uncased'], 2),
    109_483_778,
  ],
  ['t5-small', () => new t.T5(t.t5Configs['t5-small']), 60_506_624],
  ['t5-base', () => new t.T5(t.t5Configs['t5-base']), 222_903_552],
  ['t5-large', () => new t.T5(t.t5Configs['t5-large']), 737_668_096],
  ['flan-t5-small', () => new t.T5(t.t5Configs['flan-t5-small']), 76_961_152],
  ['vit-b-16', () => new t.VisionTransformer(t.vitConfigs['vit-b-16']), 86_567_656],
  ['vit-b-32', () => new t.VisionTransformer(t.vitConfigs['vit-b-32']), 88_224_232],
  ['vit-l-16', () => new t.VisionTransformer(t.vitConfigs['vit-l-16']), 304_326_632],
  ['vit-l-32', () => new t.VisionTransformer(t.vitConfigs['vit-l-32']), 306_535_400],
  ['vit-h-14', () => new t.VisionTransformer(t.vitConfigs['vit-h-14']), 632_045_800],
  ['Transformer', () => new t.Transformer(), 44_140_544],
];
describe('published sizes', () => {
  it.each(published)('%s', (_, make, parameters) => {
    expect(count(make())).toBe(parameters);
  });
});
