import { wasm } from '@hebb/backend-wasm';
import { init, manualSeed } from '@hebb/core';
import { MissingData, bigramBits, corpus, pieces } from './data.ts';
import { CharRnn } from './model.ts';
import { evaluate, train, write } from './train.ts';

it('pieces go on where the one before ended', () => {
  const ids = Int32Array.from({ length: 13 }, (_, i) => i);
  expect([...pieces(ids, 2, 3)].map((piece) => [...piece])).toEqual([
    [0, 1, 2, 3, 6, 7, 8, 9],
    [3, 4, 5, 6, 9, 10, 11, 12],
  ]);
});

const text = await corpus().catch((error: unknown) => {
  if (error instanceof MissingData) return undefined;
  throw error;
});

if (text === undefined) it.skip('needs datasets/tinyshakespeare', () => undefined);
else {
  it('a minute part of the text teaches more than the alphabet, and text comes out', async () => {
    await init(wasm());
    manualSeed(0);
    const size = { embedding: 16, hidden: 64, layers: 1, dropout: 0 };
    const model = new CharRnn(text.vocabulary.size, size);
    const how = { rows: 8, steps: 64, limit: 10 };
    const before = await evaluate(model, text.validation, how);
    expect(before).toBeCloseTo(Math.log2(text.vocabulary.size), 0);
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    await train(model, text, { epochs: 1, limit: 60, rows: 16, steps: 32, lr: 1e-2, log });
    const after = await evaluate(model, text.validation, how);
    expect(after).toBeLessThan(before - 1.5);
    expect(bigramBits(text)).toBeLessThan(4);
    expect(lines).toHaveLength(1);
    let written = '';
    const options = { length: 20, temperature: 1, seed: 1 };
    for await (const character of write(model, text, 'A', options)) written += character;
    expect(written).toHaveLength(20);
  }, 60_000);
}
