/** The handler by itself: every status, with a real computation behind it. Real workerd is in apps/edge-worker. */
import { cpu } from '@hebb/backend-cpu';
import { HebbError, float16Bits, fromBits, init, withBackend } from '@hebb/core';
import { Linear } from '@hebb/nn';
import { importOnnx, toOnnx } from '@hebb/onnx';
import { PlayerError } from '@hebb/runtime';
import { serve } from '../src/index.ts';
import type { ServedModel, ServedTensor } from '../src/index.ts';

const tensorOf = ({ data, shape, dtype }: ServedTensor) => fromBits(data, shape, dtype);

const sums: ServedModel = {
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 3] }],
  outputs: [{ name: 'scores', dtype: 'float32', shape: ['batch', 2] }],
  run: async ({ x: given }) => {
    const x = tensorOf(given!);
    const total = x.sum(1, true);
    const scores = total.matmul(total.mul(0).add(1).sum(0, true)).expand([x.shape[0]!, 2]);
    return { scores: await scores.realize() };
  },
};
const pair: ServedModel = {
  inputs: [
    { name: 'a', dtype: 'int64', shape: [2] },
    { name: 'b', dtype: 'bool', shape: [2] },
  ],
  outputs: [{ name: 'y', dtype: 'int64', shape: [2] }],
  run: async ({ a, b }) => ({ y: await tensorOf(a!).mul(tensorOf(b!)).realize() }),
};
/** Gives back what it gets, as plain arrays and at once; only two elements, as a compiled model would. */
const echo: ServedModel = {
  inputs: [{ name: 'x', dtype: 'float16', shape: ['n'] }],
  outputs: [{ name: 'x', dtype: 'float16', shape: ['n'] }],
  run: ({ x }) => {
    if (x!.shape[0] !== 2) throw new PlayerError('shape', 'not compiled for this', '3', '2');
    if (x!.data[0] === float16Bits(9)) throw new PlayerError('memory', 'none left');
    return { x: x! };
  },
};

const backend = await init(cpu());
let loads = 0;
const seen: unknown[] = [];
const handler = serve({
  maxBodyBytes: 1000,
  onError: (error) => seen.push(error),
  models: {
    sums: {
      load: () => {
        loads += 1;
        return sums;
      },
      labels: ['low', 'high'],
      decoders: {
        'text/csv': (body) => {
          const cells = new TextDecoder().decode(body).split(',').map(Number);
          if (cells.some(Number.isNaN)) throw new HebbError('not numbers', { op: 'csv' });
          return { data: Float32Array.from(cells), shape: [1, cells.length] };
        },
        'text/broken': () => {
          throw new TypeError('a secret path');
        },
      },
    },
    pair: { load: () => pair },
    echo: {
      load: () => echo,
      decoders: {
        'text/integers': (body) => {
          const data = Int32Array.from(new TextDecoder().decode(body).split(','), Number);
          return { data, shape: [2] };
        },
      },
    },
    late: {
      load: () => {
        throw new Error('weights are missing');
      },
    },
  },
});

async function ask(
  path: string,
  body?: BodyInit,
  type = 'application/json',
  method = body === undefined ? 'GET' : 'POST',
): Promise<{ status: number; json: Record<string, unknown>; allow: string | null }> {
  const response = await withBackend(backend, () =>
    handler.fetch(
      new Request(`http://localhost${path}`, {
        method,
        ...(body === undefined ? {} : { body, headers: { 'content-type': type } }),
      }),
    ),
  );
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  return {
    status: response.status,
    json: (await response.json()) as Record<string, unknown>,
    allow: response.headers.get('allow'),
  };
}
const message = (json: Record<string, unknown>): string =>
  (json['error'] as { message: string }).message;

describe('good requests', () => {
  it('answers nested lists, and loads the model once', async () => {
    for (let i = 0; i < 2; i++) {
      const { status, json } = await ask(
        '/models/sums/predict',
        JSON.stringify({
          input: [
            [1, 2, 3],
            [4, 5, 6],
          ],
        }),
      );
      expect(status).toBe(200);
      expect(json['outputs']).toEqual({
        scores: { shape: [2, 2], dtype: 'float32', data: [12, 12, 30, 30] },
      });
      expect(json['predictions']).toEqual([
        { label: 'low', index: 0, score: 12 },
        { label: 'low', index: 0, score: 30 },
      ]);
    }
    expect(loads).toBe(1);
  });
  it('answers shape and data, and named inputs of other types exactly', async () => {
    const { json } = await ask(
      '/models/pair/predict',
      JSON.stringify({
        inputs: { a: { shape: [2], data: [9007199254740991, -5] }, b: [true, false] },
      }),
    );
    expect(json['outputs']).toEqual({
      y: { shape: [2], dtype: 'int64', data: [9007199254740991, 0] },
    });
  });
  it('hands other media types to the decoder', async () => {
    const { status, json } = await ask('/models/sums/predict', '1,2,3', 'text/csv; charset=utf-8');
    expect(status).toBe(200);
    expect(json['model']).toBe('sums');
  });
  it('describes itself', async () => {
    expect((await ask('/health')).json).toEqual({
      status: 'ok',
      models: ['sums', 'pair', 'echo', 'late'],
    });
    const { json } = await ask('/models/sums');
    expect(json).toEqual({
      name: 'sums',
      inputs: sums.inputs,
      outputs: sums.outputs,
      labels: ['low', 'high'],
      accepts: ['application/json', 'text/csv', 'text/broken'],
    });
  });
});

it('frees what requests brought in', async () => {
  const file = await toOnnx(new Linear(3, 2), { input: { x: ['batch', 3] } });
  const { fetch } = serve({ models: { linear: { load: () => importOnnx(file) } } });
  const live: number[] = [];
  for (let i = 0; i < 6; i++) {
    const body = JSON.stringify({ input: [[i, 2, 3]] });
    const headers = { 'content-type': 'application/json' };
    const request = new Request('http://localhost/predict', { method: 'POST', body, headers });
    const response = await withBackend(backend, () => fetch(request));
    expect(response.status).toBe(200);
    live.push(backend.memory().buffers);
  }
  expect(live.slice(2)).toEqual(live.slice(2).map(() => live[1]));
});

describe('models that work on plain arrays', () => {
  const post = (input: unknown) => ask('/models/echo/predict', JSON.stringify({ input }));
  it('get and give 16-bit floats as bits, which clients see as numbers', async () => {
    expect((await post([0.5, -2])).json['outputs']).toEqual({
      x: { shape: [2], dtype: 'float16', data: [0.5, -2] },
    });
    expect(message((await post([1e6, 0])).json)).toMatch(/beyond float16/);
  });
  it('get what a decoder read, in their dtype', async () => {
    const { json } = await ask('/models/echo/predict', '3,4', 'text/integers');
    expect(json['outputs']).toEqual({ x: { shape: [2], dtype: 'float16', data: [3, 4] } });
    const bad = await ask('/models/echo/predict', '3,4,5', 'text/integers');
    expect([bad.status, /3 numbers do not fill shape \[2\]/.test(message(bad.json))]).toEqual([
      400,
      true,
    ]);
  });
  it('may refuse a shape, which is the client’s fault; other failures are not', async () => {
    const refused = await post([1, 2, 3]);
    expect([refused.status, message(refused.json)]).toEqual([
      400,
      'not compiled for this (got 3, wanted 2)',
    ]);
    expect((await post([9, 0])).status).toBe(500);
    expect((seen.pop() as Error).message).toBe('none left');
  });
});

describe('bad requests', () => {
  const cases: [what: string, body: string, wants: RegExp][] = [
    ['no JSON', '{', /not JSON/],
    ['no object', '[1]', /JSON object/],
    ['an unknown field', '{"inptu": 1}', /unknown field "inptu"/],
    ['too few sizes', '{"input": [1, 2, 3]}', /shape \[3\] given, \[batch,3\] wanted/],
    ['a wrong size', '{"input": [[1, 2]]}', /shape \[1,2\] given, \[batch,3\] wanted/],
    ['ragged lists', '{"input": [[1, 2, 3], [4]]}', /ragged/],
    ['text', '{"input": [["a", 2, 3]]}', /"a", not a finite number/],
    ['null', '{"input": [[null, 2, 3]]}', /null, not a finite number/],
    ['a number beyond float32', '{"input": [[1e39, 2, 3]]}', /beyond float32/],
    ['an empty batch', '{"input": {"shape": [0, 3], "data": []}}', /empty/],
    ['data that does not fill', '{"input": {"shape": [2, 3], "data": [1]}}', /do not fill/],
    ['negative sizes', '{"input": {"shape": [-1, 3], "data": [1]}}', /non-negative/],
    ['both forms', '{"input": [[1,2,3]], "inputs": {}}', /one input/],
    ['an unknown input', '{"inputs": {"z": [[1,2,3]]}}', /no input "z"/],
  ];
  it.each(cases)('refuses %s', async (_what, body, wants) => {
    const { status, json } = await ask('/models/sums/predict', body);
    expect(status).toBe(400);
    expect(message(json)).toMatch(wants);
  });
  it('refuses fractions and big numbers for integers, and missing inputs', async () => {
    const post = (inputs: unknown) => ask('/models/pair/predict', JSON.stringify({ inputs }));
    expect(message((await post({ a: [1.5, 2], b: [true, true] })).json)).toMatch(
      /1\.5, which is no int64/,
    );
    expect(message((await post({ a: [1, 2], b: [2, 0] })).json)).toMatch(/no bool/);
    expect(message((await post({ a: [1, 2] })).json)).toMatch(/"b" is missing/);
  });
  it('says 413, 415, 404 and 405', async () => {
    const large = await ask(
      '/models/sums/predict',
      JSON.stringify({ input: [new Array(600).fill(1)] }),
    );
    expect([large.status, (large.json['error'] as { code: string }).code]).toEqual([
      413,
      'payload_too_large',
    ]);
    expect((await ask('/models/sums/predict', 'x', 'image/gif')).status).toBe(415);
    expect((await ask('/models/none/predict', '{}')).status).toBe(404);
    expect((await ask('/nowhere')).status).toBe(404);
    expect(message((await ask('/predict', '{}')).json)).toMatch(/name the model/);
    const wrong = await ask('/models/sums/predict');
    expect([wrong.status, wrong.allow]).toEqual([405, 'POST']);
    expect((await ask('/health', '{}')).allow).toBe('GET');
  });
  it('refuses a body that only turns out too long while it streams', async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(400));
      },
    });
    const request = new Request('http://localhost/models/sums/predict', {
      method: 'POST',
      body: endless,
      headers: { 'content-type': 'application/json' },
      duplex: 'half',
    } as RequestInit);
    const response = await handler.fetch(request);
    expect(response.status).toBe(413);
    expect(pulled).toBeLessThan(10);
  });
  it('calls a bad file the client’s fault and tells nothing of its own', async () => {
    const bad = await ask('/models/sums/predict', 'x,y', 'text/csv');
    expect([bad.status, message(bad.json)]).toEqual([400, 'csv: not numbers']);
    const broken = await ask('/models/sums/predict', 'x', 'text/broken');
    expect([broken.status, message(broken.json)]).toEqual([500, 'internal error']);
    const late = await ask('/models/late');
    expect([late.status, message(late.json)]).toEqual([500, 'internal error']);
    expect(seen.map((error) => (error as Error).message)).toEqual([
      'a secret path',
      'weights are missing',
    ]);
  });
});
