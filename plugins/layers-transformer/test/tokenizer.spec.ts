import { BytePairTokenizer } from '@hebb/data';
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed } from '@hebb/core';
import { GPT, TextGenerator, Tokenizer, generateText, streamText } from '../src/index.ts';

const text = 'the cat sat on the mat. the bat sat on the hat. a cat, a mat, a hat: 12 cats.\n';
const trained = BytePairTokenizer.train([text.repeat(3)], {
  vocabularySize: 300,
  special: ['<|end|>'],
});
const json = trained.toJSON();
const tokenizer = new Tokenizer(json, { eos_token: '<|end|>' });

describe('byte pair encoding', () => {
  it('of @hebb/data and of Hugging Face give the same numbers', () => {
    for (const each of [text, ' the hats', 'żółw 🐢 12\r\n']) {
      expect(tokenizer.encode(each).ids).toEqual(Array.from(trained.encode(each)));
    }
    expect(tokenizer.vocabSize).toBe(trained.size);
  });

  it('is short for what it has learned, and goes round for any text', () => {
    expect(tokenizer.encode(text).ids.length).toBeLessThan(text.length / 2);
    for (const each of [
      text,
      '',
      ' ',
      'żółw 🐢 on the mat\r\n\t',
      'don’t CAT  12',
      '\u0000\uFFFF',
    ]) {
      const { ids, tokens } = tokenizer.encode(each);
      expect(tokens).toHaveLength(ids.length);
      expect(tokenizer.decode(ids)).toBe(each);
    }
  });

  it('keeps special tokens whole', () => {
    const { ids } = tokenizer.encode('cat<|end|>mat');
    expect(ids).toContain(0);
    expect(tokenizer.eosToken).toBe(0);
    expect(tokenizer.decode(ids)).toBe('catmat');
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe('cat<|end|>mat');
    expect(tokenizer.tokenOf(tokenizer.idOf('at')!)).toBe('at');
  });

  it('streams whole characters only', () => {
    const stream = tokenizer.stream();
    const pieces = tokenizer.encode('a🐢\nb').ids.map((id) => stream.push(id));
    expect(pieces.join('') + stream.flush()).toBe('a🐢\nb');
    for (const piece of pieces) expect(piece).not.toContain('\uFFFD');
  });

  it('refuses what cannot be', () => {
    expect(() => new Tokenizer({})).toThrow('no tokenizer.json (got model.type undefined');
    expect(() => new Tokenizer({ model: { type: 'BPE' } })).toThrow('cannot be used');
    expect(() => tokenizer.decode([300])).toThrow('there is no such token (got 300');
  });
});

it('WordPiece with BERT’s normaliser and template', () => {
  const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'play', '##ing', '##ed', 'we', ',', 'cafe'];
  const special = (content: string, id: number) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const bert = new Tokenizer(
    {
      version: '1.0',
      added_tokens: words.slice(0, 4).map(special),
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: true,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: {
        type: 'TemplateProcessing',
        single: [
          { SpecialToken: { id: '[CLS]', type_id: 0 } },
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: '[SEP]', type_id: 0 } },
        ],
        pair: [
          { SpecialToken: { id: '[CLS]', type_id: 0 } },
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: '[SEP]', type_id: 0 } },
          { Sequence: { id: 'B', type_id: 1 } },
          { SpecialToken: { id: '[SEP]', type_id: 1 } },
        ],
        special_tokens: {
          '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
          '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
        },
      },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(words.map((word, id) => [word, id])),
      },
    },
    { pad_token: '[PAD]', unk_token: '[UNK]' },
  );
  expect(bert.encode('We, Playing Café').tokens).toEqual([
    '[CLS]',
    'we',
    ',',
    'play',
    '##ing',
    'cafe',
    '[SEP]',
  ]);
  expect(bert.encode('played', { pair: 'we' })).toMatchObject({
    ids: [2, 4, 6, 3, 7, 3],
    segments: [0, 0, 0, 0, 1, 1],
  });
  expect(bert.encode('xyz', { addSpecialTokens: false }).ids).toEqual([1]);
  expect(bert.decode([2, 4, 5, 3])).toBe('playing');
  expect(bert.padToken).toBe(0);
});

it('Unigram takes the likeliest cut', () => {
  const vocab = [['<unk>', 0], ['▁', -3], ['▁ab', -2], ['a', -4], ['b', -4], ['c', -3], ['bc', -2.5]]; // prettier-ignore
  const unigram = new Tokenizer({
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    post_processor: null,
    decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    model: { type: 'Unigram', unk_id: 0, vocab, byte_fallback: false },
  });
  // ▁ab + c = -5; ▁ + a + bc = -9.5
  expect(unigram.encode('abc').tokens).toEqual(['▁ab', 'c']);
  expect(unigram.decode(unigram.encode('abc').ids)).toBe('abc');
});

it('text in, text out, up to a stop', async () => {
  await init(cpu());
  manualSeed(3);
  const { vocabSize } = tokenizer;
  const model = new GPT({ vocabSize, contextLength: 48, layers: 1, heads: 2, width: 8 });
  const generator = new TextGenerator(model);
  const options = { maxNewTokens: 24, seed: 2, endTokens: [] };
  const whole = await generateText(generator, tokenizer, 'the cat', options);
  expect(whole.length).toBeGreaterThan(10);
  const pieces: string[] = [];
  for await (const piece of streamText(generator, tokenizer, 'the cat', options))
    pieces.push(piece);
  expect(pieces.join('')).toBe(whole);
  const stop = whole.slice(6, 9);
  const cut = await generateText(generator, tokenizer, 'the cat', { ...options, stop: [stop] });
  expect(cut).toBe(whole.slice(0, whole.indexOf(stop)));
});
