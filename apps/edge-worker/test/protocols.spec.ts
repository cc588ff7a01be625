/** What clients speak, on real workerd: OpenAI's own client, curl, binary tensors, limits, and clients that leave. */
import { execFile } from 'node:child_process';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, tensor, zeros } from '@hebb/core';
import { cachedTextModel, characterTokenizer } from '@hebb/edge';
import { startWorker } from '@hebb/edge/node';
import type { LocalWorker } from '@hebb/edge/node';
import { SourceTextGenerator, TextGenerator } from '@hebb/layers-transformer';
import { Linear } from '@hebb/nn';
import { load } from '@hebb/runtime';
import type { Model, Plan } from '@hebb/runtime';
import OpenAI from 'openai';
import {
  Recurrent,
  contextLength,
  keys,
  letters,
  smallGpt,
  smallT5,
  sourceCapacity,
  writeTextProject,
} from './text-project.ts';

const auth = { authorization: `Bearer ${keys[1]}` };
let directory: string;
let worker: LocalWorker;
let client: OpenAI;
beforeAll(async () => {
  await init(cpu());
  directory = await writeTextProject();
  worker = await startWorker({ directory, conditions: ['@hebb/source'], logLevel: 'log' });
  client = new OpenAI({ baseURL: `${worker.url}/v1`, apiKey: keys[0]!, maxRetries: 0 });
});
afterAll(async () => {
  await worker.stop();
  await rm(directory, { recursive: true, force: true });
});

const idsOf = (text: string): number[] => [...text].map((letter) => letters.indexOf(letter));
const textOf = (ids: readonly number[]): string => ids.map((id) => letters[id]).join('');

/** What the recurrent network says by itself, always the likeliest. */
async function saidByRecurrent(prompt: string, count: number): Promise<string> {
  const net = new Recurrent();
  let state = zeros([1, 12]);
  const ids = idsOf(prompt);
  for (let i = 0; i < ids.length; i++) {
    state = net.step(tensor(Int32Array.of(ids[i]!)), state);
    if (i < ids.length - 1 || ids.length >= prompt.length + count) continue;
    const logits = Array.from(await net.logits(state).data(), Number);
    ids.push(logits.indexOf(Math.max(...logits)));
  }
  return textOf(ids.slice(prompt.length));
}

describe('OpenAI’s client', () => {
  it('gets the text of Node from a transformer with a cache, whole and as a stream', async () => {
    const generator = new TextGenerator(smallGpt());
    const wanted = await generator.generate(idsOf('hello '), { temperature: 0, maxNewTokens: 30 });
    generator.dispose();
    const request = { model: 'gpt', prompt: 'hello ', max_tokens: 30, temperature: 0 } as const;
    const whole = await client.completions.create(request);
    expect(whole.choices[0]).toMatchObject({ text: textOf(wanted), finish_reason: 'length' });
    expect(whole.usage).toEqual({ prompt_tokens: 6, completion_tokens: 30, total_tokens: 36 });
    let text = '';
    let pieces = 0;
    for await (const { choices } of await client.completions.create({ ...request, stream: true })) {
      text += choices[0]?.text ?? '';
      pieces += 1;
    }
    expect([text, pieces > 20]).toEqual([textOf(wanted), true]);
    expect(new Set(text).size).toBeGreaterThan(2);
  });
  it.each([
    { temperature: 0.8 },
    { temperature: 1.2, top_k: 3 },
    { temperature: 1, top_p: 0.7 },
    { temperature: 1.5, min_p: 0.2 },
    { temperature: 0.9, repetition_penalty: 1.8 },
    { temperature: 0, repetition_penalty: 4 },
  ])('draws the tokens that Node draws: %j', async (sampling) => {
    const { temperature, top_k: topK, top_p: topP, min_p: minP } = sampling;
    const generator = new TextGenerator(smallGpt());
    const wanted = await generator.generate(idsOf('the '), {
      ...{ temperature, topK, topP, minP, repetitionPenalty: sampling.repetition_penalty },
      ...{ maxNewTokens: 40, seed: 11 },
    });
    generator.dispose();
    const answer = await client.completions.create({
      ...{ model: 'gpt', prompt: 'the ', max_tokens: 40, seed: 11 },
      ...sampling,
    });
    expect(answer.choices[0]!.text).toBe(textOf(wanted));
  });
  it('gets the text of Node from a recurrent network, also when several are written at once', async () => {
    const prompts = ['abc', 'the end.', 'ü', 'q:z', 'hello hello hello'];
    const wanted = await Promise.all(prompts.map((prompt) => saidByRecurrent(prompt, 40)));
    const said = await Promise.all(
      prompts.map(async (prompt) => {
        const answer = await client.completions.create({
          model: 'recurrent',
          prompt,
          max_tokens: 40,
          temperature: 0,
        });
        return answer.choices[0]!.text;
      }),
    );
    expect(said).toEqual(wanted);
    expect(new Set(wanted).size).toBeGreaterThan(1);
  });
  it('chats, with a seed that says the same again', async () => {
    const chat = async (seed: number) => {
      const stream = await client.chat.completions.create({
        model: 'recurrent',
        messages: [{ role: 'user', content: 'hello' }],
        seed,
        stop: ['. '],
        max_completion_tokens: 60,
        stream: true,
        stream_options: { include_usage: true },
      });
      let text = '';
      let usage = 0;
      for await (const part of stream) {
        text += part.choices[0]?.delta.content ?? '';
        usage = part.usage?.completion_tokens ?? usage;
      }
      expect(usage).toBeGreaterThan(0);
      return text;
    };
    const [a, b, c] = await Promise.all([chat(1), chat(1), chat(2)]);
    expect([a === b, a === c, a.includes('. ')]).toEqual([true, false, false]);
  });
  it('embeds, and lists models', async () => {
    const { data } = await client.embeddings.create({ model: 'recurrent', input: ['abc', 'b'] });
    expect(data.map(({ embedding }) => embedding)).toEqual([[0, 0.25, 0.5], [0.25]]);
    const models: string[] = [];
    for await (const { id } of client.models.list()) models.push(id);
    expect(models).toEqual(['gpt', 't5', 'recurrent']);
  });
  it('understands what is refused', async () => {
    const ask = (more: object) =>
      client.completions.create({ model: 'gpt', prompt: 'a', ...more }).then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(await ask({ model: 'none' })).toBeInstanceOf(OpenAI.NotFoundError);
    expect(await ask({ prompt: 'A' })).toBeInstanceOf(OpenAI.BadRequestError);
    expect(await ask({ temperature: 5 })).toMatchObject({ status: 400, code: 'bad_input' });
    const stranger = new OpenAI({ baseURL: `${worker.url}/v1`, apiKey: 'x', maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  });
  it('may leave: generation ends, and its place is given away', async () => {
    const steps = async () => Number(await (await fetch(`${worker.url}/steps`)).text());
    /** Steps so far, once no more are done. */
    const still = async (): Promise<number> => {
      for (let before = -1; ; await new Promise((resolve) => setTimeout(resolve, 300))) {
        const now = await steps();
        if (now === before) return now;
        before = now;
      }
    };
    const request = { model: 'recurrent', prompt: 'a', max_tokens: 5000 } as const;
    const before = await steps();
    // More than there are places.
    for (let i = 0; i < 4; i++) {
      const streams = await Promise.all(
        Array.from({ length: 4 }, () => client.completions.create({ ...request, stream: true })),
      );
      for (const stream of streams) {
        for await (const part of stream) if (part.choices[0] !== undefined) break;
        stream.controller.abort();
      }
      await still();
    }
    // Of 80,000 that were asked for.
    expect((await still()) - before).toBeLessThan(40_000);
    const next = await client.completions.create({ model: 'recurrent', prompt: 'a' });
    expect(next.choices[0]!.text).toHaveLength(16);
  });
});

describe('an encoder-decoder, compiled', () => {
  const end = letters.indexOf('.');
  let node: SourceTextGenerator;
  beforeAll(() => {
    node = new SourceTextGenerator(smallT5(), { capacity: contextLength, sourceCapacity });
  });
  afterAll(() => node.dispose());

  it.each([
    { temperature: 0 },
    { temperature: 0.8 },
    { temperature: 1.2, top_k: 3 },
    { temperature: 1, top_p: 0.7 },
    { temperature: 1.5, min_p: 0.2 },
    { temperature: 0.9, repetition_penalty: 1.8 },
  ])('writes about its source what Node writes: %j', async (sampling) => {
    const { temperature, top_k: topK, top_p: topP, min_p: minP } = sampling;
    // Of both lengths that sources are filled up to.
    const sources = ['a', 'hello wo', 'the quick brown fox: ü'];
    const wanted: string[] = [];
    for (const [i, source] of sources.entries()) {
      const ids = await node.generate(idsOf(source), {
        ...{ temperature, topK, topP, minP, repetitionPenalty: sampling.repetition_penalty },
        ...{ maxNewTokens: 40, seed: 7 + i, endTokens: [end] },
      });
      wanted.push(textOf(ids));
    }
    const request = { model: 't5', prompt: sources, max_tokens: 40, seed: 7, ...sampling };
    const answer = await client.completions.create(request);
    expect(answer.choices.map(({ text }) => text)).toEqual(wanted);
    expect(answer.usage!.prompt_tokens).toBe(sources.join('').length);
    const streamed = sources.map(() => '');
    for await (const { choices } of await client.completions.create({ ...request, stream: true })) {
      for (const { index, text } of choices) streamed[index] += text;
    }
    expect(streamed).toEqual(wanted);
    expect(new Set(wanted).size).toBe(3);
  });

  it('writes several at once, each about its own source', async () => {
    const sources = ['a', 'hello', 'zz top: ', 'the'];
    const wanted: string[] = [];
    for (const source of sources) {
      const ids = await node.generate(idsOf(source), {
        ...{ maxNewTokens: 30, seed: 3, endTokens: [end] },
      });
      wanted.push(textOf(ids));
    }
    const said = sources.map(async (prompt) => {
      const request = { model: 't5', prompt, max_tokens: 30, seed: 3 } as const;
      let text = '';
      for await (const part of await client.completions.create({ ...request, stream: true })) {
        text += part.choices[0]?.text ?? '';
      }
      return text;
    });
    expect(await Promise.all(said)).toEqual(wanted);
  });

  it('ends where its cache is full, however long the source', async () => {
    const ids = await node.generate(idsOf('zz'), { temperature: 0, endTokens: [end] });
    expect(ids).toHaveLength(contextLength - 1);
    const request = { model: 't5', prompt: 'zz', max_tokens: 500, temperature: 0 };
    const { choices, usage } = await client.completions.create(request);
    expect([choices[0]!.text, choices[0]!.finish_reason]).toEqual([textOf(ids), 'length']);
    expect(usage!.completion_tokens).toBe(contextLength - 1);
  });

  it('must be told what its texts begin with, and a decoder must not', async () => {
    const read = async (name: string): Promise<Model> => {
      const folder = join(directory, name);
      const { plan } = (await import(pathToFileURL(join(folder, 'plan.js')).href)) as {
        plan: Plan;
      };
      const module = await WebAssembly.compile(await readFile(join(folder, 'model.wasm')));
      return load({ plan, module, weights: await readFile(join(folder, 'weights.bin')) });
    };
    const tokenizer = characterTokenizer(letters);
    const [t5, gpt, recurrent] = await Promise.all(['t5', 'gpt', 'recurrent'].map(read));
    expect(() => cachedTextModel(t5!, { tokenizer })).toThrow('textStart must say');
    expect(() => cachedTextModel(t5!, { tokenizer, textStart: [] })).toThrow('1 to 63 tokens');
    expect(() => cachedTextModel(t5!, { tokenizer, textStart: [99] })).toThrow('1 to 63 tokens');
    expect(() => cachedTextModel(gpt!, { tokenizer, textStart: [0] })).toThrow(
      'goes on with its prompts',
    );
    expect(() => cachedTextModel(recurrent!, { tokenizer })).toThrow('no functions decode and');
  });

  it.each([
    ['', 'the prompt is empty'],
    ['a'.repeat(sourceCapacity + 1), 'the prompt has 25 tokens, the model takes 24'],
    ['A', 'the model knows no "A"'],
    [[1, letters.length], `the prompt has the token ${letters.length}, the model knows 0 to`],
    [[1, 2 ** 40], 'the prompt has the token 1099511627776'],
    [[-1], '"prompt" holds something'],
  ])('refuses %j', async (prompt, message) => {
    const asked = client.completions.create({ model: 't5', prompt: prompt as string });
    await expect(asked).rejects.toMatchObject({
      status: 400,
      code: 'bad_input',
      message: expect.stringContaining(message) as unknown,
    });
    const next = await client.completions.create({ model: 't5', prompt: 'a', max_tokens: 2 });
    expect(next.choices[0]!.text).toHaveLength(2);
  });
});

const curl = promisify(execFile);

describe('server-sent events', () => {
  /** The events of a stream, as they came over the wire. */
  async function eventsOf(fields: object): Promise<{ data: string }[]> {
    const response = await fetch(`${worker.url}/v1/completions`, {
      method: 'POST',
      headers: { ...auth, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt', prompt: 'hello ', stream: true, ...fields }),
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ]);
    const events: { data: string }[] = [];
    let rest = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const pieces = (rest + chunk).split('\n\n');
      rest = pieces.pop()!;
      for (const piece of pieces) {
        expect(piece).toMatch(/^data: [^\n]+$/);
        events.push({ data: piece.slice(6) });
      }
    }
    expect(rest).toBe('');
    return events;
  }
  interface Part {
    readonly choices: { text: string; finish_reason: string | null }[];
  }
  it('are the compiled model’s tokens, one by one, then the reason and [DONE]', async () => {
    const events = await eventsOf({ max_tokens: 40, temperature: 0 });
    expect(events.at(-1)!.data).toBe('[DONE]');
    const parts = events.slice(0, -1).map(({ data }) => JSON.parse(data) as Part);
    const generator = new TextGenerator(smallGpt());
    const wanted = await generator.generate(idsOf('hello '), { temperature: 0, maxNewTokens: 40 });
    generator.dispose();
    expect(parts.map(({ choices }) => choices[0]!.text)).toEqual([...textOf(wanted), '']);
    expect(parts.map(({ choices }) => choices[0]!.finish_reason)).toEqual([
      ...wanted.map(() => null),
      'length',
    ]);
  });
  it('end at a stop, which is not sent, and penalties change what is said', async () => {
    const said = async (fields: object): Promise<[string, string | null]> => {
      const events = await eventsOf({ max_tokens: 30, temperature: 0, ...fields });
      const parts = events.slice(0, -1).map(({ data }) => (JSON.parse(data) as Part).choices[0]!);
      return [parts.map(({ text }) => text).join(''), parts.at(-1)!.finish_reason];
    };
    const [whole] = await said({});
    const stop = whole.slice(9, 12);
    expect(await said({ stop })).toEqual([whole.slice(0, whole.indexOf(stop)), 'stop']);
    const [other] = await said({ frequency_penalty: 2, presence_penalty: 2 });
    expect(other).not.toBe(whole);
    expect(new Set(other).size).toBeGreaterThan(new Set(whole).size);
  });
  it('come from functions that were compiled, and nothing else', async () => {
    const folder = await readdir(join(directory, 'gpt'));
    expect(folder).toEqual(expect.arrayContaining(['model.wasm', 'plan.js', 'weights.bin']));
    const { plan } = (await import(pathToFileURL(join(directory, 'gpt/plan.js')).href)) as {
      plan: Plan;
    };
    expect(plan.functions.map(({ name, signatures }) => [name, signatures.length])).toEqual([
      ['prefill', 2],
      ['decode', 1],
    ]);
  });
});

describe('curl and binary tensors', () => {
  it('asks by the Open Inference Protocol', async () => {
    manualSeed(6);
    const layer = new Linear(4, 3);
    const values = [0.5, -1, 2, 0.25];
    const wanted = Array.from(await layer.forward(tensor([values])).data(), Number);
    const x = { name: 'x', datatype: 'FP32', shape: [1, 4], data: values };
    const { stdout } = await curl('curl', [
      ...['-sS', '--fail-with-body', '-H', `authorization: ${auth.authorization}`],
      ...['-H', 'content-type: application/json', '-d', JSON.stringify({ inputs: [x] })],
      `${worker.url}/v2/models/classifier/infer`,
    ]);
    const { outputs } = JSON.parse(stdout) as { outputs: { data: number[] }[] };
    expect(outputs[0]!.data).toEqual(wanted.map((v) => expect.closeTo(v, 5) as unknown));

    const head = JSON.stringify({
      inputs: [
        { name: 'x', datatype: 'FP32', shape: [1, 4], parameters: { binary_data_size: 16 } },
      ],
      parameters: { binary_data_output: true },
    });
    const response = await fetch(`${worker.url}/v2/models/classifier/infer`, {
      method: 'POST',
      body: new Blob([head, Float32Array.from(values)]),
      headers: { ...auth, 'inference-header-content-length': String(head.length) },
    });
    const at = Number(response.headers.get('inference-header-content-length'));
    const tail = (await response.arrayBuffer()).slice(at);
    expect(Array.from(new Float32Array(tail))).toEqual(
      wanted.map((v) => expect.closeTo(v, 5) as unknown),
    );
    expect((await fetch(`${worker.url}/v2/health/ready`)).status).toBe(200);
  });
});

describe('safety', () => {
  const predict = (headers: Record<string, string>) =>
    fetch(`${worker.url}/predict`, {
      method: 'POST',
      body: JSON.stringify({ input: [[1, 2, 3, 4]] }),
      headers: { 'content-type': 'application/json', ...headers },
    });
  it('asks the platform’s limiter', async () => {
    const statuses: number[] = [];
    let retryAfter: string | null = null;
    // Its minute may end meanwhile; then it begins to count anew.
    while (statuses.at(-1) !== 429 && statuses.length < 100) {
      const response = await predict({ ...auth, 'x-client': 'eager' });
      statuses.push(response.status);
      retryAfter = response.headers.get('retry-after');
      await response.text();
    }
    expect(statuses.slice(0, 3)).toEqual([200, 200, 200]);
    expect([statuses.at(-1), retryAfter]).toEqual([429, '60']);
    expect((await predict({ ...auth, 'x-client': 'patient' })).status).toBe(200);
  });
  it('logs a line a request, with its id, and no key', async () => {
    await predict({ ...auth, 'x-request-id': 'trace-77' });
    while (!worker.log().includes('trace-77')) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // Wrangler's own lines name the bindings.
    const lines = worker
      .log()
      .split('\n')
      .filter((each) => each.startsWith('{'));
    const line = lines.find((each) => each.includes('trace-77'))!;
    expect(JSON.parse(line)).toMatchObject({
      id: 'trace-77',
      status: 200,
      route: '/predict',
      model: 'classifier',
    });
    expect(lines.join()).not.toContain(keys[1]);
  });
  it('answers browsers: a page, and other origins', async () => {
    const page = await fetch(`${worker.url}/`, { headers: { accept: 'text/html' } });
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<!doctype')]);
    const preflight = await fetch(`${worker.url}/predict`, {
      method: 'OPTIONS',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect((await predict({})).status).toBe(401);
  });
});
