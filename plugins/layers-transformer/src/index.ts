/** @hebb/layers-transformer: attention, transformer layers and models, generation, tokenizers. */
export { MultiheadAttention } from './layers/attention.ts';
export type { AttentionCallOptions, MultiheadAttentionOptions } from './layers/attention.ts';
export { FeedForward, MixtureOfExperts, SwiGLU } from './layers/feed-forward.ts';
export type {
  Activation,
  FeedForwardOptions,
  MixtureOfExpertsOptions,
  SwiGLUOptions,
} from './layers/feed-forward.ts';
export { causalMask } from './layers/masks.ts';
export { LearnedPositions, RotaryPositions, SinusoidalPositions } from './layers/positions.ts';
export type { PositionOptions, RotaryOptions } from './layers/positions.ts';
export {
  Transformer,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
} from './layers/transformer.ts';
export type {
  DecoderCallOptions,
  EncoderCallOptions,
  StackOptions,
  TransformerCallOptions,
  TransformerLayerOptions,
  TransformerOptions,
} from './layers/transformer.ts';
export { CacheCall, KVCache } from './generation/cache.ts';
export type {
  AttentionCache,
  CachedAttentionOptions,
  CacheOptions,
  CacheSizes,
  CacheState,
} from './generation/cache.ts';
export { nextTokenLoss, tokenWindows } from './models/causal.ts';
export type { CausalCallOptions, CausalLM } from './models/causal.ts';
export { GPT, GPTBlock, gptConfigOf, gptConfigs } from './models/gpt.ts';
export type { GPTConfig } from './models/gpt.ts';
export { Llama, LlamaBlock, llamaConfigOf, llamaConfigs } from './models/llama.ts';
export type { LlamaConfig } from './models/llama.ts';
export {
  BertForMaskedLM,
  BertForSequenceClassification,
  BertLayer,
  BertModel,
  bertConfigOf,
  bertConfigs,
} from './models/bert.ts';
export type { BertCallOptions, BertConfig } from './models/bert.ts';
export { T5, relativeBuckets, t5ConfigOf, t5Configs } from './models/t5.ts';
export type { T5CallOptions, T5Config } from './models/t5.ts';
export { VisionTransformer, ViTBlock, vitConfigs } from './models/vit.ts';
export type { ViTConfig } from './models/vit.ts';
export {
  decode,
  generationFunctions,
  prefill,
  statelessFunctions,
} from './generation/functions.ts';
export type {
  GenerationFunctions,
  GenerationFunctionsOptions,
  SourceGenerationFunctions,
  SourceGenerationFunctionsOptions,
  StatelessFunction,
} from './generation/functions.ts';
export { pastFunctions } from './generation/past.ts';
export type { PastFunctionsOptions } from './generation/past.ts';
export { TextGenerator } from './generation/generate.ts';
export type {
  BeamGenerateOptions,
  GenerateOptions,
  TextGeneratorOptions,
} from './generation/generate.ts';
export { SourceCache, SourceDecoder, readSource } from './generation/source-cache.ts';
export { SourceTextGenerator } from './generation/source.ts';
export type { SourceTextGeneratorOptions } from './generation/source.ts';
export type { EncoderDecoderLM, ShownSource, SourceKeys } from './models/source.ts';
export { LoRA } from './layers/lora.ts';
export type { LoRAOptions } from './layers/lora.ts';
export { generateText, streamText } from './tokenizers/text.ts';
export type { GenerateTextOptions, TokenStream } from './tokenizers/text.ts';
export { Tokenizer } from './tokenizers/tokenizer.ts';
export type {
  DecodeOptions,
  EncodeOptions,
  Encoding,
  TokenizerJson,
} from './tokenizers/tokenizer.ts';
