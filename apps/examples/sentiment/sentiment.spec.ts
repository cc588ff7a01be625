import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, tensor } from '@hebb/core';
import { hasData } from '../common/data.ts';
import { execute } from '../common/example.ts';
import { parseOptions } from '../common/options.ts';
import { files } from './corpora.ts';
import { Bags, sequences, shortened, vocabularyOf } from './features.ts';
import type { Review } from './features.ts';
import { SentimentNet } from './model.ts';
import { sentiment } from './sentiment.ts';

const review = (text: string, label: 0 | 1): Review => ({ words: text.split(' '), label });
const train = [review('a good film', 1), review('a bad bad film', 0), review('good', 1)];

it('weighs words by their count and their rarity, learned from the training part', () => {
  const bags = new Bags(train, { minCount: 1, most: 10 });
  expect(bags.size).toBe(4);
  const { data } = bags.dataset([review('bad bad a unseen', 0), review('unseen', 1)]).columns.x;
  // In the order of their counts: a, film, good, bad.
  const a = 1 + Math.log(4 / 3);
  const bad = (1 + Math.log(2)) * (1 + Math.log(2));
  const length = Math.hypot(a, bad);
  [a / length, 0, 0, bad / length, 0, 0, 0, 0].forEach((x, i) => {
    expect(data[i]).toBeCloseTo(x, 6);
  });
});

it('keeps the end of a long review, and some of its beginning', () => {
  const ids = Int32Array.from({ length: 20 }, (_, i) => i);
  expect([...shortened(ids, 8)]).toEqual([0, 1, 14, 15, 16, 17, 18, 19]);
  expect(shortened(ids, 20)).toBe(ids);
  const vocabulary = vocabularyOf(train, { minCount: 2, most: 10 });
  const { ids: rows, length } = sequences([train[1]!], vocabulary, 6).columns;
  expect(vocabulary.tokens).toEqual(['<pad>', '<unk>', 'a', 'bad', 'film', 'good']);
  expect([...rows.data]).toEqual([2, 3, 3, 4, 0, 0]);
  expect([...length.data]).toEqual([4]);
});

it('looks at no padding', async () => {
  await init(cpu());
  manualSeed(0);
  const net = new SentimentNet({ words: 6, embedding: 4, hidden: 3, dropout: 0.5 }).eval();
  const logits = async (ids: number[][], lengths: number[]): Promise<number[]> => [
    ...((await net
      .forward(tensor(ids, { dtype: 'int32' }), tensor(Int32Array.from(lengths)))
      .data()) as Float32Array),
  ];
  const [alone] = [await logits([[2, 3, 4]], [3])];
  const padded = await logits([[2, 3, 4, 0, 5]], [3]);
  padded.forEach((x, i) => expect(x).toBeCloseTo(alone[i]!, 6));
});

(hasData(...files) ? it : it.skip)(
  'tells praise from blame better than chance in seconds, and the worker agrees',
  async () => {
    // Below the examples: the worker's bundler finds the packages from there.
    const root = fileURLToPath(new URL('../out/', import.meta.url));
    await mkdir(root, { recursive: true });
    const out = await mkdtemp(join(root, 'test-'));
    try {
      const options = parseOptions(['--quick'], sentiment.options)!;
      const result = await execute(sentiment, options, () => undefined, out);
      expect(result.failures).toEqual([]);
      const [bag, lstm] = result.measures.map(({ value }) => value);
      expect(bag).toBeGreaterThan(78);
      expect(lstm).toBeGreaterThan(58);
      expect(result.notes.find(([what]) => /edge worker/.test(what))![1]).toMatch(/^3 of 3/);
    } finally {
      await rm(out, { recursive: true });
    }
  },
);
