import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed } from '@hebb/core';
import { hasData } from '../common/data.ts';
import { execute } from '../common/example.ts';
import { parseOptions } from '../common/options.ts';
import { charRnn } from './char-rnn.ts';
import { file, pieces } from './data.ts';
import { CharRnn } from './model.ts';
import { evaluate } from './train.ts';
import { vocabularyOf, write } from './write.ts';

it('pieces go on where the one before ended', () => {
  const ids = Int32Array.from({ length: 13 }, (_, i) => i);
  expect([...pieces(ids, 2, 3)].map((piece) => [...piece])).toEqual([
    [0, 1, 2, 3, 6, 7, 8, 9],
    [3, 4, 5, 6, 9, 10, 11, 12],
  ]);
});

it('writes the likeliest at temperature 0, and draws by the logits above it', async () => {
  const vocabulary = vocabularyOf(['\n', 'a', 'b']);
  // After a comes b, after b comes a; now and then a line ends.
  const step = (id: number): number[] => (id === 1 ? [0, -9, 2] : [0, 2, -9]);
  const text = async (temperature: number, seed = 0): Promise<string> => {
    let all = '';
    for await (const character of write(step, vocabulary, 'a', {
      length: 400,
      temperature,
      seed,
    })) {
      all += character;
    }
    return all;
  };
  expect(await text(0)).toBe('ba'.repeat(200));
  const drawn = await text(1);
  expect(drawn).toBe(await text(1));
  expect(drawn).not.toBe(await text(1, 1));
  const ends = [...drawn].filter((character) => character === '\n').length / 400;
  expect(ends).toBeGreaterThan(0.08);
  expect(ends).toBeLessThan(0.16);
});

it('costs the logarithm of the alphabet before training', async () => {
  await init(cpu());
  manualSeed(0);
  const model = new CharRnn(16, { embedding: 4, hidden: 8, layers: 1, dropout: 0 });
  const ids = Int32Array.from({ length: 200 }, (_, i) => (i * i * 7) % 16);
  expect(await evaluate(model, ids, { rows: 2, steps: 16 })).toBeCloseTo(4, 0);
});

(hasData(file) ? it : it.skip)(
  'beats pairs of characters in a minute, and the worker writes what Node writes',
  async () => {
    // Below the examples: the worker's bundler finds the packages from there.
    const root = fileURLToPath(new URL('../out/', import.meta.url));
    await mkdir(root, { recursive: true });
    const out = await mkdtemp(join(root, 'test-'));
    try {
      const lines: string[] = [];
      const options = parseOptions(['--quick', '--length', '60'], charRnn.options)!;
      const result = await execute(charRnn, options, (line) => void lines.push(line), out);
      expect(result.failures).toEqual([]);
      const [pairs, lstm] = result.measures.map(({ value }) => value);
      expect(pairs).toBeLessThan(4);
      expect(lstm).toBeLessThan(pairs!);
      const said = result.notes.find(([what]) => what === 'edge worker')![1];
      expect(said).toMatch(/2 of 2 greedy texts of 120 characters are Node's/);
      expect(lines.join('\n')).toContain('ROMEO:');
      await expect(
        execute(charRnn, parseOptions(['--prompt', '€'], charRnn.options)!, () => undefined, out),
      ).rejects.toThrow(/the plays have no "€"/);
    } finally {
      await rm(out, { recursive: true });
    }
  },
  120_000,
);
