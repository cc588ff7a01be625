/** The Open Inference Protocol: metadata, health, JSON and binary tensors, and its refusals. */
import { float16Bits } from '@hebb/core';
import { serve } from '../src/index.ts';
import { ask as askOf, echo, kinds } from './models.ts';

const seen: unknown[] = [];
const { fetch } = serve({
  maxBodyBytes: 2000,
  onError: (error) => seen.push(error),
  models: {
    echo: { versions: { 1: { load: () => echo }, 2: { load: () => echo } }, current: '2' },
    kinds: { load: () => kinds },
    late: {
      load: () => {
        throw new Error('weights are missing');
      },
    },
  },
});
const ask = (path: string, body?: unknown, headers?: Record<string, string>) =>
  askOf(fetch, path, body, headers);

const fp32 = (data: unknown, shape = [1, 2]) => ({ name: 'x', datatype: 'FP32', shape, data });

/** A request as the extension for binary tensors has it. */
async function binary(
  path: string,
  json: unknown,
  ...pieces: Uint8Array<ArrayBuffer>[]
): Promise<{ status: number; json: Record<string, unknown>; tail: Uint8Array<ArrayBuffer> }> {
  const head = new TextEncoder().encode(json === undefined ? '' : JSON.stringify(json));
  const response = await fetch(
    new Request(`http://localhost${path}`, {
      method: 'POST',
      body: new Blob([head, ...pieces]),
      headers: { 'inference-header-content-length': String(head.length) },
    }),
  );
  const body = new Uint8Array(await response.arrayBuffer());
  const length = Number(response.headers.get('inference-header-content-length') ?? body.length);
  const text = new TextDecoder().decode(body.subarray(0, length));
  return {
    status: response.status,
    json: JSON.parse(text) as Record<string, unknown>,
    tail: body.slice(length),
  };
}
const bytes = (array: ArrayBufferView<ArrayBuffer>) => new Uint8Array(array.buffer.slice(0));

it('says what it is, what it has and whether that is ready', async () => {
  expect((await ask('/v2')).json).toMatchObject({ extensions: ['binary_tensor_data'] });
  expect((await ask('/v2/health/live')).json).toEqual({ live: true });
  const ready = await ask('/v2/health/ready');
  expect([ready.status, ready.json]).toEqual([503, { ready: false }]);
  expect((await ask('/v2/models/echo/ready')).json).toEqual({ name: 'echo', ready: true });
  expect((await ask('/v2/models/late/ready')).status).toBe(503);
  expect((seen.pop() as Error).message).toBe('weights are missing');
  expect((await ask('/v2/models/kinds')).json).toEqual({
    name: 'kinds',
    versions: ['1'],
    platform: 'hebb',
    inputs: [
      { name: 'long', datatype: 'INT64', shape: [-1] },
      { name: 'half', datatype: 'FP16', shape: [-1] },
      { name: 'flag', datatype: 'BOOL', shape: [-1] },
    ],
    outputs: [
      { name: 'long', datatype: 'INT64', shape: [-1] },
      { name: 'half', datatype: 'FP16', shape: [-1] },
      { name: 'flag', datatype: 'BOOL', shape: [-1] },
      { name: 'odd', datatype: 'FP32', shape: [3] },
    ],
  });
});

it('answers flat and nested data, with the id, of the version asked for', async () => {
  for (const data of [
    [1, 2, 3, 4],
    [
      [1, 2],
      [3, 4],
    ],
  ]) {
    const request = { id: 'a1', inputs: [fp32(data, [2, 2])] };
    for (const [path, version] of [
      ['', '2'],
      ['/versions/1', '1'],
    ]) {
      const { status, json } = await ask(`/v2/models/echo${path}/infer`, request);
      expect(status).toBe(200);
      expect(json).toEqual({
        model_name: 'echo',
        model_version: version,
        id: 'a1',
        outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 2], data: [1, 2, 3, 4] }],
      });
    }
  }
});

const long = BigInt64Array.of(2n ** 62n + 1n, -7n);
const half = Uint16Array.of(float16Bits(0.5), float16Bits(-2));
const binaryRequest = {
  inputs: [
    { name: 'flag', datatype: 'BOOL', shape: [2], parameters: { binary_data_size: 2 } },
    { name: 'long', datatype: 'INT64', shape: [2], parameters: { binary_data_size: 16 } },
    { name: 'half', datatype: 'FP16', shape: [2], data: [0.5, -2] },
  ],
};

it('takes and gives every integer of 64 bits, as JSON writes it', async () => {
  const answer = await fetch(
    new Request('http://localhost/v2/models/kinds/infer', {
      method: 'POST',
      body: `{"inputs": [
        {"name": "long", "datatype": "INT64", "shape": [2], "data": [9007199254740993, -9223372036854775808]},
        {"name": "half", "datatype": "FP16", "shape": [1], "data": [1]},
        {"name": "flag", "datatype": "BOOL", "shape": [1], "data": [true]}
      ], "outputs": [{"name": "long"}]}`,
    }),
  );
  expect(await answer.text()).toContain('[9007199254740993,-9223372036854775808]');
  const beyond = await fetch(
    new Request('http://localhost/models/kinds/predict', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"inputs": {"long": [9223372036854775808], "half": [1], "flag": [1]}}',
    }),
  );
  expect([beyond.status, await beyond.text()]).toEqual([
    400,
    expect.stringMatching(/element 0 is 9223372036854775808, which is no int64/),
  ]);
});

it('takes packed bodies, bounded by what they unpack to', async () => {
  const send = (body: BodyInit, encoding: string) =>
    fetch(
      new Request('http://localhost/v2/models/echo/infer', {
        method: 'POST',
        body,
        headers: { 'content-encoding': encoding },
      }),
    );
  const packed = async (json: unknown, format: CompressionFormat) =>
    new Response(
      new Blob([JSON.stringify(json)]).stream().pipeThrough(new CompressionStream(format)),
    ).arrayBuffer();
  const good = { inputs: [fp32([1, 2])], id: null, parameters: null, outputs: null };
  for (const format of ['gzip', 'deflate'] as const) {
    const answer = await send(await packed(good, format), format);
    expect([answer.status, await answer.json()]).toMatchObject([
      200,
      { outputs: [{ data: [1, 2] }] },
    ]);
  }
  const bomb = await packed({ ...good, id: ' '.repeat(100_000) }, 'gzip');
  expect(bomb.byteLength).toBeLessThan(1000);
  expect((await send(bomb, 'gzip')).status).toBe(413);
  const broken = await send(JSON.stringify(good), 'gzip');
  expect([broken.status, await broken.json()]).toMatchObject([400, { code: 'bad_input' }]);
  const cut = (await packed(good, 'gzip')).slice(0, 30);
  expect((await send(cut, 'gzip')).status).toBe(400);
  const unknown = await send('x', 'br');
  expect([unknown.status, unknown.headers.get('accept-encoding')]).toEqual([415, 'gzip, deflate']);
});

it('takes binary tensors anywhere in the request and gives them where wanted', async () => {
  const outputs = [
    { name: 'half', parameters: { binary_data: true } },
    { name: 'long' },
    { name: 'flag' },
    { name: 'odd' },
  ];
  const answer = await binary(
    '/v2/models/kinds/infer',
    { ...binaryRequest, outputs },
    Uint8Array.of(1, 0),
    bytes(long),
  );
  expect(answer.status).toBe(200);
  const [first, ...others] = answer.json['outputs'] as Record<string, unknown>[];
  expect(first).toEqual({
    name: 'half',
    datatype: 'FP16',
    shape: [2],
    parameters: { binary_data_size: 4 },
  });
  expect(Array.from(new Uint16Array(answer.tail.buffer))).toEqual(Array.from(half));
  // Beyond 2^53 the text is exact, though JSON.parse is not.
  expect(others.map(({ data }) => data)).toEqual([
    [Number(2n ** 62n + 1n), -7],
    [true, false],
    [null, null, 1.5],
  ]);
});

it('gives all outputs in binary by one parameter, in the order of the answer', async () => {
  const { json, tail } = await binary(
    '/v2/models/kinds/infer',
    { ...binaryRequest, parameters: { binary_data_output: true } },
    Uint8Array.of(1, 0),
    bytes(long),
  );
  const sizes = (json['outputs'] as { parameters: { binary_data_size: number } }[]).map(
    ({ parameters }) => parameters.binary_data_size,
  );
  expect(sizes).toEqual([16, 4, 2, 12]);
  expect(Array.from(new BigInt64Array(tail.buffer.slice(0, 16)))).toEqual(Array.from(long));
  expect(Array.from(new Float32Array(tail.buffer.slice(22)))).toEqual([NaN, Infinity, 1.5]);
});

it('takes a body without JSON for the one input, and finds the open axis', async () => {
  const { json, tail } = await binary(
    '/v2/models/echo/infer',
    undefined,
    bytes(Float32Array.of(1, 2, 3, 4, 5, 6)),
  );
  expect((json['outputs'] as { shape: number[] }[])[0]!.shape).toEqual([3, 2]);
  expect(Array.from(new Float32Array(tail.buffer))).toEqual([1, 2, 3, 4, 5, 6]);
  const odd = await binary('/v2/models/echo/infer', undefined, new Uint8Array(12));
  expect([odd.status, odd.json['error']]).toEqual([400, '12 bytes do not fill input x [n,2]']);
  const many = await binary('/v2/models/kinds/infer', undefined, new Uint8Array(12));
  expect(many.json['error']).toMatch(/models with one input/);
});

describe('refusals', () => {
  const cases: [what: string, body: unknown, wants: RegExp][] = [
    ['no inputs', {}, /"inputs" must be a list/],
    ['a list', [], /must be a JSON object/],
    ['an id that is no text', { id: 1, inputs: [] }, /"id" must be a string/],
    ['an input without a name', { inputs: [{}] }, /no "name"/],
    ['an unknown input', { inputs: [{ ...fp32([1, 2]), name: 'z' }] }, /no input "z"; it has x/],
    ['an input twice', { inputs: [fp32([1, 2]), fp32([1, 2])] }, /given twice/],
    ['a missing input', { inputs: [] }, /"x" is missing/],
    ['another datatype', { inputs: [{ ...fp32([1, 2]), datatype: 'FP64' }] }, /FP64 given, FP32/],
    ['no shape', { inputs: [{ name: 'x', datatype: 'FP32', data: [1] }] }, /"shape" must be/],
    ['a wrong shape', { inputs: [fp32([1, 2], [2])] }, /shape \[2\] given, \[n,2\] wanted/],
    ['a huge shape', { inputs: [fp32([1, 2], [1e15, 2])] }, /2 numbers do not fill/],
    ['ragged lists', { inputs: [fp32([[1, 2], [3]], [2, 2])] }, /ragged/],
    ['deep lists', { inputs: [fp32([[[1]]], [1, 2])] }, /ragged|a list/],
    ['text', { inputs: [fp32(['a', 2])] }, /"a", not a finite number/],
    ['no data', { inputs: [fp32(undefined)] }, /"data" must be a list/],
    ['an unknown output', { inputs: [fp32([1, 2])], outputs: [{ name: 'q' }] }, /no output "q"/],
    [
      'classes',
      { inputs: [fp32([1, 2])], outputs: [{ name: 'y', parameters: { classification: 2 } }] },
      /classification is not supported/,
    ],
    ['other parameters', { inputs: [], parameters: 3 }, /"parameters" of the request/],
    [
      'binary without its header',
      {
        inputs: [
          { name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } },
        ],
      },
      /needs the header/,
    ],
  ];
  it.each(cases)('%s', async (_what, body, wants) => {
    const { status, json } = await ask('/v2/models/echo/infer', body);
    expect([status, json['code']]).toEqual([400, 'bad_input']);
    expect(json['error']).toMatch(wants);
  });
  it('of binary data that is cut, too long, of another size, or no boolean', async () => {
    const path = '/v2/models/kinds/infer';
    const short = await binary(path, binaryRequest, Uint8Array.of(1, 0));
    expect(short.json['error']).toMatch(/input long: the binary data is truncated/);
    const more = await binary(path, binaryRequest, new Uint8Array(20));
    expect(more.json['error']).toMatch(/20 bytes follow the JSON, the inputs take 18/);
    const flags = await binary(path, binaryRequest, Uint8Array.of(1, 2), bytes(long));
    expect(flags.json['error']).toMatch(/neither 0 nor 1/);
    const wrong = { inputs: [{ ...binaryRequest.inputs[0], shape: [3] }] };
    expect((await binary(path, wrong, Uint8Array.of(1, 0))).json['error']).toMatch(
      /2 bytes do not fill shape \[3\]/,
    );
    for (const size of [-1, 1.5, 'x', 1e300]) {
      const odd = {
        inputs: [{ ...binaryRequest.inputs[0], parameters: { binary_data_size: size } }],
      };
      expect((await binary(path, odd, Uint8Array.of(1, 0))).status).toBe(400);
    }
  });
  it('of other kinds have their status, and tell nothing of the inside', async () => {
    const { fetch: raw } = { fetch };
    const post = (headers: Record<string, string>, body: string) =>
      raw(new Request('http://localhost/v2/models/echo/infer', { method: 'POST', body, headers }));
    expect((await post({ 'inference-header-content-length': '99' }, '{}')).status).toBe(400);
    expect((await post({ 'inference-header-content-length': '-1' }, '{}')).status).toBe(400);
    expect((await post({}, '')).status).toBe(400);
    expect(await (await post({}, '{')).json()).toMatchObject({ code: 'bad_json' });
    expect((await post({}, 'x'.repeat(3000))).status).toBe(413);
    const infer = (inputs: unknown) => ask('/v2/models/kinds/infer', { inputs });
    const three = [
      { name: 'long', datatype: 'INT64', shape: [3], data: [1, 2, 3] },
      { name: 'half', datatype: 'FP16', shape: [3], data: [1, 2, 3] },
      { name: 'flag', datatype: 'BOOL', shape: [3], data: [true, true, false] },
    ];
    expect((await infer(three)).json).toEqual({
      error: 'not compiled for this (got 3, wanted 2)',
      code: 'bad_input',
    });
    const nine = three.map((tensor) => ({
      ...tensor,
      shape: [1],
      data: [tensor.datatype === 'BOOL' ? true : 9],
    }));
    const broken = await infer(nine);
    expect([broken.status, broken.json]).toEqual([
      500,
      { error: 'internal error', code: 'internal' },
    ]);
    expect((await ask('/v2/models/none/infer', {})).status).toBe(404);
    expect((await ask('/v2/models/echo/versions/9')).json).toEqual({
      error: 'model echo has no version "9"; there is 1, 2',
      code: 'not_found',
    });
    const method = await ask('/v2/models/echo/infer');
    expect([method.status, method.headers.get('allow')]).toEqual([405, 'POST']);
  });
});
