import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, tensor } from '@hebb/core';
import { GPT, Llama, TextGenerator } from '../src/index.ts';
import type { CausalLM } from '../src/index.ts';

beforeAll(() => init(cpu()));

const small = { vocabSize: 23, contextLength: 40, layers: 2, heads: 4, width: 16 } as const;
const models: readonly (readonly [string, () => CausalLM])[] = [
  ['GPT', () => new GPT({ ...small, dropout: 0.3 })],
  ['Llama', () => new Llama({ ...small, kvHeads: 2, hidden: 24 })],
  ['Llama with a window', () => new Llama({ ...small, kvHeads: 1, hidden: 24, window: 5 })],
];

function make(build: () => CausalLM): CausalLM {
  manualSeed(4);
  const model = build();
  // Larger than at the start of training, so that tokens matter.
  for (const parameter of model.parameters()) {
    if (parameter.shape.length === 2) parameter.value = parameter.value.mul(12);
  }
  return model;
}

/** Logits after the whole sequence, computed without a cache. */
async function uncached(model: CausalLM, ids: readonly number[]): Promise<Float32Array> {
  model.eval();
  const logits = model.forward(tensor(Int32Array.from(ids), { shape: [1, ids.length] }));
  model.train();
  return (await logits.index(0, ids.length - 1).data()) as Float32Array;
}
const close = (values: Float32Array): unknown[] =>
  Array.from(values, (x) => expect.closeTo(x, 3) as unknown);
const prompt = [3, 14, 15, 9, 2, 6, 5];
const best = (logits: Float32Array): number => logits.indexOf(Math.max(...logits));

describe.each(models)('%s', (_, build) => {
  const model = make(build);

  it('gives the same logits with a cache as without, token by token', async () => {
    const generator = new TextGenerator(model);
    expect(Array.from(await generator.logits(prompt))).toEqual(
      close(await uncached(model, prompt)),
    );
    const text = await generator.generate(prompt, { temperature: 0, maxNewTokens: 20 });
    const all = [...prompt];
    for (const token of text) {
      expect(token).toBe(best(await uncached(model, all)));
      all.push(token);
    }
    expect(new Set(text).size).toBeGreaterThan(1);
    generator.dispose();
  });

  it('gives rows of a batch what they get alone, whatever their lengths', async () => {
    const prompts = [prompt, [1], [8, 8, 20]];
    const together = new TextGenerator(model, { batch: 3 });
    const alone = new TextGenerator(model);
    const options = { maxNewTokens: 12, seed: 5 };
    const found = await together.generateBatch(prompts, options);
    for (const [i, each] of prompts.entries()) {
      expect(found[i]).toEqual(await alone.generate(each, { ...options, seed: 5 + i }));
    }
  });
});

describe('generation', () => {
  const model = make(models[0]![1]);
  const generator = new TextGenerator(model, { capacity: 32 });

  it('repeats with the seed, and differs without', async () => {
    const text = (seed: number) => generator.generate(prompt, { seed, maxNewTokens: 16 });
    expect(await text(1)).toEqual(await text(1));
    expect(await text(1)).not.toEqual(await text(2));
  });

  it('streams what generate returns, and can be broken off', async () => {
    const options = { seed: 3, maxNewTokens: 10 };
    const whole = await generator.generate(prompt, options);
    const part: number[] = [];
    for await (const token of generator.stream(prompt, options)) {
      part.push(token);
      if (part.length === 4) break;
    }
    expect(part).toEqual(whole.slice(0, 4));
    expect(await generator.generate(prompt, options)).toEqual(whole);
  });

  it('shows the logits of each draw', async () => {
    const seen: Float32Array[] = [];
    const onLogits = (logits: Float32Array): void => void seen.push(logits);
    const text = await generator.generate(prompt, { temperature: 0, maxNewTokens: 5, onLogits });
    expect(seen.map(best)).toEqual(text);
  });

  it('stops at end tokens, stop sequences and signals', async () => {
    const options = { seed: 3, maxNewTokens: 20 };
    const whole = await generator.generate(prompt, options);
    const at = whole.indexOf(whole[6]!);
    expect(await generator.generate(prompt, { ...options, endTokens: [whole[6]!] })).toEqual(
      whole.slice(0, at),
    );
    const stop = [whole.slice(5, 7)];
    expect(await generator.generate(prompt, { ...options, stop })).toEqual(whole.slice(0, 5));
    const aborted = generator.generate(prompt, { ...options, signal: AbortSignal.abort() });
    await expect(aborted).rejects.toThrow('aborted');
  });

  it('fills the cache to the last place, and not beyond', async () => {
    const text = await generator.generate(prompt, { seed: 1 });
    expect(text).toHaveLength(32 - prompt.length);
    const over = generator.generate(prompt, { maxNewTokens: 26 });
    await expect(over).rejects.toThrow(
      'generate: prompt and text do not fit into the cache (got 7 + 26 tokens, wanted at most 32)',
    );
    await expect(generator.generate(new Array<number>(33).fill(1))).rejects.toThrow('do not fit');
  });

  it('uses the weights as they are by then, without compiling again', async () => {
    const before = await generator.generate(prompt, { temperature: 0, maxNewTokens: 5 });
    const { wte } = model as GPT;
    wte.weight.value = wte.weight.value.flip(0);
    const after = await generator.generate(prompt, { temperature: 0, maxNewTokens: 5 });
    expect(after).not.toEqual(before);
    expect(after[0]).toBe(best(await uncached(model, prompt)));
  });

  it('refuses what cannot be', async () => {
    await expect(generator.generate([])).rejects.toThrow('the prompt is empty');
    await expect(generator.generate([3, 23])).rejects.toThrow(
      'a token is out of range (got 23, wanted 0 to 22)',
    );
    await expect(generator.generate([0.5])).rejects.toThrow('a token is out of range');
    await expect(generator.generate([1], { topP: 0 })).rejects.toThrow('topP is out of range');
    await expect(generator.generateBatch([[1], [2]])).rejects.toThrow('another batch');
    expect(() => new TextGenerator(model, { capacity: 41 })).toThrow(
      'capacity is beyond the context of the model (got 41, wanted at most 40)',
    );
    const running = generator.stream(prompt, { maxNewTokens: 3 });
    await running.next();
    await expect(generator.generate(prompt)).rejects.toThrow('another text is being generated');
    await running.return();
    expect(() => model.forward(tensor(new Int32Array(41), { shape: [1, 41] }))).toThrow(
      'the sequence is longer than the context (got 41, wanted at most 40)',
    );
    expect(() => model.forward(tensor([[0.5]]))).toThrow('ids do not fit (got float32[1,1]');
  });
});

describe('beam search', () => {
  const model = make(models[1]![1]);
  /** Log-probability of a continuation. */
  async function score(ids: readonly number[], from: number): Promise<number> {
    let total = 0;
    for (let i = from; i < ids.length; i++) {
      const logits = await uncached(model, ids.slice(0, i));
      const sum = Math.log(logits.reduce((a, x) => a + Math.exp(x), 0));
      total += logits[ids[i]!]! - sum;
    }
    return total;
  }

  it('finds texts at least as likely as the greedy one, with their true scores', async () => {
    const generator = new TextGenerator(model, { batch: 4 });
    for (const start of [prompt, [7]]) {
      const found = await generator.beamSearch(start, { maxNewTokens: 6, endToken: 22 });
      expect(found).toHaveLength(4);
      const greedy = new TextGenerator(model);
      const text = await greedy.generate(start, { temperature: 0, maxNewTokens: 6 });
      for (const { tokens, score: claimed } of found.filter((x) => x.tokens.length === 6)) {
        expect(claimed).toBeCloseTo(await score([...start, ...tokens], start.length), 3);
      }
      expect(found[0]!.score).toBeGreaterThanOrEqual(
        (await score([...start, ...text], start.length)) - 1e-4,
      );
    }
  });
});
