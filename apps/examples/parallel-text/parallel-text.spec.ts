import { batchOf, encodePair, end, epochOf, start } from './batches.ts';
import type { Tokenizer } from './batches.ts';
import { copy, wordByWord } from './baselines.ts';
import { bleuOf } from './score.ts';
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import type { TextPair } from '@hebb/data/node';

const digits: Tokenizer = {
  size: 13,
  encode: (text) => [...text].map((c) => Number(c) + 3),
  decode: (ids) => Array.from(ids, (id) => String(id - 3)).join(''),
};

beforeAll(async () => {
  await init(cpu());
});

it('learns which word stands for which, in whatever order they come', () => {
  const pairs: TextPair[] = [
    { source: 'the house', target: 'haus das' },
    { source: 'the book', target: 'das buch' },
    { source: 'a book', target: 'ein buch' },
    { source: 'a small house', target: 'ein kleines haus' },
  ];
  const translate = wordByWord(pairs, { rounds: 20 });
  expect(translate('The small book!')).toBe('das kleines buch !');
});

it('scores a copy by what the languages share', () => {
  const pairs: TextPair[] = [{ source: 'x', target: 'Ein Mann liest ein Buch .' }];
  expect(bleuOf(['ein Mann liest ein Buch.'], pairs)).toBeCloseTo(100);
  expect(bleuOf([copy('A man reads a book.')], pairs)).toBe(0);
});

it('pads pairs to a known width, and feeds targets one step late', async () => {
  const pairs = [
    encodePair({ source: '12', target: '3' }, digits, digits),
    encodePair({ source: '1', target: '456' }, digits, digits),
  ];
  const batch = batchOf(pairs);
  expect(batch.source.shape).toEqual([2, 10]);
  const rows = async (x: { data(): Promise<unknown> }): Promise<number[]> =>
    Array.from((await x.data()) as Int32Array);
  expect((await rows(batch.inputs)).slice(10, 15)).toEqual([start, 7, 8, 9, 0]);
  expect((await rows(batch.targets)).slice(10, 15)).toEqual([7, 8, 9, end, 0]);
  expect(await rows(batch.targetLengths)).toEqual([2, 4]);
  expect(batch.tokens).toBe(6);
});

it('an epoch has every pair once, like lengths together', async () => {
  const pairs = Array.from({ length: 64 }, (_, i) =>
    encodePair({ source: '1'.repeat(1 + (i % 30)), target: String(i) }, digits, digits),
  );
  let seen = 0;
  for await (const batch of epochOf(pairs, 0, { batchSize: 8, seed: 1 })) {
    const lengths = Array.from((await batch.sourceLengths.data()) as Int32Array);
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThan(8);
    seen += lengths.length;
  }
  expect(seen).toBe(64);
});
