import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, tensor } from '@hebb/core';
import { hasData } from '../common/data.ts';
import { execute } from '../common/example.ts';
import { parseOptions } from '../common/options.ts';
import { files } from '../parallel-text/corpus.ts';
import { Translator } from './model.ts';
import { translation } from './translation.ts';

const size = { sourceWords: 9, targetWords: 8, embedding: 6, hidden: 4, dropout: 0.5 };

it('gives step by step what it gives for all steps at once, and looks at no padding', async () => {
  await init(cpu());
  manualSeed(0);
  const model = new Translator(size).eval();
  const { encoder, decoder } = model;
  const rows = (values: number[][]) => tensor(values, { dtype: 'int32' });
  const lengths = tensor(Int32Array.of(2, 4));
  const inputs = rows([
    [1, 3, 4],
    [1, 5, 6],
  ]);
  const logitsOf = async (source: number[][]): Promise<number[]> => [
    ...((await model.forward(rows(source), lengths, inputs).data()) as Float32Array),
  ];
  const all = await logitsOf([
    [3, 2, 0, 0],
    [4, 5, 6, 2],
  ]);
  const other = await logitsOf([
    [3, 2, 7, 8],
    [4, 5, 6, 2],
  ]);
  expect(other).toEqual(all);

  const source = rows([
    [3, 2, 0, 0],
    [4, 5, 6, 2],
  ]);
  const [values, first] = encoder.forward(source, lengths);
  const memory = decoder.remember(values, lengths);
  let state = first;
  for (let t = 0; t < 3; t++) {
    const [logits, next] = decoder.step(inputs.narrow(1, t, 1).squeeze(1), state, memory);
    state = next;
    const step = (await logits.data()) as Float32Array;
    for (const row of [0, 1]) {
      for (let word = 0; word < 8; word++) {
        expect(step[row * 8 + word]).toBeCloseTo(all[(row * 3 + t) * 8 + word]!, 5);
      }
    }
  }
});

it('has one table for the words that go in and those that come out', () => {
  const names = [...new Translator(size).namedParameters().keys()];
  expect(names).toContain('decoder.embedding.weight');
  expect(names).not.toContain('decoder.head.weight');
});

(hasData(...files) ? it : it.skip)(
  'beats the dictionary on short captions in seconds, and the worker translates as Node does',
  async () => {
    // Below the examples: the worker's bundler finds the packages from there.
    const root = fileURLToPath(new URL('../out/', import.meta.url));
    await mkdir(root, { recursive: true });
    const out = await mkdtemp(join(root, 'test-'));
    try {
      const lines: string[] = [];
      const options = parseOptions(
        ['--quick', '--text', 'A man reads a book.'],
        translation.options,
      )!;
      const result = await execute(translation, options, (line) => void lines.push(line), out);
      expect(result.failures).toEqual([]);
      const value = (what: RegExp): number =>
        result.measures.find((measure) => what.test(measure.what))!.value;
      expect(value(/word by word/)).toBeGreaterThan(value(/copy/));
      expect(value(/greedy/)).toBeGreaterThan(value(/word by word/));
      expect(value(/beam/)).toBeGreaterThan(value(/word by word/));
      expect(result.notes.find(([what]) => what === 'edge worker')![1]).toMatch(/^10 of 10/);
      expect(lines.join('\n')).toContain('A man reads a book.');
    } finally {
      await rm(out, { recursive: true });
    }
  },
  120_000,
);
