import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, tensor } from '@hebb/core';
import { hasData } from '../common/data.ts';
import { quickRun } from '../common/quick.ts';
import { files } from '../sentiment/corpora.ts';
import type { Review } from '../sentiment/features.ts';
import { bert } from './bert.ts';
import { ReviewClassifier } from './model.ts';
import { labelled, partsOf } from './reviews.ts';

it('keeps what is read, what settings are chosen by and what judges apart', () => {
  const reviews = Array.from({ length: 50 }, (_, i): Review => ({
    words: [String(i)],
    label: i % 2 === 0 ? 0 : 1,
  }));
  const { read, validation, test } = partsOf(
    reviews,
    { read: Infinity, validation: 10, test: 15 },
    3,
  );
  expect([read.length, validation.length, test.length]).toEqual([25, 10, 15]);
  expect(new Set([...read, ...validation, ...test]).size).toBe(50);
  const given = labelled(read, 12, 0);
  expect(given.filter(({ label }) => label === 1)).toHaveLength(6);
  expect(given.every((review) => read.includes(review))).toBe(true);
  expect(labelled(read, 12, 1)).not.toEqual(given);
});

it('decides by the words of all pieces of a review, and by no padding', async () => {
  await init(cpu());
  manualSeed(0);
  const size = { layers: 1, heads: 2, width: 8, hidden: 16, dropout: 0.5 };
  const model = new ReviewClassifier({ ...size, vocabSize: 20, contextLength: 4 }, 2).eval();
  const logits = (rows: number[][], together: number) =>
    model.forward(tensor(rows, { dtype: 'int32' }), together).toArray();
  const one = (await logits([[1, 5, 6, 0]], 1)) as number[][];
  // Twice the same piece says what it says once; padding alone adds nothing.
  for (const second of [
    [1, 5, 6, 0],
    [0, 0, 0, 0],
  ]) {
    const both = (await logits([[1, 5, 6, 0], second], 2)) as number[][];
    both[0]!.forEach((value, k) => expect(value).toBeCloseTo(one[0]![k]!, 5));
  }
  const other = (await logits(
    [
      [1, 5, 6, 0],
      [1, 9, 8, 7],
    ],
    2,
  )) as number[][];
  expect(Math.abs(other[0]![0]! - one[0]![0]!)).toBeGreaterThan(1e-4);
});

(hasData(...files) ? it : it.skip)(
  'foretells hidden words better than their frequency does, and agrees elsewhere',
  () =>
    quickRun(bert, ['--no-worker'], ({ result, value }) => {
      expect(result.failures).toEqual([]);
      expect(value(/^hidden words$/)).toBeLessThan(value(/^hidden words, by/));
    }),
);
