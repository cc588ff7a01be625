/** What models do with input that does not fit, and with rows that may look at nothing. */
import { cpu } from '@hebb/backend-cpu';
import { compile, gradients, init, manualSeed, ones, random, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Module } from '@hebb/nn';
import * as t from '../src/index.ts';

beforeAll(() => init(cpu()));
beforeEach(() => manualSeed(3));

const small = { vocabSize: 11, contextLength: 6, layers: 2, heads: 2, width: 8 } as const;
const about = { vocabSize: 11, layers: 1, heads: 2, width: 8, hidden: 12 } as const;
const ids = (...rows: number[][]): Tensor =>
  tensor(Int32Array.from(rows.flat()), { shape: [rows.length, rows[0]!.length] });
const draw = (seed: number, ...shape: number[]): Tensor => random.normal(random.key(seed), shape);

const models: readonly (readonly [string, { forward(x: Tensor): unknown }])[] = [
  ['GPT', new t.GPT(small)],
  ['Llama', new t.Llama({ ...small, hidden: 12 })],
  ['BertModel', new t.BertModel(small)],
];

describe.each(models)('%s', (name, model) => {
  it('says which length, and which token, does not fit', () => {
    expect(() => model.forward(ids([1, 2, 3, 4, 5, 6, 7]))).toThrow(
      `${name}: the sequence is longer than the context (got 7, wanted at most 6)`,
    );
    expect(() => model.forward(ids([1, 2], [3, 11]))).toThrow(
      `${name}: a token is out of range (got 11, wanted 0 to 10)`,
    );
    expect(() => model.forward(ids([-1]))).toThrow('a token is out of range (got -1');
    expect(() => model.forward(tensor(BigInt64Array.of(40n), { shape: [1, 1] }))).toThrow(
      'a token is out of range (got 40',
    );
    expect(() => model.forward(tensor([1, 2]))).toThrow('ids do not fit (got float32[2]');
  });
});

it('T5 says which token, in the source and in the text', () => {
  const model = new t.T5(about);
  expect(() => model.forward(ids([12]), ids([0]))).toThrow('T5: a token is out of range (got 12');
  expect(() => model.forward(ids([1]), ids([-2]))).toThrow('T5: a token is out of range (got -2');
});

it('masks that do not fit are named, with the shape that does', () => {
  const x = draw(1, 3, 2, 8);
  const encoder = new t.TransformerEncoderLayer(8, 2, { dimFeedforward: 8 });
  const decoder = new t.TransformerDecoderLayer(8, 2, { dimFeedforward: 8 });
  const wrong = ones([3, 4], 'bool');
  expect(() => encoder.forward(x, { srcMask: wrong })).toThrow(
    'attnMask does not fit (got [3,4], wanted [3,3] or [4,3,3])',
  );
  expect(() => encoder.forward(x, { srcKeyPaddingMask: wrong })).toThrow(
    'keyPaddingMask does not fit (got [3,4], wanted [2,3])',
  );
  expect(() => decoder.forward(x, draw(2, 5, 2, 8), { memoryMask: wrong })).toThrow(
    'attnMask does not fit (got [3,4], wanted [3,5] or [4,3,5])',
  );
  expect(() => decoder.forward(x, draw(2, 5, 2, 8), { memoryKeyPaddingMask: wrong })).toThrow(
    'keyPaddingMask does not fit (got [3,4], wanted [2,5])',
  );
  const call = { attentionMask: ones([2, 4]) };
  const given = ids([1, 2, 3], [4, 5, 6]);
  expect(() => new t.BertForSequenceClassification(small, 2).forward(given, call)).toThrow(
    'attentionMask does not fit (got [2,4], wanted [2,3])',
  );
  expect(() => new t.T5(about).forward(given, given, call)).toThrow(
    'attentionMask does not fit (got [2,4], wanted [2,3])',
  );
});

/** Whether results and all gradients are numbers. */
async function finite(model: Module, y: Tensor): Promise<boolean> {
  const parameters = [...model.namedParameters().values()].map(({ value }) => value);
  const all = [y, ...gradients(y.mul(y).sum(), parameters, { unused: 'zeros' })];
  for (const x of all) {
    if (!Array.from(await x.data(), Number).every(Number.isFinite)) return false;
  }
  return true;
}

describe('a row that may look at nothing is defined, gradients included', () => {
  const given = ids([1, 2, 3], [4, 5, 6]);
  const attentionMask = tensor([[0, 0, 0], [1, 1, 0]]); // prettier-ignore

  it.each([false, true])('encoder and decoder layers (normalisation first: %s)', async (first) => {
    const options = { dimFeedforward: 8, normFirst: first, dropout: 0 };
    const hidden = tensor([[true, true, true], [false, true, false]]); // prettier-ignore
    const model = new t.Transformer({
      ...options,
      dModel: 8,
      nhead: 2,
      numEncoderLayers: 1,
      numDecoderLayers: 1,
    });
    const masks = {
      srcKeyPaddingMask: hidden,
      tgtKeyPaddingMask: hidden,
      memoryKeyPaddingMask: hidden,
      tgtMask: t.causalMask(3),
    };
    expect(await finite(model, model.forward(draw(1, 3, 2, 8), draw(2, 3, 2, 8), masks))).toBe(
      true,
    );
    const added = tensor([[-Infinity, -Infinity, -Infinity], [0, 0, 0], [0, 0, 0]]); // prettier-ignore
    const y = model.forward(draw(1, 3, 2, 8), draw(2, 3, 2, 8), {
      srcMask: added,
      memoryMask: added,
    });
    expect(await finite(model, y)).toBe(true);
  });

  it('BERT', async () => {
    const model = new t.BertModel({ ...small, dropout: 0 });
    const [y, pooled] = model.forward(given, { attentionMask });
    expect(await finite(model, y)).toBe(true);
    expect(await finite(model, pooled!)).toBe(true);
  });

  it('T5', async () => {
    const model = new t.T5({ ...about, dropout: 0 });
    expect(await finite(model, model.forward(given, given, { attentionMask }))).toBe(true);
  });
});

describe('caches', () => {
  const model = new t.GPT(small);

  it('refuse more tokens in one call than they hold', () => {
    const cache = new t.KVCache(model.cacheSizes, { capacity: 4 });
    expect(() => new t.CacheCall(cache.state, 5)).toThrow(
      'cache: more tokens than the cache holds (got 5, wanted at most 4)',
    );
    expect(() => new t.KVCache(model.cacheSizes, { capacity: 0 })).toThrow(
      'KVCache: capacity is a positive whole number (got 0)',
    );
  });

  it('are no larger than what a model looks at, and hold every prompt', () => {
    const gpt = new t.GPT(small);
    const beyond = 'capacity is beyond the context of the model (got 7, wanted at most 6)';
    expect(() => new t.TextGenerator(gpt, { capacity: 7 })).toThrow(`TextGenerator: ${beyond}`);
    expect(() => t.generationFunctions(gpt, { capacity: 7 })).toThrow(beyond);
    expect(() => t.statelessFunctions(gpt, { capacity: 7, prompt: 2 })).toThrow(beyond);
    expect(() => t.generationFunctions(gpt, { capacity: 6, prompts: [3, 7] })).toThrow(
      'generationFunctions: prompts are whole numbers that fit (got 7, wanted 1 to 6)',
    );
    const sizes = { capacity: 4, prompts: [9], sourceCapacity: 8 };
    expect(() => t.generationFunctions(new t.T5(about), sizes)).toThrow('(got 9, wanted 1 to 8)');
    const added = new t.MultiheadAttention(4, 2, { addBiasKv: true });
    expect(() => added.keysOf(ones([3, 1, 4]))).toThrow('cannot be joined by addBiasKv');
  });
  it('say where a token does not fit any more', async () => {
    const cache = new t.KVCache(model.cacheSizes, { capacity: 2 });
    const next = compile((id: Tensor) => t.decode(model, cache, id));
    for (const id of [1, 2]) await next(tensor(Int32Array.of(id)));
    await expect(next(tensor(Int32Array.of(3)))).rejects.toThrow(
      'h.0.attn: index 2 is out of range for axis 2 of size 2',
    );
  });
});

it('weights: names that are missing and names that are too much are listed together', async () => {
  const cases: readonly (readonly [Module & { loadHuggingFace(x: never): unknown }, string])[] = [
    [new t.GPT(small), 'ln_f.bias'],
    [new t.Llama({ ...small, hidden: 12 }), 'norm.weight'],
    [new t.BertModel(small), 'pooler.dense.bias'],
    [new t.T5(about), 'decoder.final_layer_norm.weight'],
  ];
  for (const [model, missing] of cases) {
    const state = await model.stateDict();
    const { [missing]: left, ...rest } = state;
    expect(left).toBeDefined();
    const load = () => model.loadHuggingFace({ ...rest, 'more.weight': ones([1]) } as never);
    const name = missing.replaceAll('.', '\\.');
    expect(load).toThrow(new RegExp(`missing .*${name}.*unexpected .*more\\.weight`));
    // Nothing was taken.
    expect(Object.keys(await model.stateDict())).toEqual(Object.keys(state));
  }
});

it('what a language model learns from are rows of two tokens at least, cut from the text', () => {
  expect(() => t.nextTokenLoss(new t.GPT(small), ids([1]))).toThrow(
    'nextTokenLoss: rows do not fit (got [1,1], wanted [N, T], T at least 2)',
  );
  expect(() => t.tokenWindows(Int32Array.of(1, 2, 3), [0, 2], 2)).toThrow(
    'tokenWindows: a window is not in the text (got 2 to 4, wanted 3 tokens)',
  );
});
