import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { compileOnnx } from '@hebb/cli';
import { init, manualSeed, tensor } from '@hebb/core';
import { importOnnx, toOnnx } from '@hebb/onnx';
import { load } from '@hebb/runtime';
import type { Model } from '@hebb/runtime';
import { hasData } from '../common/data.ts';
import { execute } from '../common/example.ts';
import { parseOptions } from '../common/options.ts';
import { files } from '../parallel-text/corpus.ts';
import { learnTokenizer, openTokenizer } from '../parallel-text/tokens.ts';
import { Translator } from './model.ts';
import { Engine, maxLength } from './translate.ts';
import { halvesOf, translation } from './translation.ts';
import { worker } from './worker.ts';

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

it('the worker translates as Node does, and says what is wrong with a request', async () => {
  await init(cpu());
  manualSeed(1);
  const texts = ['a man on a bench', 'a dog', 'two dogs in the snow and a man on a bench'];
  const saved = learnTokenizer(texts, 300);
  const pieces = openTokenizer(saved);
  const model = new Translator({
    sourceWords: pieces.size,
    targetWords: pieces.size,
    embedding: 8,
    hidden: 6,
    dropout: 0,
  }).eval();
  const widths = [4, 8];
  const compiled = async (half: keyof ReturnType<typeof halvesOf>): Promise<Model> => {
    const { model: network, input, output } = halvesOf(model)[half];
    const imported = importOnnx(await toOnnx(network, { input, output }));
    const built = await compileOnnx(imported, { shapes: widths.map((steps) => ({ steps })) });
    const { file } = built.plan.modules[0]!;
    const module = await WebAssembly.compile(built.modules.get(file)!);
    return load({ plan: built.plan, module, weights: built.weights });
  };
  const models = { encoder: await compiled('encoder'), decoder: await compiled('decoder') };
  const handler = worker(models, { from: saved, to: saved, widths, maxLength });
  const ask = async (body: string, path = '/translate'): Promise<[number, unknown]> => {
    const request = new Request(`http://worker${path}`, { method: 'POST', body });
    const response = await handler.fetch(request);
    return [response.status, await response.json()];
  };
  const engine = new Engine(model, pieces, pieces);
  for (const text of texts.slice(0, 2)) {
    const [status, answer] = await ask(JSON.stringify({ text }));
    expect([status, answer]).toEqual([200, { translation: (await engine.greedy([text]))[0] }]);
  }
  const long = JSON.stringify({ text: texts[2]!.repeat(9) });
  expect(await ask(long)).toEqual([
    400,
    { error: { message: 'the text has more than 7 pieces of words' } },
  ]);
  expect((await ask('{"text":" "}'))[0]).toBe(400);
  expect((await ask('no json'))[0]).toBe(400);
  expect((await ask('{}', '/other'))[0]).toBe(404);
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
);
