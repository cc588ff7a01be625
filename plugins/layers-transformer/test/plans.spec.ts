/** Generation as compiled plans: how many there are, what they share, and the same without state. */
import { cpu } from '@hebb/backend-cpu';
import { jest } from '@jest/globals';
import { compile, init, manualSeed, tensor, zeros } from '@hebb/core';
import type { Backend, Tensor } from '@hebb/core';
import {
  GPT,
  Llama,
  SourceTextGenerator,
  T5,
  TextGenerator,
  statelessFunctions,
} from '../src/index.ts';

const small = { vocabSize: 23, contextLength: 300, layers: 2, heads: 2, width: 16 } as const;

/** A backend that counts what it compiles. */
async function counting(): Promise<{ backend: Backend; compiled: () => number }> {
  const backend = cpu();
  const compile = jest.spyOn(backend, 'compile');
  await init(backend);
  return { backend, compiled: () => compile.mock.calls.length };
}

it('nothing is compiled again as a text grows, whatever the prompt', async () => {
  const { compiled } = await counting();
  manualSeed(1);
  const generator = new TextGenerator(new GPT(small));
  const write = (prompt: number, maxNewTokens: number, seed = 0) =>
    generator.generate(new Array<number>(prompt).fill(3), { maxNewTokens, seed });
  await write(2, 3);
  const first = compiled();
  expect(await write(2, 3, 1)).toHaveLength(3);
  expect(await write(16, 50)).toHaveLength(50);
  expect(await write(5, 100)).toHaveLength(100);
  expect(compiled()).toBe(first);
  // One plan more for prompts of 17 to 64 tokens.
  await write(17, 2);
  await write(64, 20);
  expect(compiled()).toBe(first + 1);
});

it('nor for sources, of which each filled length has one plan', async () => {
  const { compiled } = await counting();
  const model = new T5({ vocabSize: 11, layers: 1, heads: 2, width: 8, hidden: 12 });
  const generator = new SourceTextGenerator(model, { capacity: 60, sourceCapacity: 70 });
  const write = (source: number, maxNewTokens: number) =>
    generator.generate(new Array<number>(source).fill(3), { maxNewTokens });
  await write(3, 2);
  const first = compiled();
  await write(16, 59);
  await write(1, 30);
  expect(compiled()).toBe(first);
  await write(17, 59);
  await write(64, 2);
  expect(compiled()).toBe(first + 1);
});

it('both plans read one set of weights and write one cache', async () => {
  const { backend } = await counting();
  const model = new GPT(small);
  const generator = new TextGenerator(model, { capacity: 64 });
  const weights = model.parameters().reduce((sum, { value }) => sum + value.size * 4, 0);
  const { layers, heads, size } = model.cacheSizes;
  const cache = 2 * layers * heads * 64 * size * 4;
  const write = (maxNewTokens: number) => generator.generate([1, 2, 3], { maxNewTokens });
  await write(20);
  const { bytes, buffers } = backend.memory();
  expect(bytes).toBeGreaterThanOrEqual(weights + cache);
  expect(bytes).toBeLessThan(weights + cache + 1000);
  await write(60);
  expect(backend.memory()).toEqual({ bytes, buffers });
});

describe.each([
  ['GPT', () => new GPT(small)],
  ['Llama', () => new Llama({ ...small, kvHeads: 1, hidden: 24 })],
])('%s without state', (_, build) => {
  it('gives what the model gives for the whole text', async () => {
    await init(cpu());
    manualSeed(2);
    const model = build();
    const { prefill, decode } = statelessFunctions(model, { capacity: 12, prompt: 5 });
    const { size, heads, layers } = model.cacheSizes;
    const names = Object.keys(decode.input).slice(2);
    expect(names).toEqual(
      ['keys', 'values'].flatMap((kind) =>
        Array.from({ length: layers }, (_, i) => `${kind}.${i}`),
      ),
    );
    expect(Object.keys(prefill.input)).toEqual(['ids', 'count', ...names]);
    for (const { input } of [prefill, decode]) {
      expect(names.map((name) => input[name])).toEqual(
        names.map(() => ({ shape: [1, heads, 12, size], dtype: 'float32' })),
      );
    }
    const whole = async (ids: readonly number[]): Promise<unknown[]> => {
      const logits = model.eval().forward(tensor(Int32Array.from(ids), { shape: [1, ids.length] }));
      const last = (await logits.index(0, ids.length - 1).data()) as Float32Array;
      return Array.from(last, (x) => expect.closeTo(x, 4) as unknown);
    };
    const list = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);

    const [start, step] = [compile(prefill.run), compile(decode.run)];
    const text = [7, 1, 1];
    const int = (x: number): Tensor => tensor(x, { dtype: 'int32' });
    // Behind the prompt stands what does not count.
    const ids = tensor(Int32Array.of(...text, 9, 9), { shape: [1, 5] });
    const empty = names.map((name) => zeros([...(prefill.input[name]!.shape as number[])]));
    let found = await start(ids, int(text.length), ...empty);
    expect(await list(found['logits']!)).toEqual(await whole(text));
    for (const token of [4, 22, 0, 4, 5, 6, 7, 8, 9]) {
      const state = names.map((name) => found[`present.${name}`]!);
      found = await step(tensor(Int32Array.of(token)), int(text.length), ...state);
      text.push(token);
      expect(await list(found['logits']!)).toEqual(await whole(text));
    }
    expect(text).toHaveLength(12);
  });
});
