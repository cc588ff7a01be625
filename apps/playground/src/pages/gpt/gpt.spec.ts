import { readFile } from 'node:fs/promises';
import { wasm } from '@hebb/backend-wasm';
import { Generator, init, tensor } from '@hebb/core';
import { Attention } from './attention.ts';
import { packModel, unpackModel } from './packed.ts';
import { sizes } from './settings.ts';
import { TextTraining, textModel, vocabularyOf } from './text-model.ts';
import { sums } from './texts.ts';
import { Writer } from './writer.ts';

beforeAll(async () => void (await init(wasm({ threads: 1 }))));

const text = sums(200);
const small = () => textModel(vocabularyOf(text), { ...sizes.small, generator: new Generator(1) });

it('learns sums in words, and writes on beyond its context', async () => {
  const made = small();
  const training = new TextTraining(made, text, { rows: 8, lr: 0.005, seed: 1 });
  const before = await training.heldOut();
  for (let i = 0; i < 80; i++) await training.step();
  expect(training.steps).toBe(80);
  expect(await training.heldOut()).toBeLessThan(before / 1.7);
  const writer = new Writer(made);
  await writer.begin({ prompt: 'one and two is', temperature: 0.8, seed: 1 });
  const written = await writer.next(70);
  expect(written).toHaveLength(70);
  expect(written.map(({ text: c }) => c).join('')).toMatch(/ and /);
  for (const { choices } of written) {
    const shares = choices.map(({ probability }) => probability);
    expect(shares).toEqual([...shares].sort((a, b) => b - a));
    expect(shares.reduce((a, b) => a + b)).toBeLessThanOrEqual(1 + 1e-6);
  }
  // Cold, it takes the likeliest; the same seed writes the same.
  const again = async (): Promise<string> => {
    await writer.begin({ prompt: 'six', temperature: 0.5, topK: 3, seed: 4 });
    return (await writer.next(30)).map(({ text: c }) => c).join('');
  };
  expect(await again()).toBe(await again());
  await writer.begin({ prompt: 'six', temperature: 0, seed: 4 });
  for (const { text: c, choices } of await writer.next(10)) expect(c).toBe(choices[0]!.text);
  await writer.end();
  writer.dispose();
  training.dispose();
});

it('refuses beginnings that it cannot read, and texts too short to learn from', async () => {
  const writer = new Writer(small());
  const begin = (prompt: string) => writer.begin({ prompt, temperature: 1, seed: 0 });
  await expect(begin('')).rejects.toThrow('The beginning is empty');
  await expect(begin('Ωne€')).rejects.toThrow('has never seen “Ω”, “€”');
  expect(() => new TextTraining(small(), 'one and', { rows: 2, lr: 0.1, seed: 0 })).toThrow(
    'The text has 7 characters; at least 98 are needed',
  );
});

it('is nearly the same when it has been packed in bytes', async () => {
  const made = small();
  const bytes = await packModel(made);
  const other = unpackModel(bytes);
  expect(other.vocabulary.tokens).toEqual(made.vocabulary.tokens);
  const ids = tensor(made.vocabulary.encode('one and two'), { shape: [1, 11] });
  const [a, b] = await Promise.all([made, other].map(({ model }) => model.forward(ids).data()));
  a!.forEach((x, i) => expect(Math.abs(Number(x) - Number(b![i]))).toBeLessThan(0.02));
  expect(() => unpackModel(bytes.slice(0, 100))).toThrow('cut off');
});

it('shows attention that sums to one and never looks ahead', async () => {
  const attention = new Attention(small());
  const { text: seen, maps, layers, heads } = await attention.of('one and two is three\n€');
  const n = seen.length;
  expect(seen).toBe('one and two is three\n');
  expect(maps).toHaveLength(layers * heads * n * n);
  for (let row = 0; row < layers * heads * n; row++) {
    const shares = maps.subarray(row * n, (row + 1) * n);
    expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 4);
    for (const share of shares.subarray((row % n) + 1)) expect(share).toBeLessThan(1e-6);
  }
  attention.dispose();
});

it('comes with a model of fewer than 400 kB that has learnt to spell', async () => {
  const file = await readFile(new URL('../../../public/models/gpt.safetensors', import.meta.url));
  expect(file.length).toBeLessThan(400_000);
  const writer = new Writer(unpackModel(new Uint8Array(file)));
  await writer.begin({ prompt: 'ROMEO:\nI will no', temperature: 0, seed: 0 });
  expect((await writer.next(1))[0]!.text).toBe('t');
  await writer.end();
  writer.dispose();
});
