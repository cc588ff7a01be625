/** Encoder-decoders with caches beside the same models without. */
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { sampleToken, seededUniform } from '@hebb/ops';
import { SourceTextGenerator, T5, generateText } from '../src/index.ts';
import type { EncoderDecoderLM } from '../src/index.ts';
import { Translator } from './translator.ts';

beforeAll(() => init(cpu()));

type Tested = EncoderDecoderLM & { forward(ids: Tensor, decoderIds: Tensor): Tensor };

const small = { vocabSize: 19, layers: 2, heads: 2, width: 8, headSize: 5, hidden: 12 } as const;
const models = {
  T5: () => new T5({ ...small, decoderLayers: 3, buckets: 8, maxDistance: 10 }),
  'Transformer, the batch first': () => new Translator(true, true),
  'Transformer, the sequence first': () => new Translator(false, false),
  'T5 1.1': () => new T5({ ...small, gated: true, tiedHead: false, startToken: 3 }),
};

function make<M extends Tested>(build: () => M): M {
  manualSeed(2);
  const model = build();
  // Larger than at the start of training, so that tokens matter.
  for (const [name, parameter] of model.namedParameters()) {
    if (!/norm|transformer/.test(name)) {
      parameter.value = parameter.value.mul(/shared|lm_head|table/.test(name) ? 0.6 : 2);
    }
  }
  return model;
}

const ids = (list: readonly number[]) => tensor(Int32Array.from(list), { shape: [1, list.length] });

/** Logits after the whole text, computed without a cache. */
async function uncached(
  model: Tested,
  source: readonly number[],
  text: readonly number[],
): Promise<Float32Array> {
  model.eval();
  const logits = model.forward(ids(source), ids([model.startToken, ...text]));
  model.train();
  return (await logits.index(0, text.length).data()) as Float32Array;
}
const close = (values: Float32Array): unknown[] =>
  Array.from(values, (x) => expect.closeTo(x, 3) as unknown);

const source = [4, 1, 7, 7, 2, 9, 18];
const sizes = { capacity: 24, sourceCapacity: 20 };

describe.each(Object.entries<() => Tested>(models))('%s', (_, build) => {
  const model = make(build);
  const generator = new SourceTextGenerator(model, sizes);

  it('gives the same logits with caches as without, token by token', async () => {
    for (const text of [[], [5, 5, 11]]) {
      expect(Array.from(await generator.logits(source, text))).toEqual(
        close(await uncached(model, source, text)),
      );
    }
    // Longer than the distances that have kinds of their own.
    const text = await generator.generate(source, { seed: 4, maxNewTokens: 20 });
    expect(text).toHaveLength(20);
    const random = seededUniform(4);
    for (const [i, token] of text.entries()) {
      expect(token).toBe(sampleToken(await uncached(model, source, text.slice(0, i)), {}, random));
    }
    expect(new Set(text).size).toBeGreaterThan(3);
  });

  it('forgets the source before', async () => {
    const options = { seed: 1, maxNewTokens: 6 };
    const first = await generator.generate(source, options);
    expect(Array.from(await generator.logits([1, 2]))).toEqual(
      close(await uncached(model, [1, 2], [])),
    );
    expect(await generator.generate(source, options)).toEqual(first);
  });

  it('gives rows of a batch what they get alone, whatever the lengths of their sources', async () => {
    const sources = [source, [1], [8, 8, 3, 2, 1, 1, 5, 6, 7, 2, 3, 4, 5, 6, 7, 9, 1]];
    const together = new SourceTextGenerator(model, { ...sizes, batch: 3 });
    const options = { maxNewTokens: 10, seed: 5 };
    const found = await together.generateBatch(sources, options);
    for (const [i, each] of sources.entries()) {
      expect(found[i]).toEqual(await generator.generate(each, { ...options, seed: 5 + i }));
    }
  });

  it('searches with beams, whose scores are the true ones', async () => {
    const beams = new SourceTextGenerator(model, { ...sizes, batch: 4 });
    const found = await beams.beamSearch(source, { maxNewTokens: 5, endToken: 18 });
    expect(found).toHaveLength(4);
    for (const { tokens, score } of found) {
      const all = tokens.length === 5 ? tokens : [...tokens, 18];
      let total = 0;
      for (const [i, token] of all.entries()) {
        const logits = await uncached(model, source, all.slice(0, i));
        total += logits[token]! - Math.log(logits.reduce((a, x) => a + Math.exp(x), 0));
      }
      expect(score).toBeCloseTo(total, 3);
    }
  });
});

describe('what cannot be', () => {
  const model = make(models.T5);
  const generator = new SourceTextGenerator(model, sizes);

  it.each([
    ['an empty source', [], 'generate: the source is empty'],
    ['a token out of range', [3, 19], 'a token is out of range (got 19, wanted 0 to 18)'],
    ['a token that is no number', [NaN], 'a token is out of range (got NaN'],
    [
      'a source that is too long',
      new Array<number>(21).fill(1),
      'the source does not fit into its cache (got 21 tokens, wanted at most 20)',
    ],
  ])('%s', async (_, given, message) => {
    await expect(generator.generate(given)).rejects.toThrow(message);
    // Nothing is left behind.
    expect(await generator.generate(source, { maxNewTokens: 2 })).toHaveLength(2);
  });

  it('a text that outgrows its cache, another batch, two texts at once', async () => {
    await expect(generator.generate(source, { maxNewTokens: 24 })).rejects.toThrow(
      'prompt and text do not fit into the cache (got 1 + 24 tokens, wanted at most 24)',
    );
    await expect(generator.generateBatch([source, source])).rejects.toThrow(
      'the generator has another batch (got 2, wanted 1)',
    );
    const running = generator.stream(source, { maxNewTokens: 3 });
    await running.next();
    await expect(generator.generate(source)).rejects.toThrow('another text is being generated');
    await running.return();
    expect(await generator.generate(source)).toHaveLength(23);
    expect(() => new SourceTextGenerator(model, { sourceCapacity: 0 })).toThrow(
      'capacity is a positive whole number',
    );
    const float = tensor([[0.5]]);
    expect(() => model.forward(float, ids([0]))).toThrow('integers');
  });
});

it('text about text', async () => {
  const generator = new SourceTextGenerator(make(models.T5), sizes);
  const letters = 'abcdefghijklmnopqrs';
  const tokenizer = {
    eosToken: undefined,
    encode: (text: string) => ({ ids: Array.from(text, (c) => letters.indexOf(c)) }),
    stream: () => ({ push: (id: number) => letters[id]!, flush: () => '' }),
  };
  const text = await generateText(generator, tokenizer as never, 'hebb', {
    temperature: 0,
    maxNewTokens: 4,
  });
  expect(text).toHaveLength(4);
});
