/** Text in OpenAI's form over models of a few lines; the real client and workerd are in apps/edge-worker. */
import { serve, textApi, characterTokenizer } from '../src/index.ts';
import type { Sequence, TextModel } from '../src/index.ts';
import { ask as askOf } from './models.ts';

const letters = [...'abcdefghijklmnopqrstuvwxyz \n:'];
const fair = letters.map(() => 0);
let open = 0;
let steps = 0;
/** Says the alphabet on from the last letter, sure of itself; `z` is followed by `a`. */
function alphabet(more: Partial<TextModel> = {}): TextModel {
  const after = (id: number) => {
    steps += 1;
    return letters.map((_, next) => (next === (id < 26 ? (id + 1) % 26 : 0) ? 20 : 0));
  };
  const start = (): Sequence => {
    open += 1;
    return {
      prefill: (ids) => after(ids.at(-1)!),
      step: (id) => Promise.resolve(after(id)),
      close: () => void (open -= 1),
    };
  };
  return { tokenizer: characterTokenizer(letters), start, ...more };
}

const errors: unknown[] = [];
const server = serve({
  models: {},
  onError: (error) => errors.push(error),
  extensions: [
    textApi({
      maxTokens: 50,
      maxPrompts: 3,
      models: {
        abc: { load: () => alphabet({ embed: (ids) => [ids.length, 0.5, -1] }) },
        short: { load: () => alphabet({ contextLength: 8, endTokens: [letters.indexOf('e')] }) },
        broken: {
          load: () =>
            alphabet({
              start: () => ({
                prefill: () => {
                  throw new Error('a secret');
                },
                step: () => [],
              }),
            }),
        },
        dice: {
          load: () => alphabet({ start: () => ({ prefill: () => fair, step: () => fair }) }),
        },
        chatty: { load: () => alphabet(), chatTemplate: (m) => m.at(-1)!.content },
      },
    }),
  ],
});
const ask = (path: string, body?: unknown) => askOf(server.fetch, path, body);
const complete = (fields: object) =>
  ask('/v1/completions', { model: 'abc', temperature: 0, ...fields });

async function stream(path: string, fields: object): Promise<string[]> {
  const request = new Request(`http://localhost${path}`, {
    method: 'POST',
    body: JSON.stringify({ model: 'abc', temperature: 0, stream: true, ...fields }),
  });
  const response = await server.fetch(request);
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const text = await response.text();
  return text
    .trimEnd()
    .split('\n\n')
    .map((line) => line.replace(/^data: /, ''));
}

interface Chunk {
  readonly choices: readonly {
    readonly index: number;
    readonly text?: string;
    readonly delta?: { readonly role?: string; readonly content?: string };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: unknown;
  readonly error?: unknown;
}

it('goes on with a text, counts tokens, and says why it ended', async () => {
  const { status, json } = await complete({ prompt: 'ab', max_tokens: 5 });
  expect(status).toBe(200);
  expect(json).toEqual({
    id: expect.stringMatching(/^cmpl-[0-9a-f]{32}$/),
    created: expect.any(Number),
    model: 'abc',
    object: 'text_completion',
    choices: [{ index: 0, text: 'cdefg', logprobs: null, finish_reason: 'length' }],
    usage: { prompt_tokens: 2, completion_tokens: 5, total_tokens: 7 },
  });
  expect(open).toBe(0);
});

it('ends at stops, which it leaves out, at end tokens, and where the context does', async () => {
  const first = async (fields: object) =>
    ((await complete(fields)).json as Record<string, unknown> & Chunk).choices[0];
  expect(await first({ prompt: 'a', stop: ['ef', 'q'] })).toMatchObject({
    text: 'bcd',
    finish_reason: 'stop',
  });
  expect(await first({ prompt: 'ab', model: 'short' })).toMatchObject({
    text: 'cd',
    finish_reason: 'stop',
  });
  expect(await first({ prompt: 'fghij', model: 'short' })).toMatchObject({
    text: 'klm',
    finish_reason: 'length',
  });
  expect(await first({ prompt: 'a', max_tokens: 0 })).toMatchObject({ text: '' });
});

it('streams the same text, several prompts in turn, and usage when asked', async () => {
  const lines = await stream('/v1/completions', {
    prompt: ['a', [23, 24]],
    max_tokens: 4,
    stop: 'da',
    stream_options: { include_usage: true },
  });
  expect(lines.pop()).toBe('[DONE]');
  const chunks = lines.map((line) => JSON.parse(line) as Chunk);
  const texts = ['', ''];
  for (const { choices } of chunks) {
    for (const { index, text } of choices) texts[index] += text ?? '';
  }
  expect(texts).toEqual(['bcde', 'zabc']);
  expect(chunks.at(-1)!.usage).toEqual({
    prompt_tokens: 3,
    completion_tokens: 8,
    total_tokens: 11,
  });
  expect(chunks.at(-2)!.choices[0]).toMatchObject({ index: 1, finish_reason: 'length' });
});

it('answers conversations by a template', async () => {
  const messages = [
    { role: 'system', content: 'be brief' },
    { role: 'user', content: [{ type: 'text', text: 'xy' }] },
  ];
  const request = { messages, max_completion_tokens: 3, temperature: 0, model: 'chatty' };
  const { json } = await ask('/v1/chat/completions', request);
  expect(json).toMatchObject({
    object: 'chat.completion',
    choices: [{ message: { role: 'assistant', content: 'zab' }, finish_reason: 'length' }],
  });
  const lines = await stream('/v1/chat/completions', request);
  const deltas = lines.slice(0, -1).map((line) => (JSON.parse(line) as Chunk).choices[0]!.delta);
  expect(deltas[0]).toEqual({ role: 'assistant', content: '' });
  expect(deltas.map((delta) => delta?.content ?? '').join('')).toBe('zab');
});

it('says the same again with a seed, and something else with another', async () => {
  const said = async (seed: number) => {
    const { json } = await complete({
      prompt: 'a',
      model: 'dice',
      temperature: 2,
      max_tokens: 40,
      seed,
      frequency_penalty: 2,
    });
    return (json as Record<string, unknown> & Chunk).choices[0]!.text;
  };
  const [a, b, c] = [await said(1), await said(1), await said(2)];
  expect([a === b, a === c]).toEqual([true, false]);
});

it('embeds texts as numbers or base64', async () => {
  const embed = async (fields: object) =>
    (await ask('/v1/embeddings', { model: 'abc', ...fields })).json;
  expect(await embed({ input: ['ab', 'abc'] })).toEqual({
    object: 'list',
    model: 'abc',
    data: [
      { object: 'embedding', index: 0, embedding: [2, 0.5, -1] },
      { object: 'embedding', index: 1, embedding: [3, 0.5, -1] },
    ],
    usage: { prompt_tokens: 5, total_tokens: 5 },
  });
  const coded = (await embed({ input: 'ab', encoding_format: 'base64' })) as {
    data: { embedding: string }[];
  };
  const bytes = Buffer.from(coded.data[0]!.embedding, 'base64');
  expect([bytes.readFloatLE(0), bytes.readFloatLE(4), bytes.readFloatLE(8)]).toEqual([2, 0.5, -1]);
  expect((await embed({ input: 'a', model: 'short' }))['error']).toMatchObject({
    message: 'model short gives no embeddings',
  });
});

it('lists its models and describes its routes', async () => {
  const { json } = await ask('/v1/models');
  expect((json['data'] as { id: string }[]).map(({ id }) => id)).toEqual([
    'abc',
    'short',
    'broken',
    'dice',
    'chatty',
  ]);
  expect((await ask('/v1/models/abc')).json).toMatchObject({ id: 'abc', object: 'model' });
  expect((await ask('/v1/models/none')).status).toBe(404);
  const { paths } = (await ask('/openapi.json')).json as { paths: object };
  expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/v1/completions', '/v1/embeddings']));
});

it.each<[fields: object, status: number, wants: RegExp]>([
  [{ prompt: '' }, 400, /the prompt is empty/],
  [{ prompt: 'A' }, 400, /the model knows no "A"/],
  [{ prompt: 3 }, 400, /"prompt" must be a text/],
  [{ prompt: ['a', 'b', 'c', 'd'] }, 400, /may hold 3 texts/],
  [{ prompt: ['a', {}] }, 400, /no text and no list of tokens/],
  [{ prompt: 'a', max_tokens: 51 }, 400, /"max_tokens" must be a number from 0 to 50/],
  [{ prompt: 'a', temperature: 'hot' }, 400, /"temperature" must be a number/],
  [{ prompt: 'a', top_p: 2 }, 400, /"top_p"/],
  [{ prompt: 'a', seed: 1.5 }, 400, /"seed" must be a whole number/],
  [{ prompt: 'a', stop: [''] }, 400, /"stop" must be/],
  [{ prompt: 'a', n: 2 }, 400, /"n" is not supported/],
  [{ prompt: 'a', tools: [{}] }, 400, /"tools" is not supported/],
  [{ prompt: 'a', logit_bias: { 1: 5 } }, 400, /"logit_bias"/],
  [{ prompt: 'a', stream: 'yes' }, 400, /"stream" must be true or false/],
  [{ prompt: 'a', model: 'none' }, 404, /no model "none"/],
  [{ prompt: 'a', model: undefined }, 400, /"model" must be a text/],
  [{ prompt: 'abcdefgh', model: 'short' }, 400, /has 8 tokens, the model takes 7/],
  [{ prompt: 'a', model: 'broken' }, 500, /^internal error$/],
])('refuses %j in OpenAI’s form', async (fields, status, wants) => {
  const answer = await complete(fields);
  const { error } = answer.json as { error: Record<string, unknown> };
  expect([answer.status, Object.keys(error).sort()]).toEqual([
    status,
    ['code', 'message', 'param', 'type'],
  ]);
  expect(error['message']).toMatch(wants);
});

it('refuses messages that are none', async () => {
  for (const messages of [
    undefined,
    [],
    [{}],
    [{ role: 'tool', content: 'a' }],
    [{ role: 'user', content: 3 }],
  ]) {
    expect((await ask('/v1/chat/completions', { model: 'abc', messages })).status).toBe(400);
  }
});

it('puts failures into a stream that has begun', async () => {
  errors.length = 0;
  const lines = await stream('/v1/completions', { prompt: 'a', model: 'broken' });
  expect(JSON.parse(lines[0]!)).toMatchObject({ error: { message: 'internal error' } });
  expect((errors[0] as Error).message).toBe('a secret');
});

it('stops generating when the reader leaves, or the time is up', async () => {
  const request = new Request('http://localhost/v1/completions', {
    method: 'POST',
    body: JSON.stringify({
      model: 'abc',
      prompt: 'a',
      max_tokens: 50,
      temperature: 0,
      stream: true,
    }),
  });
  const response = await server.fetch(request);
  const reader = response.body!.getReader();
  await reader.read();
  expect(open).toBe(1);
  await reader.cancel();
  expect(open).toBe(0);
  const before = steps;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(steps).toBe(before);

  const controller = new AbortController();
  const slow = {
    ...alphabet(),
    start: () => ({
      prefill: () => letters.map(() => 0),
      step: async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return letters.map(() => 0);
      },
    }),
  };
  const { fetch } = serve({
    models: {},
    timeout: 40,
    extensions: [textApi({ models: { slow: { load: () => slow } } })],
  });
  const post = (more: object, signal?: AbortSignal) =>
    fetch(
      new Request('http://localhost/v1/completions', {
        method: 'POST',
        body: JSON.stringify({ model: 'slow', prompt: 'a', max_tokens: 1000, ...more }),
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  expect((await post({})).status).toBe(504);
  expect(await (await post({ stream: true })).text()).toContain('"code":"timeout"');
  const pending = post({}, controller.signal);
  setTimeout(() => controller.abort(), 10);
  expect((await pending).status).toBe(499);
});

it('is told of at / and loaded by the readiness check', async () => {
  expect((await ask('/')).json).toEqual({
    models: [],
    textModels: ['abc', 'short', 'broken', 'dice', 'chatty'].map((name) => ({ name })),
  });
  const seen: string[] = [];
  let there = false;
  const { fetch } = serve({
    models: {},
    onError: (error) => seen.push(String(error)),
    extensions: [
      textApi({
        models: {
          late: {
            load: () => {
              if (!there) throw new Error('no weights');
              return alphabet();
            },
          },
        },
      }),
    ],
  });
  const ready = async () => {
    const { status, json } = await askOf(fetch, '/v2/health/ready');
    return [status, json];
  };
  expect(await ready()).toEqual([503, { ready: false }]);
  expect(seen).toEqual(['Error: no weights']);
  there = true;
  expect(await ready()).toEqual([200, { ready: true }]);
});
