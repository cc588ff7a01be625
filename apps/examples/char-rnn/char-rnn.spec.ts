import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { compileOnnx } from '@hebb/cli';
import { init, manualSeed } from '@hebb/core';
import { importOnnx, toOnnx } from '@hebb/onnx';
import { load } from '@hebb/runtime';
import type { Outputs } from '@hebb/runtime';
import { hasData } from '../common/data.ts';
import { execute } from '../common/example.ts';
import { parseOptions } from '../common/options.ts';
import { charRnn, exportedStep } from './char-rnn.ts';
import { file, pieces } from './data.ts';
import { CharRnn } from './model.ts';
import { evaluate } from './train.ts';
import { worker } from './worker.ts';
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

describe('the worker', () => {
  const tokens = ['\n', 'a', 'b', 'c'];
  let handler: ReturnType<typeof worker>;
  let text: (prompt: string) => Promise<string>;
  let steps = 0;
  beforeAll(async () => {
    await init(cpu());
    manualSeed(2);
    const model = new CharRnn(4, { embedding: 6, hidden: 12, layers: 1, dropout: 0 }).eval();
    const { model: network, input, output } = exportedStep(model);
    const imported = importOnnx(await toOnnx(network, { input, output }));
    const built = await compileOnnx(imported, {
      state: { h: 'h_next', c: 'c_next' },
    });
    const { file: name } = built.plan.modules[0]!;
    const step = load({
      plan: built.plan,
      module: await WebAssembly.compile(built.modules.get(name)!),
      weights: built.weights,
    });
    const run = step.run.bind(step);
    const counted = (...inputs: Parameters<typeof run>): Outputs => {
      steps += 1;
      return run(...inputs);
    };
    handler = worker({ step: Object.assign(step, { run: counted }) }, { tokens });
    text = async (prompt) => {
      const response = await ask({ prompt, length: 60, temperature: 0 });
      expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
      return response.text();
    };
  });
  const ask = async (body: unknown, path = '/write', method = 'POST'): Promise<Response> =>
    handler.fetch(
      new Request(`http://worker${path}`, {
        method,
        ...(method === 'POST' && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    );

  it('writes several texts at once, each from its own state', async () => {
    const alone = [await text('abc'), await text('c\na'), await text('abc')];
    expect(alone[0]).toHaveLength(60);
    expect(alone[2]).toBe(alone[0]);
    expect(await Promise.all([text('abc'), text('c\na'), text('abc')])).toEqual(alone);
  });

  it('writes no further than is read', async () => {
    const { body } = await ask({ prompt: 'a', length: 10_000 });
    const reader = body!.getReader();
    const read = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value);
    const before = steps;
    expect(await read()).toHaveLength(16);
    expect(await read()).toHaveLength(16);
    // What was read, and a chunk or two ahead.
    expect(steps - before).toBeLessThan(100);
    await reader.cancel();
  });

  it('says what is wrong with a request', async () => {
    const problem = async (...args: Parameters<typeof ask>): Promise<[number, string]> => {
      const response = await ask(...args);
      const { error } = (await response.json()) as { error: { message: string } };
      return [response.status, error.message];
    };
    expect(await problem('{')).toEqual([400, 'the body is no JSON object']);
    expect(await problem({ prompt: 7 })).toEqual([400, 'prompt is a text']);
    expect(await problem({ prompt: 'abx' })).toEqual([400, 'the model knows no "x"']);
    expect(await problem({ length: -1 })).toEqual([
      400,
      'length is a whole number from 0 to 10000',
    ]);
    expect((await problem({ temperature: 'hot' }))[1]).toMatch(/temperature is a number/);
    expect((await problem({ seed: 0.5 }))[1]).toMatch(/seed is a whole number/);
    expect((await problem({}, '/other'))[0]).toBe(404);
    expect((await problem({}, '/write', 'GET'))[0]).toBe(405);
    expect((await ask({}, '/health', 'GET')).status).toBe(200);
  });
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
);
